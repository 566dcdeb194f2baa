/** A connected pair of transports in memory: runs the whole contract suite, and stands in for sockets in unit tests. */
import { duplexPair, type Duplex } from "node:stream"

/** Two ends: what one writes the other reads. */
export function memoryPair(): [Duplex, Duplex] {
  return duplexPair({ allowHalfOpen: true })
}
