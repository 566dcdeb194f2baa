/** Columns, counts and durations as people see them. */
import { describe, expect, it } from "vitest"
import { count, duration, hasColour, pairs, printable, table } from "../../cli/print.ts"

describe("a table", () => {
  it("has columns as wide as their widest cell, numbers to the right, and no blanks at the end", () => {
    const rows = [
      ["1", "tcp", "5", "x"],
      ["12", "subprocess", "1.20k", ""],
    ]
    expect(table(["ID", "KIND", "IN", "NAME"], rows)).toBe(
      ["ID  KIND           IN  NAME", " 1  tcp             5  x", "12  subprocess  1.20k"].join("\n"),
    )
  })

  it("has its heading without rows", () => {
    expect(table(["ID", "KIND"], [])).toBe("ID  KIND")
  })

  it("shows what a terminal would obey", () => {
    expect(table(["NAME"], [["\x1b[2Jevil\nname"]])).toBe("NAME\n\\u{1b}[2Jevil\\u{a}name")
    expect(printable("a\u202eb")).toBe("a\\u{202e}b")
    expect(printable("Grüße, 世界")).toBe("Grüße, 世界")
  })

  it("colours its heading alone", () => {
    expect(table(["A"], [["b"]], true)).toBe("\x1b[1mA\x1b[0m\nb")
  })
})

describe("colour", () => {
  const terminal = { isTTY: true } as NodeJS.WriteStream

  it("is for terminals whose user did not say no", () => {
    expect(hasColour(terminal, {})).toBe(true)
    expect(hasColour(terminal, { NO_COLOR: "" })).toBe(true)
    expect(hasColour(terminal, { NO_COLOR: "1" })).toBe(false)
    expect(hasColour(terminal, { TERM: "dumb" })).toBe(false)
    expect(hasColour({ isTTY: false } as NodeJS.WriteStream, {})).toBe(false)
  })
})

describe("numbers", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1.00k"],
    [9994, "9.99k"],
    [9996, "10.0k"],
    [99_960, "100k"],
    [999_400, "999k"],
    [999_600, "1.00M"],
    [10_485_760, "10.5M"],
    [3e12, "3.00T"],
  ])("%d bytes are %s", (value, text) => {
    expect(count(value)).toBe(text)
  })

  it.each([
    [0, "0 ms"],
    [999.9, "999 ms"],
    [1_000, "1 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [7_200_000, "2 h"],
    [200_000_000, "2 d"],
  ])("%d ms are %s", (ms, text) => {
    expect(duration(ms)).toBe(text)
  })
})

describe("pairs", () => {
  it("are aligned, one a line", () => {
    expect(pairs({ status: "running", pid: "1" })).toBe("status  running\npid     1")
  })
})
