/**
 * One end of a connection: in which order things take effect, that each request is answered once, and how it ends.
 * The other end is raw, so that several messages can come in one piece or cut anywhere.
 */
import { expect, test } from "vitest"
import { rpcError } from "../../protocol/errors.ts"
import { Peer, type PeerOptions, type RequestContext } from "../../protocol/peer.ts"
import { RawClient } from "../support/client.ts"
import { encode } from "../support/encode.ts"
import { IdLedger } from "../support/grammar.ts"
import { randomFor } from "../support/random.ts"
import { wirePair } from "../support/wire.ts"

interface Built {
  readonly client: RawClient
  readonly peer: Peer
  /** What happened, in order: requests, notifications, `closed`. */
  readonly log: string[]
  /** Lets a request that waits be answered, by its id in the params. */
  readonly release: Map<unknown, (result: unknown) => void>
}

function build(label: string, options: Partial<PeerOptions> = {}): Built {
  const [near, far] = wirePair(randomFor(label))
  const log: string[] = []
  const release = new Map<unknown, (result: unknown) => void>()
  const peer = new Peer({
    input: far,
    output: far,
    request: (method, params, context) => {
      log.push(method)
      return method === "wait" ? waiting(params, context) : method
    },
    isQuick: (method) => method !== "wait",
    notification: (method) => void log.push(method),
    closed: () => void log.push("closed"),
    ...options,
  })
  const waiting = (params: unknown, { signal }: RequestContext): Promise<unknown> =>
    new Promise((resolve, reject) => {
      release.set((params as { key: unknown }).key, resolve)
      const abort = (): void => reject(rpcError("RequestCancelled", "cancelled"))
      if (signal.aborted) abort()
      else signal.addEventListener("abort", abort)
    })
  return { client: new RawClient(near, { ledger: new IdLedger() }), peer, log, release }
}

const message = (method: string, params: object = {}, id?: number | string): Buffer =>
  encode({ jsonrpc: "2.0", ...(id !== undefined && { id }), method, params })

test("messages take effect in the order sent, requests and notifications alike", async () => {
  const { client, log } = build("order")
  const wanted: string[] = []
  for (let at = 0; at < 100; at++) {
    const name = `${at % 3 === 0 ? "request" : "notification"}-${at}`
    wanted.push(name)
    client.sendBytes(message(name, {}, at % 3 === 0 ? at : undefined))
  }
  await client.until(() => client.answers.length === 34)
  expect(log).toEqual(wanted)
})

test("what follows a slow request waits for its turn, not for its answer", async () => {
  const { client, log, release } = build("slow")
  client.sendBytes(Buffer.concat([message("wait", { key: 1 }, 1), message("note"), message("quick", {}, 2)]))
  await client.until(() => client.answers.length === 1)
  expect(client.answers[0]).toMatchObject({ id: 2, result: "quick" })
  expect(log).toEqual(["wait", "note", "quick"])
  release.get(1)?.("done")
  await client.until(() => client.answers.length === 2)
  expect(client.answers[1]).toMatchObject({ id: 1, result: "done" })
})

test("what a handler says after its answer comes behind the answer, and before what comes later", async () => {
  const built = build("reply", {
    request: (method, _params, { afterReply }) => {
      afterReply(() => built.peer.notify("protocol/dataReceived", { transport: 1, data: new Uint8Array([1]) }))
      return method
    },
  })
  const { client } = built
  client.sendBytes(Buffer.concat([message("one", {}, 1), message("two", {}, 2)]))
  await client.until(() => client.received.length === 4)
  expect(client.received.map((each) => ("method" in each ? "data" : each.id))).toEqual([1, "data", 2, "data"])
})

test("of many requests in one piece a turn answers few, so that nobody else waits for all of them", async () => {
  let inThisTurn = 0
  let mostInATurn = 0
  const { client } = build("many", {
    request: (method) => {
      if (inThisTurn++ === 0) setImmediate(() => (inThisTurn = 0))
      mostInATurn = Math.max(mostInATurn, inThisTurn)
      return method
    },
  })
  client.sendBytes(Buffer.concat(Array.from({ length: 100 }, (_, id) => message("quick", {}, id))))
  await client.until(() => client.answers.length === 100)
  expect(client.answers.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, id) => id))
  expect(mostInATurn).toBeLessThanOrEqual(2)
})

test("a cancellation that comes in one piece with its request cancels it", async () => {
  const { client } = build("cancel")
  client.sendBytes(Buffer.concat([message("wait", { key: 1 }, 1), message("$/cancelRequest", { id: 1 })]))
  await client.until(() => client.answers.length === 1)
  expect(client.answers[0]).toMatchObject({ id: 1, error: { code: -32800 } })
})

test('a cancellation of 1 leaves "1" alone, and the other way round', async () => {
  const { client, release } = build("cancel both")
  client.sendBytes(Buffer.concat([message("wait", { key: "number" }, 1), message("wait", { key: "text" }, "1")]))
  client.sendBytes(message("$/cancelRequest", { id: "1" }))
  await client.until(() => client.answers.length === 1)
  expect(client.answers[0]).toMatchObject({ id: "1", error: { code: -32800 } })
  release.get("number")?.("kept")
  await client.until(() => client.answers.length === 2)
  expect(client.answers[1]).toMatchObject({ id: 1, result: "kept" })
})

test("a late cancellation is forgotten: an id that is used again is not cancelled", async () => {
  const { client, release } = build("late")
  client.sendBytes(message("quick", {}, 1))
  await client.until(() => client.answers.length === 1)
  client.sendBytes(
    Buffer.concat([message("$/cancelRequest", { id: 1 }), message("wait", { key: 1 }, 1), message("quick", {}, 2)]),
  )
  await client.until(() => client.answers.length === 2)
  expect(client.answers[1]).toMatchObject({ id: 2 })
  release.get(1)?.("done")
  await client.until(() => client.answers.length === 3)
  expect(client.answers[2]).toMatchObject({ id: 1, result: "done" })
})

test("cancellations of nothing pile up nowhere: a request behind thousands has its turn within a few", async () => {
  const { client } = build("pile")
  const many = Array.from({ length: 20_000 }, (_, id) => message("$/cancelRequest", { id: id + 100 }))
  let turns = 0
  client.sendBytes(Buffer.concat([...many, message("quick", {}, 1)]))
  while (client.answers.length === 0) {
    turns++
    await new Promise((resolve) => setImmediate(resolve))
  }
  // The wire hands over at least a few thousand bytes per turn; one turn for each cancellation would be 20 000.
  expect(turns).toBeLessThan(5_000)
})

test("a request whose id is in flight is refused, and each is answered once", async () => {
  const { client, release } = build("twice")
  client.sendBytes(Buffer.concat([message("wait", { key: 1 }, 1), message("quick", {}, 1)]))
  await client.until(() => client.answers.length === 1)
  expect(client.answers[0]).toMatchObject({ id: 1, error: { code: -32600 } })
  release.get(1)?.("done")
  await client.until(() => client.answers.length === 2)
  expect(client.answers[1]).toMatchObject({ id: 1, result: "done" })
})

test("requests in flight are answered when the input has ended, and then the connection closes", async () => {
  const { client, log, release } = build("end")
  client.sendBytes(
    Buffer.concat([message("wait", { key: 1 }, 1), message("wait", { key: 2 }, 2), message("quick", {}, 3)]),
  )
  client.end()
  await client.until(() => release.size === 2 && client.answers.length === 1)
  expect(client.isClosed).toBe(false)
  release.get(2)?.("two")
  release.get(1)?.("one")
  await client.closed
  expect(client.answers.map(({ id }) => id)).toEqual([3, 2, 1])
  client.destroy()
  await new Promise((resolve) => setImmediate(resolve))
  expect(log.filter((each) => each === "closed")).toHaveLength(1)
})

test("finish drops what was read and not begun, answers what was, and closes", async () => {
  const built = build("finish", { notification: (method) => method === "leave" && built.peer.finish() })
  const { client, release } = built
  client.sendBytes(
    Buffer.concat([message("wait", { key: 1 }, 1), message("leave"), message("note"), message("quick", {}, 2)]),
  )
  while (!release.has(1)) await new Promise((resolve) => setImmediate(resolve))
  release.get(1)?.("done")
  await client.closed
  expect(client.answers.map(({ id }) => id)).toEqual([1])
})

test("a cut connection aborts what runs and is closed once", async () => {
  let aborted = false
  const built = build("cut", {
    request: (_method, _params, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          aborted = true
          reject(rpcError("RequestCancelled", "gone"))
        })
        // A cut is noticed by who writes: an end of input alone may be a client that waits for its answers.
        built.client.destroy()
        built.peer.notify("told", {})
      }),
  })
  const { client, log } = built
  client.sendBytes(message("wait", {}, 1))
  await client.closed
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(aborted).toBe(true)
  expect(log).toEqual(["closed"])
})

test("held, it takes nothing; released, it goes on in order", async () => {
  const { client, peer, log } = build("hold")
  peer.hold("one")
  peer.hold("two")
  client.sendBytes(Buffer.concat([message("a"), message("b", {}, 1), message("c")]))
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  peer.release("one")
  expect(log).toEqual([])
  peer.release("two")
  await client.until(() => client.answers.length === 1)
  await client.ask("d")
  expect(log).toEqual(["a", "b", "c", "d"])
})

test("what a handler throws is its answer, and a bug is told to its owner and not to the other end", async () => {
  const bugs: unknown[] = []
  const { client } = build("bug", {
    request: (method) => {
      if (method === "known") throw rpcError("NameTaken", "taken", { name: "x" })
      throw new TypeError("secret")
    },
    bug: (error) => void bugs.push(error),
  })
  expect((await client.ask("known")).error).toEqual({ code: 1106, message: "taken", data: { name: "x" } })
  const { error } = await client.ask("unknown")
  expect(error?.code).toBe(-32603)
  expect(error?.message).not.toContain("secret")
  expect(bugs).toEqual([new TypeError("secret")])
})

test("an answer that JSON cannot say is a bug, whether it is there at once or later", async () => {
  const { client } = build("unsayable", {
    request: (method) => (method === "later" ? Promise.resolve({ number: 1n }) : { number: 1n }),
    bug: () => {},
  })
  for (const method of ["at once", "later"]) expect((await client.ask(method)).error?.code).toBe(-32603)
  expect(client.answers).toHaveLength(2)
})

test("$/setTrace makes each message a $/logTrace, in both directions, until it is off", async () => {
  const { client, peer, log } = build("trace")
  client.sendBytes(message("$/setTrace", { value: "messages" }))
  client.sendBytes(message("note"))
  await client.ask("asked")
  peer.notify("told", {})
  await client.until(() => client.notifications.some(({ method }) => method === "told"))
  const traced = (): string[] =>
    client.notifications.filter(({ method }) => method === "$/logTrace").map(({ params }) => String(params.message))
  for (const name of ["note", "asked", "told"]) expect(traced().join("\n")).toContain(`'${name}`)
  expect(log).toEqual(["note", "asked"])
  client.sendBytes(message("$/setTrace", { value: "off" }))
  await client.ask("asked")
  const count = traced().length
  client.sendBytes(message("note"))
  await client.ask("asked")
  expect(traced()).toHaveLength(count)
})

test("it asks the other end too, and an end before the answer says so", async () => {
  const { client, peer } = build("ask")
  const answer = peer.request("question", { a: 1 })
  const asked = await client.until(() => client.notifications.find(({ method }) => method === "question"))
  client.send({ jsonrpc: "2.0", id: (asked as unknown as { id: number }).id, result: 42 })
  expect(await answer).toBe(42)
  const lost = peer.request("question", {})
  client.destroy()
  await expect(lost).rejects.toMatchObject({ name: "ConnectionEnded", method: "question" })
  await expect(peer.request("question", {})).rejects.toMatchObject({ name: "ConnectionEnded" })
})
