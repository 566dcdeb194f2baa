/**
 * Runs one row of hostile input: a client sends it, a second one that was connected all along must not notice, and
 * nothing may be left over. What a row does not list must not be answered.
 */
import { expect } from "vitest"
import type { ErrorName } from "../../protocol/errors.ts"
import { ERRORS } from "../../protocol/errors.ts"
import type { Answer, RawClient } from "./client.ts"
import { encode, frame } from "./encode.ts"
import type { ConnectOptions, Harness, StartOptions } from "./setup.ts"

export interface Row {
  readonly name: string
  /** What the client sends, in as many pieces. */
  readonly sends: string | Uint8Array | ReadonlyArray<string | Uint8Array>
  /** The answers to it, in any order; by default none. */
  readonly answers?: readonly object[]
  /** Whether the connection goes on afterwards; default true. */
  readonly goesOn?: boolean
  /** Whether the client has not even said `initialize`. */
  readonly uninitialized?: boolean
  readonly framing?: "header" | "newline"
  readonly settings?: NonNullable<StartOptions["settings"]>
}

/** The answer that is an error of the row `name` of the table. */
export function fails(id: string | number | null, name: ErrorName, data?: object): object {
  const { code } = ERRORS[name]
  return { id, error: { code, message: expect.stringMatching(/./), ...(data !== undefined && { data }) } }
}

/** One request as it travels. */
export function ask(id: unknown, method: unknown, params?: unknown): Buffer {
  return frame(JSON.stringify({ jsonrpc: "2.0", id, method, params }))
}

export function tell(method: string, params?: object): Buffer {
  return encode({ jsonrpc: "2.0", method, params })
}

/** Sends the row and judges what comes of it. */
export async function endure(harness: Harness, row: Row): Promise<void> {
  const { goesOn = true, uninitialized = false, framing = "header", settings = {} } = row
  const { connect, connectRaw, daemon } = await harness.startDaemon({ settings })
  const quiet = await connect()
  const options: ConnectOptions = { framing }
  const hostile = uninitialized ? await connectRaw(options) : await connect(options)
  const before = hostile.received.length

  for (const bytes of [row.sends].flat() as Array<string | Uint8Array>) hostile.sendBytes(bytes)
  const wanted = row.answers ?? []
  if (goesOn) {
    await hostile.ask("test/barrier", {}, "barrier")
    await hostile.until(() => answersTo(hostile, before).length >= wanted.length, "all answers")
    // Once more: an answer too many would come before this one.
    await hostile.ask("test/barrier", {}, "barrier")
  } else await hostile.closed

  const answers = answersTo(hostile, before)
  expect(sorted(answers)).toEqual(sorted(wanted.map((each) => ({ jsonrpc: "2.0", ...each }) as unknown as Answer)))
  await expectUndisturbed(quiet)
  if (goesOn) return
  await quiet.until(() => true)
  expect(daemon.info().clients).toBeLessThanOrEqual(2)
}

/** The quiet client is answered, and the daemon holds nothing that nobody asked for. */
export async function expectUndisturbed(quiet: RawClient): Promise<void> {
  expect(await quiet.request("transport/list")).toEqual({ transports: [] })
  expect(await quiet.request("server/list")).toEqual({ servers: [] })
  expect(quiet.notifications).toEqual([])
}

function answersTo(client: RawClient, from: number): Answer[] {
  const later = client.received.slice(from)
  return later.filter((each): each is Answer => !("method" in each) && each.id !== "barrier")
}

function sorted(answers: readonly Answer[]): Answer[] {
  const key = ({ id, error }: Answer): string => `${typeof id} ${JSON.stringify(id)} ${error?.code}`
  return [...answers].sort((one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0))
}
