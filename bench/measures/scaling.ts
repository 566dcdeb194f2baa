/** How costs grow with the number of transports, clients and writes: none of them faster than that number. */
import { maxDescriptors } from "../processes.ts"
import type { Measure } from "../measure.ts"
import { clientCosts } from "../scaling/clients.ts"
import { growths } from "../scaling/growth.ts"
import { transportCosts } from "../scaling/transports.ts"
import { writeCosts } from "../scaling/writes.ts"

const TRANSPORTS = [1, 10, 100, 1000, 10_000]
const CLIENTS = [1, 10, 100]
const WRITES = [1000, 10_000, 100_000]
/** What the daemon and the remote need beside their transports. */
const SPARE_DESCRIPTORS = 100

export const scaling: Measure = {
  name: "scaling",
  about: "costs of one transport, client, write while there are more and more",
  async run(field, effort) {
    const most = maxDescriptors() - SPARE_DESCRIPTORS
    const wanted = effort.share < 1 ? TRANSPORTS.slice(0, 3) : TRANSPORTS
    const sizes = wanted.filter((size) => size <= most)
    if (sizes.length < wanted.length) {
      const need = (wanted.at(-1) ?? 0) + SPARE_DESCRIPTORS
      effort.leftOut(`${wanted.at(-1)} transports need ${need} descriptors: raise the hard limit (ulimit -Hn)`)
    }
    const some = (sizes: readonly number[]): readonly number[] => (effort.share < 1 ? sizes.slice(0, 2) : sizes)
    return [
      ...(await growths("transport", sizes, effort, (size) => transportCosts(field, size, effort.share))),
      ...(await growths("client", some(CLIENTS), effort, (size) => clientCosts(field, size, effort.share))),
      ...(await growths("small write", some(WRITES), effort, (size) => writeCosts(field, size))),
    ]
  },
}
