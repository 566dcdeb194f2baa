/**
 * A process seen from outside: its memory, its descriptors, its children, whether it is stopped.
 * Platform: through /proc, so only on Linux; tests that need it are skipped elsewhere.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"

export const canLook = process.platform === "linux"

/** Memory of `pid` that is in use now. */
export function residentBytes(pid: number): number {
  const [, kib = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? []
  return Number(kib) * 1024
}

/** The open descriptors of `pid`, by number, and what each is. */
export function descriptorsOf(pid: number): Map<string, string> {
  const found = new Map<string, string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      found.set(fd, readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {
      // Closed between the two looks.
    }
  }
  return found
}

/** The processes whose parent is `pid`. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => statusOf(each)?.parent === pid)
}

/** Whether `pid` is stopped by a signal. */
export function isStopped(pid: number): boolean {
  return statusOf(pid)?.state === "T"
}

/** Looks again and again until `look` says true: for what the system does in its own time. */
export async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await look())) await delay(2)
}

/** How many descriptors a process started here may have: Node raises its own limit as far as it may. */
export function descriptorLimit(): number {
  if (process.platform === "win32") return Number.POSITIVE_INFINITY
  const limit = execFileSync("/bin/sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim()
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit)
}

function statusOf(pid: number): { readonly state: string; readonly parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name stands in parentheses and may hold anything.
    const [state = "", parent = ""] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return { state, parent: Number(parent) }
  } catch {
    return null
  }
}
