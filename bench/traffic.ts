/** What is sent over a line: echoes with a bound on what is out, one direction each, round trips. */
import type { Line, Way } from "./ways/way.ts"

/** Most bytes written and not yet echoed: the same for every way, and what one window of the daemon holds. */
const OUTSTANDING_BYTES = 1024 * 1024

/** Writes `total` bytes in pieces and waits until all have come back. */
export async function echoed(way: Way, { total, piece }: { total: number; piece: number }): Promise<void> {
  const data = Buffer.alloc(piece, "echo ")
  let written = 0
  let back = 0
  let mayWrite = true
  let line: Line | null = null
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const write = (): void => {
    while (mayWrite && written < total && written - back < OUTSTANDING_BYTES) {
      written += piece
      if (line?.write(data) === false) mayWrite = false
    }
  }
  line = await way.open("echo", {
    data: (chunk) => {
      back += chunk.length
      if (back >= total) finish()
      else write()
    },
    drain: () => {
      mayWrite = true
      write()
    },
  })
  write()
  await finished
  line.close()
}

/** Writes `total` bytes as fast as the way lets us, until the remote has them all. */
export async function sunk(way: Way, { total, piece }: { total: number; piece: number }): Promise<void> {
  const data = Buffer.alloc(piece, "sink ")
  let written = 0
  let line: Line | null = null
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const write = (): void => {
    while (written < total) {
      written += piece
      if (line?.write(data) === false) return
    }
  }
  line = await way.open("sink", { data: () => finish(), drain: write })
  line.write(count(total))
  write()
  await finished
  line.close()
}

/** Has the remote send `total` bytes as fast as we take them. */
export async function sourced(way: Way, total: number): Promise<void> {
  let missing = total
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const line = await way.open("source", {
    data: (chunk) => {
      missing -= chunk.length
      if (missing === 0) finish()
    },
    drain: () => {},
  })
  line.write(count(total))
  await finished
  line.close()
}

/** Sends `bytes` bytes to and fro, `times` times; microseconds of each round trip. */
export async function roundTrips(way: Way, { bytes, times }: { bytes: number; times: number }): Promise<number[]> {
  const data = Buffer.alloc(bytes, "ping ")
  const took: number[] = []
  let startMs = 0
  let missing = bytes
  let line: Line | null = null
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  const ping = (): void => {
    missing = bytes
    startMs = performance.now()
    line?.write(data)
  }
  line = await way.open("echo", {
    data: (chunk) => {
      missing -= chunk.length
      if (missing > 0) return
      took.push((performance.now() - startMs) * 1000)
      if (took.length === times) finish()
      else ping()
    },
    drain: () => {},
  })
  ping()
  await finished
  line.close()
  return took
}

/** As {@link roundTrips} on `lines` lines at once; resolves when all have made theirs. */
export async function manyRoundTrips(
  way: Way,
  options: { lines: number; bytes: number; each: number },
): Promise<number> {
  const { lines, bytes, each } = options
  const data = Buffer.alloc(bytes, "ping ")
  const open: Line[] = []
  let running = lines
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => (finish = resolve))
  for (let index = 0; index < lines; index++) {
    let missing = bytes
    let left = each
    const line = await way.open("echo", {
      data: (chunk) => {
        missing -= chunk.length
        if (missing > 0) return
        missing = bytes
        if (--left > 0) open[index]?.write(data)
        else if (--running === 0) finish()
      },
      drain: () => {},
    })
    open.push(line)
  }
  const startMs = performance.now()
  for (const line of open) line.write(data)
  await finished
  const took = (performance.now() - startMs) / 1000
  for (const line of open) line.close()
  return (lines * each) / took
}

function count(total: number): Buffer {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(BigInt(total))
  return head
}
