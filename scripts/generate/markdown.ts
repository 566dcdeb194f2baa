/** The few forms of Markdown that the pages are made of. Knows nothing of what they say. */

/** A page: title, a note on where it comes from, then its parts with an empty line between them. */
export function page(title: string, source: string, parts: readonly string[]): string {
  const note = `<!-- Generated from ${source} by \`npm run generate\`: edit that, not this. -->`
  return `${[note, `# ${title}`, ...parts].join("\n\n")}\n`
}

/** A table; a cell may hold anything that fits in one line. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

export function code(text: string): string {
  return `\`${text}\``
}

/** One sentence per line. */
export function prose(text: string): string {
  return text.replaceAll(/(?<=[.:!?]) (?=[A-Z`])/g, (_space, at: number) => (text[at - 1] === ":" ? " " : "\n"))
}

/** The anchor of a heading, as GitHub makes it. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
    .replaceAll(" ", "-")
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ")
}
