/** The demonstration, as a person starts it: every claim that it prints is checked by itself, and holds. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { expect, it } from "vitest"
import { ROOT } from "../house/sources.ts"

it("holds all its claims, and says so in its exit status", { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, [join(ROOT, "dist/examples/demo.js")], { stdio: ["ignore", "pipe", "pipe"] })
  const ended = once(child, "close")
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [status] = await ended
  expect(output + errors).not.toContain("✗")
  expect(output).toMatch(/(\d+) of \1 claims hold\n$/)
  expect(status).toBe(0)
})
