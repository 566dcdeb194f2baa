/** The page of the error table. */
import { ERRORS, type ErrorName } from "../../protocol/errors.ts"
import { declarations } from "../../protocol/registry.ts"
import { code, page, table } from "./markdown.ts"

/** What any request can get, whatever its declaration lists. */
const ANY_REQUEST = new Set<ErrorName>([
  "InvalidRequest",
  "MethodNotFound",
  "InvalidParams",
  "InternalError",
  "NotInitialized",
  "RequestCancelled",
  "ShuttingDown",
  "LimitExceeded",
])

const INTRODUCTION = [
  "Every error has one shape, in answers and in the `error` of `protocol/connectionLost`: `{code, message, data?}`.",
  "The code says what can be done about it; the message is for people and may change.",
  "`data` has the fields named here, as far as they are known; `errno` is the *name* of what the system said, `ECONNREFUSED` for example.",
  "*Reserved* codes have their number and meaning, and this version never gives them.",
]

export function errorsPage(): string {
  const rows = (Object.keys(ERRORS) as ErrorName[]).map((name) => {
    const { code: number, meaning, data } = ERRORS[name]
    return [String(number), code(name), meaning, data.map(code).join(" "), whereOf(name)]
  })
  return page("Errors", "`protocol/errors.ts`", [
    INTRODUCTION.join("\n"),
    table(["code", "name", "meaning", "fields of `data`", "given by"], rows),
  ])
}

function whereOf(name: ErrorName): string {
  if (name === "ParseError") return "bad input"
  if (ANY_REQUEST.has(name)) return "any request"
  const declared = declarations.some(
    (declaration) => declaration.kind === "request" && declaration.errors.includes(name),
  )
  return declared ? "the [messages](messages.md) that list it" : "reserved"
}
