/**
 * A soak with all around it: starts a real daemon, warms it up, soaks it, and compares what it has at the end with what
 * it had before: memory, descriptors, child processes.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { connect } from "transportd/client"
import { mulberry32 } from "../../support/random.ts"
import { childrenOf, descriptorsOf, residentBytes } from "../support/look.ts"
import { startDaemonProcess, type Process } from "../support/processes.ts"
import { Soak } from "./soak.ts"

/** Held after a collection, beyond the ends that are remembered and what the compiler made meanwhile. */
const SPARE_BYTES = 8 * 1024 * 1024
/** Resident: the allocator gives back in its own time what was needed once. Measured: up to 70 MB after the warm-up. */
const SPARE_RESIDENT_BYTES = 128 * 1024 * 1024

interface Holdings {
  /** On the heap and in buffers, after a collection. */
  readonly heldBytes: number
  readonly residentBytes: number
  readonly descriptors: readonly string[]
  readonly children: readonly number[]
}

export interface Outcome {
  readonly operations: number
  readonly flaws: readonly string[]
  /** The last operations before the first flaw. */
  readonly recent: readonly string[]
  readonly before: Holdings
  readonly after: Holdings
}

export interface SoakOptions {
  readonly seed: number
  /** Operations before the first look: what is made once, at first use, is made then. */
  readonly warmUp: number
  goesOn(operations: number): boolean
}

export async function soak({ seed, warmUp, goesOn }: SoakOptions): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "soak-"))
  const socket = join(folder, "daemon.sock")
  const daemon = await startDaemonProcess(socket, { TRANSPORTD_RETAIN_CLOSED_MS: "200" })
  try {
    const first = new Soak(socket, mulberry32(seed))
    await first.run(() => first.operations < warmUp)
    const before = await holdingsOf(daemon, socket)
    const second = new Soak(socket, mulberry32(seed + 1))
    if (first.flaws.length === 0) await second.run(() => goesOn(second.operations))
    const after = await holdingsOf(daemon, socket, before)
    return {
      operations: first.operations + second.operations,
      flaws: [...first.flaws, ...second.flaws, ...differences(before, after), ...spoken(daemon)],
      recent: second.operations === 0 ? first.recent : second.recent,
      before,
      after,
    }
  } finally {
    await daemon.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Looks until nothing is more than in `than`, for the system and the collector take their time; the last look counts. */
async function holdingsOf({ pid, child }: Process, socket: string, than?: Holdings): Promise<Holdings> {
  const client = await connect({ socket })
  let found: Holdings | undefined
  for (let look = 0; look < 100; look++) {
    child.kill("SIGUSR2")
    await delay(20)
    const { memory, totals } = await client.request("daemon/statistics", {})
    found = {
      heldBytes: memory.heapBytes + memory.buffersBytes,
      residentBytes: residentBytes(pid),
      descriptors: [...descriptorsOf(pid).values()].toSorted(),
      children: childrenOf(pid),
    }
    const settled =
      than === undefined ? look >= 20 && found.children.length === 0 : differences(than, found).length === 0
    if (settled && totals.clients > 0) break
  }
  await client.close()
  return found as Holdings
}

function differences(before: Holdings, after: Holdings): string[] {
  const flaws: string[] = []
  if (after.descriptors.length > before.descriptors.length) {
    flaws.push(`left open: ${after.descriptors.join(", ")} where there was ${before.descriptors.join(", ")}`)
  }
  if (after.children.length > 0) flaws.push(`left running: ${after.children.join(", ")}`)
  const grown = (kind: "heldBytes" | "residentBytes", spare: number): void => {
    if (after[kind] > before[kind] + spare) flaws.push(`${kind} grew from ${before[kind]} to ${after[kind]}`)
  }
  grown("heldBytes", SPARE_BYTES)
  grown("residentBytes", SPARE_RESIDENT_BYTES)
  return flaws
}

/** A daemon that has nothing to complain of says one line. */
function spoken({ said }: Process): string[] {
  return said
    .split("\n")
    .filter((line) => line.includes('"level":"error"'))
    .map((line) => `the daemon says ${line}`)
}
