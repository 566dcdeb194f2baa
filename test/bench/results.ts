/** Results as a run leaves them, small enough to see through. */
import { resultsOf } from "../../bench/results.ts"
import type { Finding } from "../../bench/measure.ts"

export const findings: readonly Finding[] = [
  {
    what: "echo, 64 KiB",
    unit: "MB/s",
    of: "daemon",
    to: "relay",
    figure: 380,
    reference: 400,
    spread: [0.9, 1.02],
    goal: { atLeast: 0.95 },
  },
  { what: "echo, 64 KiB", unit: "MB/s", of: "daemon", to: "no daemon", figure: 380, reference: 800 },
  {
    what: "start until `initialize` is answered",
    unit: "ms",
    of: "daemon",
    to: "node <-e> 0",
    figure: 400,
    reference: 40,
    spread: [9, 11],
    goal: { atMost: 2.5 },
  },
  {
    what: "opening it",
    unit: "µs",
    per: "transport",
    costs: [
      { size: 1, cost: 900 },
      { size: 100, cost: 300 },
      { size: 1000, cost: 330 },
    ],
    goal: { atMost: 2 },
  },
  {
    what: "its memory",
    unit: "bytes",
    per: "transport",
    costs: [
      { size: 100, cost: 2000 },
      { size: 1000, cost: 20_000 },
    ],
    goal: { atMost: 2 },
  },
]

export const results = resultsOf(
  {
    date: new Date("2026-02-03T04:05:06Z"),
    machine: { cores: 2, cpu: "Some CPU", system: "Linux 6", versions: { transportd: "1.2.3", Node: "20" }, load: 0.5 },
    quick: false,
    effort: { rounds: 5 },
  },
  findings,
  [{ measure: "openssh", why: "skipped: there is no sshd on this machine" }],
)
