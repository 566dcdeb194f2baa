/** What `top` makes of samples: rates by the daemon's clock, bars, and pictures that fit. */
import { describe, expect, it } from "vitest"
import { columnsOf } from "../../cli/top/columns.ts"
import { frame, type FrameOptions } from "../../cli/top/frame.ts"
import { HISTORY_SAMPLES, Series, type Statistics } from "../../cli/top/sample.ts"
import { sparkline } from "../../cli/top/sparkline.ts"

type TransportStatistics = Statistics["transports"][number]

function transport(id: number, more: Partial<TransportStatistics> = {}): TransportStatistics {
  const counts = { receivedBytes: 0, unreadBytes: 0, retainedBytes: 0, writtenBytes: 0, unflushedBytes: 0 }
  return { transport: id, kind: "tcp", clientId: null, state: "open", ...counts, ...more }
}

function statistics(uptimeMs: number, transports: TransportStatistics[], clients = 2): Statistics {
  return {
    uptimeMs,
    memory: { residentBytes: 60_000_000, heapBytes: 20_000_000, buffersBytes: 1_000_000 },
    eventLoopDelayMs: { p50: 0.1, p99: 12.34, max: 250 },
    totals: { clients, transports: transports.length, receivedBytes: 5, writtenBytes: 5 },
    clients: Array.from({ length: clients }, (_, index) => ({
      clientId: index + 1,
      name: "some-client",
      connectedMs: 1000,
      flowControl: true,
      transports: 1,
      pendingBytes: 0,
      unflushedBytes: 0,
      ignoredMessages: 0,
    })),
    transports,
  }
}

const OPTIONS: FrameOptions = {
  columns: 80,
  colour: false,
  socket: "/run/t.sock",
  pid: 4711,
  clientId: 1,
  history: () => [],
}

describe("samples", () => {
  it("have rates from the second on, by the daemon's clock, and what is new began at 0", () => {
    const series = new Series()
    const first = series.add(statistics(1000, [transport(1, { receivedBytes: 500 })]))
    expect(first.transports).toMatchObject([{ inBytesPerSecond: null, outBytesPerSecond: null }])
    const now = [transport(1, { receivedBytes: 700, writtenBytes: 50 }), transport(2, { writtenBytes: 10 })]
    expect(series.add(statistics(1500, now)).transports).toMatchObject([
      { inBytesPerSecond: 400, outBytesPerSecond: 100 },
      { inBytesPerSecond: 0, outBytesPerSecond: 20 },
    ])
    expect(series.history(1)).toEqual([500])
  })

  it("are remembered for as long as the picture is wide, and while the transport is there", () => {
    const series = new Series()
    for (let at = 0; at <= 2 * HISTORY_SAMPLES; at++) {
      series.add(statistics(at * 1000, [transport(1, { receivedBytes: at * at })]))
    }
    expect(series.history(1)).toHaveLength(HISTORY_SAMPLES)
    expect(series.history(1).at(-1)).toBe((2 * HISTORY_SAMPLES) ** 2 - (2 * HISTORY_SAMPLES - 1) ** 2)
    series.add(statistics(1e6, []))
    expect(series.history(1)).toEqual([])
  })
})

describe("bars", () => {
  it("are measured by the largest, and only nothing is the lowest", () => {
    expect(sparkline([0, 1, 500, 1000], 6)).toBe("  ▁▂▅█")
    expect(sparkline([1000, 1, 2], 2)).toBe("▅█")
    expect(sparkline([0, 0], 2)).toBe("▁▁")
    expect(sparkline([], 2)).toBe("  ")
  })
})

describe("columns", () => {
  const columns = [
    { title: "ID", right: true, cell: (row: string[]) => row[0]! },
    { title: "NAME", shrinks: true, cell: (row: string[]) => row[1]! },
  ]

  it("stand two apart, or one where it is tight, and then the name gives way", () => {
    const rows = [["1", "a-long-name-of-20-xx"]]
    expect(columnsOf(columns, rows, 24).lines).toEqual([" 1  a-long-name-of-20-xx"])
    expect(columnsOf(columns, rows, 23).lines).toEqual([" 1 a-long-name-of-20-xx"])
    expect(columnsOf(columns, rows, 15).lines).toEqual([" 1 a-long-name…"])
    expect(columnsOf(columns, rows, 1).lines).toEqual([" 1 a-lon…"])
  })

  it("show what a terminal would obey", () => {
    expect(columnsOf(columns, [["1", "\x1b[2J"]], 80).lines).toEqual([" 1  \\u{1b}[2J"])
  })
})

describe("a picture", () => {
  const names = Array.from({ length: 40 }, (_, index) =>
    transport(index + 1, { name: `a-service-with-number-${index}` }),
  )
  const sampled = (transports: TransportStatistics[], clients?: number) =>
    new Series().add(statistics(61_000, transports, clients))

  it.each([
    [80, 24],
    [120, 50],
    [40, 10],
    [20, 5],
  ])("of much fits %i columns and %i rows, with its hint last", (columns, rows) => {
    const lines = frame(sampled(names, 30), { ...OPTIONS, columns, rows, hint: "q quits", history: () => [1, 2, 3] })
    expect(lines).toHaveLength(rows)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
    expect(lines.at(-1)).toBe("q quits")
  })

  it("shows the busiest where not all fit, in the order of their ids", () => {
    const history = (id: number): number[] => (id === 33 || id === 7 ? [id] : [0])
    const text = frame(sampled(names), { ...OPTIONS, rows: 24, history }).join("\n")
    expect(text).toMatch(/\n 7 tcp .*[^]*\n33 tcp .*[^]*… and \d+ less busy/)
  })

  it("leaves out who asks, and is as long as it takes without a height", () => {
    const lines = frame(sampled(names), OPTIONS)
    expect(lines.slice(0, 3)).toEqual([
      `${"transportd 4711, up 1 min".padEnd(69)}/run/t.sock`,
      "memory 60.0M, heap 20.0M, buffers 1.00M   loop delay p50 0.1, p99 12, max 250 ms".slice(0, 80),
      "clients 1, ever 2   transports 40, ever 40   bytes in 5, out 5",
    ])
    expect(lines).toHaveLength(3 + 1 + 41 + 1 + 2)
    expect(lines.join("\n")).not.toContain("\x1b")
    expect(frame(sampled(names), { ...OPTIONS, colour: true })[0]?.startsWith("\x1b[1mtransportd")).toBe(true)
  })
})
