/**
 * What pages show of the wire, held against the real thing. Conversations are played against a daemon in this process:
 * `→` is what the client says, `←` what the daemon answers. `…` stands for anything; ids, ports and process ids stand
 * for whatever is in their place, the same wherever they are shown again.
 */
import { once } from "node:events"
import { createInterface } from "node:readline"
import { PassThrough } from "node:stream"
import { createDaemon } from "transportd/daemon"
import { FrameReader } from "transportd/protocol"
import { expect } from "vitest"

const NUMBER = /"(transport|server|port|pid)":(\d+)/g

/**
 * Resolves when all that is shown was said, and nothing else, up to the end of the conversation.
 * Between two `→` the order is free: of two transports, and of an exit and the end of a pipe, none is promised.
 */
export async function replay(transcript: string): Promise<void> {
  const input = new PassThrough()
  const output = new PassThrough()
  createDaemon().serve(input, output, { framing: "newline" })
  const said = createInterface({ input: output })[Symbol.asyncIterator]()
  /** The number that came where another is shown. */
  const real = new Map<string, string>()
  const heard: string[] = []
  for (const line of transcript.trim().split("\n")) {
    const shown = line.slice(2)
    if (line.startsWith("→ ")) {
      expect(heard, `said and not shown before ${line}`).toEqual([])
      input.write(
        `${shown.replace(NUMBER, (_, name, number) => `"${name}":${real.get(`${name} ${number}`) ?? number}`)}\n`,
      )
      continue
    }
    expect(line.startsWith("← "), line).toBe(true)
    for (let found = false; !found;) {
      const at = heard.findIndex((one) => matches(shown, one, real))
      found = at >= 0
      if (found) heard.splice(at, 1)
      else {
        const { value, done } = await said.next()
        if (done) throw new Error(`not said: ${shown}\nbut: ${heard.join("\n")}`)
        // It tells when the exit came before the end of a pipe, which is as often true as not.
        heard.push(value.replace(',"outputMayBeIncomplete":true', ""))
      }
    }
  }
  const rest = await said.next()
  expect([...heard, rest.value], "said and not shown at the end").toEqual([undefined])
  if (!output.closed) await once(output, "close")
}

/** The messages of frames as pages show them: with the ends of lines of a text file, and nothing behind the body. */
export async function messagesIn(frames: readonly string[]): Promise<unknown[]> {
  const input = new PassThrough()
  const reader = new FrameReader(input, { framing: "header" })
  const messages: unknown[] = []
  const errors: unknown[] = []
  reader.listen((message) => messages.push(message))
  reader.onBroken((error) => errors.push(error))
  reader.onReject(({ error }) => errors.push(error))
  for (const frame of frames) input.write(frame.trimEnd().replaceAll("\n", "\r\n"))
  await expect.poll(() => messages, { timeout: 10_000 }).toHaveLength(frames.length)
  expect(errors).toEqual([])
  reader.dispose()
  return messages
}

/** Whether `shown` stands for `said`; learns the numbers if so. */
function matches(shown: string, said: string, real: Map<string, string>): boolean {
  const names: string[] = []
  const escape = (part: string): string => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const pattern = shown
    .split(/(…|"(?:transport|server|port|pid)":\d+)/)
    .map((part) => {
      if (part === "…") return ".*"
      const [, name, number] = /^"(\w+)":(\d+)$/.exec(part) ?? []
      if (name === undefined) return escape(part)
      const key = `${name} ${number}`
      const known = real.get(key)
      if (known !== undefined) return escape(`"${name}":${known}`)
      names.push(key)
      return String.raw`"${name}":(\d+)`
    })
    .join("")
  const match = new RegExp(`^${pattern}$`).exec(said)
  if (match === null) return false
  names.forEach((key, index) => real.set(key, match[index + 1] ?? ""))
  return true
}
