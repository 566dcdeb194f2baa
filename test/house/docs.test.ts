/**
 * Links between the repository's Markdown files: each leads to a file that exists, each anchor to a heading.
 * Asks nothing of the network, and nothing about style.
 */
import { existsSync } from "node:fs"
import { join, posix } from "node:path"
import { describe, expect, it } from "vitest"
import { filesUnder, lineAt, read, ROOT } from "./sources.ts"

const FENCED = /^[ \t]*(`{3,}|~{3,})[^]*?(?:^[ \t]*\1[`~]*[ \t]*$|$(?![^]))/gm

const blank = (part: string): string => part.replace(/[^\n]/g, " ")

/** `text` without code, in which nothing is a link. Lines stay in place. */
function prose(text: string): string {
  return text
    .replace(FENCED, blank)
    .replace(/<!--[^]*?-->/g, blank)
    .replace(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, blank)
}

const INLINE = /\]\(\s*(?:<([^>\n]+)>|([^\s()]+(?:\([^\s()]*\)[^\s()]*)*))(?:\s+["'(][^\n]*?["')])?\s*\)/g
const DEFINITION = /^[ \t]{0,3}\[[^\]\n]+\]:[ \t]*<?([^\s>]+)>?/gm
const HTML = /<(?:a|img|source)\b[^>]*?\b(?:href|src)="([^"]+)"/g

function linksOf(text: string): { target: string; line: number }[] {
  const body = prose(text)
  return [INLINE, DEFINITION, HTML].flatMap((form) =>
    [...body.matchAll(form)].map((match) => ({
      target: match[1] ?? match[2] ?? "",
      line: lineAt(body, match.index),
    })),
  )
}

/** The anchors of a page, made from its headings as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  const seen = new Map<string, number>()
  // Why only blocks of code go: a heading may well hold `code`.
  const body = text.replace(FENCED, blank)
  for (const match of body.matchAll(/^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$/gm)) {
    const slug = (match[1] ?? "")
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/<[^>]+>/g, "")
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, "")
      .replace(/ /g, "-")
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    anchors.add(times === 0 ? slug : `${slug}-${times}`)
  }
  for (const match of body.matchAll(/<[a-z]+\b[^>]*?\b(?:id|name)="([^"]+)"/gi)) anchors.add(match[1] ?? "")
  return anchors
}

/** Why `target`, written in `page`, leads nowhere; undefined when it leads somewhere. */
function complaint(page: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(target)) return undefined
  const [path = "", anchor = ""] = target.split("#", 2).map(decodeURIComponent)
  const file =
    path === "" ? page : posix.normalize(path.startsWith("/") ? path.slice(1) : posix.join(posix.dirname(page), path))
  if (file.startsWith("..")) return `"${target}" leads out of the repository`
  if (!existsSync(join(ROOT, file))) return `"${target}" leads to no file`
  if (anchor !== "" && file.endsWith(".md") && !anchorsOf(read(file)).has(anchor)) {
    return `"${target}": ${file} has no heading for #${anchor}`
  }
  return undefined
}

const pages = filesUnder("", ".md")

describe("the reader of Markdown links", () => {
  it("sees links, images, definitions and HTML, and no code", () => {
    const text = [
      '[a](a.md) and ![b](b.png "title") and [c](<c d.md>)',
      "`[no](no.md)` and ``[no](no`no.md)``",
      "```sh",
      "[no](no.md)",
      "```",
      "[e]: e.md",
      '<a href="f.md">f</a> <!-- [no](no.md) -->',
      "[g](#g-h)",
    ].join("\n")
    expect(linksOf(text).map(({ target, line }) => `${line} ${target}`)).toEqual([
      "1 a.md",
      "1 b.png",
      "1 c d.md",
      "8 #g-h",
      "6 e.md",
      "7 f.md",
    ])
  })

  it("makes anchors as GitHub does", () => {
    const text =
      "# The `write()` call, *now*\n## A & B\n## Same\n## Same\n```\n# no\n```\n## [Linked](x.md) 1.2\n## snake_case"
    expect([...anchorsOf(text)]).toEqual(["the-write-call-now", "a--b", "same", "same-1", "linked-12", "snake_case"])
  })

  it("complains of a lost file and a lost heading", () => {
    const page = "CONTRIBUTING.md"
    expect(complaint(page, "no-such-file.md")).toContain("no file")
    expect(complaint(page, "#no-such-heading")).toContain("no heading")
    expect(complaint(page, "../elsewhere.md")).toContain("out of the repository")
    expect(complaint(page, "https://example.org/#x")).toBeUndefined()
  })
})

describe("documentation", () => {
  it("has pages to read", () => {
    expect(pages).toContain("CONTRIBUTING.md")
  })

  it.each(pages)("%s links only to what exists", (page) => {
    const lost = linksOf(read(page)).flatMap(({ target, line }) => {
      const why = complaint(page, target)
      return why === undefined ? [] : [`${page}:${line}: ${why}`]
    })
    expect(lost).toEqual([])
  })

  it("the README gives the one command that tests a fresh clone", () => {
    // `.ci/run` reads this very line and runs it.
    expect(existsSync(join(ROOT, "README.md")), "README.md is missing").toBe(true)
    expect(
      read("README.md")
        .split("\n")
        .map((line) => line.trim()),
    ).toContain("npm ci && npm test")
  })
})
