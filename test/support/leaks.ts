/**
 * What a test left behind: descriptors, handles of the event loop, child processes.
 * Platform: descriptors and processes are seen through /proc, so only on Linux; handles everywhere.
 */
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** Set in every child that a test's daemon starts, so that its grandchildren are found too. */
export const MARK = "TRANSPORT_TEST_MARK"

/** The value of {@link MARK} in this test process. */
export const mark = randomBytes(8).toString("hex")

/** What is there now. */
export interface Inventory {
  readonly descriptors: ReadonlyMap<string, string>
  readonly handles: ReadonlyMap<string, number>
}

export function takeInventory(): Inventory {
  return { descriptors: descriptors(), handles: handles() }
}

/** What is there now and was not in `before`, one line each. */
export function leaksSince(before: Inventory): string[] {
  const now = takeInventory()
  const opened = [...now.descriptors].filter(([fd, target]) => before.descriptors.get(fd) !== target)
  const added = [...now.handles].filter(([kind, count]) => count > (before.handles.get(kind) ?? 0))
  // A number that was reused for something else is no leak by itself: only more than before is.
  const more = now.descriptors.size > before.descriptors.size
  return [
    ...(more ? opened.map(([fd, target]) => `descriptor ${fd}: ${target}`) : []),
    ...added.map(([kind, count]) => `${count - (before.handles.get(kind) ?? 0)} × ${kind}`),
    ...markedProcesses().map((pid) => `process ${pid}: ${commandOf(pid)}`),
  ]
}

/**
 * Waits until nothing is left over, and gives what still is after many turns of the event loop.
 * The system closes in its own time, so this looks again and again; the bound only decides when it counts as a leak.
 */
export async function settledLeaks(before: Inventory): Promise<string[]> {
  let leaks = leaksSince(before)
  for (let look = 0; leaks.length > 0 && look < 200; look++) {
    await new Promise((resolve) => setTimeout(resolve, look < 20 ? 1 : 20))
    leaks = leaksSince(before)
  }
  return leaks
}

/** The processes that a test's daemon started, and theirs. */
export function markedProcesses(): number[] {
  if (process.platform !== "linux") return []
  const wanted = `${MARK}=${mark}`
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readText(`/proc/${pid}/environ`).split("\0").includes(wanted))
}

/** Waits until none of them is left: what was killed is gone when the system comes to it. */
export async function untilNoProcess(): Promise<void> {
  while (markedProcesses().length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
}

function descriptors(): Map<string, string> {
  const found = new Map<string, string>()
  if (process.platform !== "linux") return found
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      found.set(fd, readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      // The descriptor of this very listing.
    }
  }
  return found
}

/** Timers and immediates come and go with the test runner; what a daemon leaks shows as one of the others. */
function handles(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== "Timeout" && kind !== "Immediate") counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

function commandOf(pid: number): string {
  return readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200)
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}
