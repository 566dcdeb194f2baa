/** What can be known of a process that is not ours. */
import { readdirSync, readFileSync } from "node:fs"

/** Whether process `pid` exists on this machine. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** The processes of the session that `leader` leads or led. Linux alone tells; elsewhere there are none. */
export function sessionMembers(leader: number): number[] {
  if (process.platform !== "linux") return []
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => sessionOf(pid) === leader)
}

/** Source: proc_pid_stat(5); what comes before the last `)` is a name with any characters. */
function sessionOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3])
  } catch {
    return null
  }
}
