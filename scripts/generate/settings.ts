/** The page of settings. */
import { environmentName, Settings } from "../../daemon/config.ts"
import { jsonSchema } from "../../protocol/openrpc.ts"
import { code, page, table } from "./markdown.ts"

const INTRODUCTION = [
  "What can be changed about a daemon, from its environment or by whoever embeds it (`createDaemon({ settings })`).",
  "A variable that makes no sense stops the start, with a sentence that names it; an empty one counts as unset.",
  "None of them reaches the processes that the daemon starts.",
]

interface Setting {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly description?: string
}

export function settingsPage(): string {
  const { properties } = jsonSchema(Settings) as { properties: Record<string, Setting> }
  const rows = Object.entries(properties).map(([name, setting]) => [
    code(name),
    code(environmentName(name)),
    setting.enum?.map(code).join(" or ") ?? setting.type ?? "number",
    code(JSON.stringify(setting.default)),
    setting.description ?? "",
  ])
  return page("Settings", "`daemon/config.ts`", [
    INTRODUCTION.join("\n"),
    table(["setting", "environment", "type", "default", "meaning"], rows),
  ])
}
