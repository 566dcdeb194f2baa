/**
 * Writes the command into `dist/`: a step of `npm run build`, from the root of the repository.
 * What it consists of is in `bundle/command.ts`.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { commandFiles } from "./bundle/command.ts"

const FOLDER = "dist/cli"
const UNFINISHED = "dist/unfinished"

/** All that a client says that comes and goes: V8 compiles what is run for it. */
const SAID = [
  { id: 1, method: "initialize", params: { protocolVersion: 1, clientInfo: { name: "build" } } },
  { method: "initialized", params: {} },
  { id: 2, method: "shutdown", params: {} },
  { method: "exit", params: {} },
]

mkdirSync(UNFINISHED)
for (const { name, text } of await commandFiles(process.cwd())) writeFileSync(join(UNFINISHED, name), text)
const warm = fileURLToPath(new URL("bundle/warm.js", import.meta.url))
execFileSync(process.execPath, [warm, UNFINISHED, "stdio", "--framing=header"], { input: SAID.map(framed).join("") })
chmodSync(join(UNFINISHED, "main.js"), 0o755)
// What the compiler made of these sources, file by file, nobody runs.
rmSync(FOLDER, { recursive: true })
renameSync(UNFINISHED, FOLDER)

function framed(message: object): string {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message })
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
