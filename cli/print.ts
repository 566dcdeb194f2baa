/** How things look on a terminal: columns, counts, durations, colour. Pure but for the look at `NO_COLOR`. */

/** Rows under a heading, in columns two spaces apart; columns of numbers to the right. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], colour = false): string {
  const cells = rows.map((row) => row.map(printable))
  const widths = heading.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)))
  const isNumber = (text: string): boolean => /^(?:-|\d[\d.]*[kMGTP]?)$/.test(text)
  const toRight = heading.map((_, column) => cells.length > 0 && cells.every((row) => isNumber(row[column]!)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (toRight[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd()
  const [first, ...rest] = [heading, ...cells].map(line)
  return [colour ? `\x1b[1m${first}\x1b[0m` : first, ...rest].join("\n")
}

/** Names and values, one pair a line. */
export function pairs(values: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(values).map((name) => name.length))
  return Object.entries(values)
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`)
    .join("\n")
}

/** `text` without what a terminal would obey: names and arguments come from other clients. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/** 999, 12.3k, 4.5M: exact below a thousand, three digits above. */
export function count(value: number): string {
  const units = ["", "k", "M", "G", "T", "P"]
  let unit = 0
  let rest = value
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  if (unit === 0) return String(Math.round(rest))
  return `${rest < 9.995 ? rest.toFixed(2) : rest < 99.95 ? rest.toFixed(1) : rest.toFixed(0)}${units[unit]}`
}

/** 850 ms, 12 s, 5 min, 3 h, 2 d: the largest unit that fits. */
export function duration(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
  ] as const
  const [name, size] = units.find((unit) => ms >= unit[1]) ?? ["ms", 1]
  return `${Math.floor(ms / size)} ${name}`
}

/** Whether `stream` shows colour: a terminal whose user did not say no. */
export function hasColour(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY && !env.NO_COLOR && env.TERM !== "dumb"
}

/** Writes a line of data. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Writes a line of talk. */
export function tell(sentence: string): void {
  process.stderr.write(`transportd: ${sentence}\n`)
}

/** Says that bytes are missing in what is printed: on `fd`, for a process. */
export function tellLost(bytes: number, fd?: number): void {
  const where = fd === undefined ? "" : ` of ${fd === 2 ? "stderr" : "stdout"}`
  tell(`${bytes} bytes${where} are lost here: they were not read in time, and more than was to be kept`)
}

/** A value as JSON: for people on a terminal, on one line for programs. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined)
}
