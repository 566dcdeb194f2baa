/** The page of all messages: what each does, takes, answers and fails with, and an example as it travels. */
import type { NotificationDeclaration, RequestDeclaration } from "../../protocol/declare.ts"
import { ERRORS } from "../../protocol/errors.ts"
import { declarations } from "../../protocol/registry.ts"
import { PROTOCOL_VERSION } from "../../protocol/version.ts"
import { anchor, code, page, prose, table } from "./markdown.ts"
import { inOrder, namespaceOf } from "./order.ts"
import { paramsTable, resultPart, sharedShapes, type Side } from "./shapes.ts"

type Declaration = RequestDeclaration | NotificationDeclaration

/** An example longer than this is spread over several lines. */
const LINE_LENGTH = 110

const INTRODUCTION = [
  `Version ${PROTOCOL_VERSION} of the wire contract, message by message; [the protocol](../protocol.md) tells how they play together.`,
  "An arrow says who sends: requests always come from the client.",
  "A request marked *or notification* may also be sent without an id, by a client that wants no answer.",
  "A field without a default and not *required* may be left out; in what the daemon sends such a field is *optional*.",
  "Beside the errors listed, every request can fail with the ones that [the table](errors.md) marks with *any request*.",
]

export function messagesPage(): string {
  return page("Messages", "the declarations in `protocol/`", [
    INTRODUCTION.join("\n"),
    ...[...byNamespace()].flatMap(([namespace, members]) => [
      `## ${namespace}`,
      contents(members),
      ...members.flatMap(message),
    ]),
    "## Shared shapes",
    ...sharedShapes(),
  ])
}

function byNamespace(): Map<string, Declaration[]> {
  const found = new Map<string, Declaration[]>()
  for (const declaration of inOrder(declarations)) {
    const namespace = namespaceOf(declaration)
    found.set(namespace, [...(found.get(namespace) ?? []), declaration])
  }
  return found
}

function contents(members: readonly Declaration[]): string {
  return table(
    ["message", "direction", "in short"],
    members.map((member) => [
      `[${code(member.name)}](#${anchor(member.name)})`,
      direction(member),
      member.summary.split(/(?<=\.) /)[0] ?? "",
    ]),
  )
}

function message(declaration: Declaration): string[] {
  const { name, summary, since, params } = declaration
  return [
    `### ${code(name)}`,
    `${direction(declaration)}, since ${since}.`,
    prose(summary),
    paramsTable(params, sideOf(declaration)),
    ...(declaration.kind === "request" ? [resultPart(declaration.result), errorsOf(declaration)] : []),
    example(declaration),
  ].filter((part) => part !== "")
}

/** What the daemon sends is told to a client; the rest a client gives. */
function sideOf(declaration: Declaration): Side {
  return declaration.kind === "notification" && declaration.sender === "daemon" ? "told" : "given"
}

function direction(declaration: Declaration): string {
  if (declaration.kind === "request") {
    return `Request${declaration.orNotification ? " or notification" : ""}, client → daemon`
  }
  return `Notification, ${declaration.sender === "client" ? "client → daemon" : "daemon → client"}`
}

function errorsOf({ errors }: RequestDeclaration): string {
  if (errors.length === 0) return ""
  return `Errors: ${errors.map((name) => `${code(name)} ${ERRORS[name].code}`).join(", ")}.`
}

function example(declaration: Declaration): string {
  const { name: method, example: shown } = declaration
  const answer = declaration.kind === "request" ? [{ jsonrpc: "2.0", id: 1, result: declaration.example.result }] : []
  const sent = { jsonrpc: "2.0", ...(declaration.kind === "request" && { id: 1 }), method, params: shown.params }
  return ["```json", ...[sent, ...answer].map((message) => json(message)), "```"].join("\n")
}

/** JSON in as few lines as fit: what is too long for one has its members on lines of their own. */
function json(value: unknown, indent = ""): string {
  const line = JSON.stringify(value)
  if (indent.length + line.length <= LINE_LENGTH || typeof value !== "object" || value === null) return line
  const deeper = `${indent}  `
  const members = Array.isArray(value)
    ? value.map((member) => json(member, deeper))
    : Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${json(member, deeper)}`)
  const [open, close] = Array.isArray(value) ? "[]" : "{}"
  return `${open}\n${deeper}${members.join(`,\n${deeper}`)}\n${indent}${close}`
}
