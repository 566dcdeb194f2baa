/** Names and addresses, as this machine has them: only names that need no network. */
import { isIP } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { lookups as shared, Lookups } from "../../daemon/open/lookups.ts"
import { MAX_LOOKUPS } from "../../protocol/limits.ts"
import { TestClock } from "../support/clock.ts"
import { closedPort } from "../support/peers.ts"
import { setup } from "../support/setup.ts"

const { startDaemon } = setup()

interface Entry {
  readonly family: string
  readonly type: string
  readonly proto: string
  readonly canonname: string
  readonly address: { readonly host: string; readonly port: number; readonly family: string }
}

async function lookUp(params: object): Promise<Entry[]> {
  const client = await (await startDaemon()).connect()
  return client.request<Entry[]>("loop/getaddrinfo", params)
}

async function refusal(method: string, params: object): Promise<unknown[]> {
  const client = await (await startDaemon()).connect()
  const { code, data } = await client.failure(method, params)
  return [code, data?.reason]
}

describe("getaddrinfo", () => {
  it("gives an address one entry for each type of socket, as asyncio does", async () => {
    const address = { host: "127.0.0.1", port: 80, family: "IPv4" }
    expect(await lookUp({ host: "127.0.0.1", port: 80 })).toEqual([
      { family: "IPv4", type: "stream", proto: "tcp", canonname: "", address },
      { family: "IPv4", type: "datagram", proto: "udp", canonname: "", address },
      { family: "IPv4", type: "raw", proto: "ip", canonname: "", address },
    ])
  })

  it("is narrowed by type, proto and family", async () => {
    const found = await lookUp({ host: "localhost", port: 1, family: 4, type: "datagram" })
    expect(found.map(({ type, proto, address }) => [type, proto, address.host])).toEqual([
      ["datagram", "udp", "127.0.0.1"],
    ])
    expect((await lookUp({ host: "::1", proto: "tcp" })).map(({ address }) => address)).toEqual([
      { host: "::1", port: 0, family: "IPv6" },
    ])
  })

  it("knows services by name", async () => {
    const found = await lookUp({ host: "127.0.0.1", port: "http", type: "stream" })
    expect(found[0]?.address.port).toBe(80)
    expect(await refusal("loop/getaddrinfo", { host: "127.0.0.1", port: "no-such-service" })).toEqual([
      1202,
      "EAI_SERVICE",
    ])
    const flags = ["numericService"]
    expect(await refusal("loop/getaddrinfo", { host: "127.0.0.1", port: "http", flags })).toEqual([1202, "EAI_SERVICE"])
  })

  it("takes null for this host, or with passive for any of its addresses", async () => {
    const own = await lookUp({ host: null, port: 7, type: "stream" })
    expect(own.map(({ address }) => address.host)).toEqual(["::1", "127.0.0.1"])
    const any = await lookUp({ host: null, port: 7, type: "stream", family: 4, flags: ["passive"] })
    expect(any.map(({ address }) => address.host)).toEqual(["0.0.0.0"])
  })

  it("says ResolveFailed for what has no address", async () => {
    expect(await refusal("loop/getaddrinfo", { host: "localhost", flags: ["numericHost"] })).toEqual([
      1202,
      "EAI_NONAME",
    ])
    expect(await refusal("loop/getaddrinfo", { host: "127.0.0.1", family: 6 })).toEqual([1202, "EAI_ADDRFAMILY"])
    expect(await refusal("loop/getaddrinfo", { host: "x".repeat(300) })).toEqual([1202, "EINVAL"])
    expect(await refusal("loop/getaddrinfo", { host: "a\0b" })).toEqual([1202, "EINVAL"])
    expect(await refusal("loop/getaddrinfo", { host: "127.0.0.1", type: "stream", proto: "udp" })).toEqual([
      1202,
      "EAI_SOCKTYPE",
    ])
    expect((await refusal("loop/getaddrinfo", { host: "host.invalid" }))[0]).toBe(1202)
  })
})

describe("getnameinfo", () => {
  async function nameOf(params: object): Promise<unknown> {
    const client = await (await startDaemon()).connect()
    return client.request("loop/getnameinfo", params)
  }

  it("gives the names of host and service", async () => {
    const found = (await nameOf({ address: { host: "127.0.0.1", port: 80 } })) as { host: string; service: string }
    expect(isIP(found.host)).toBe(0)
    expect(found.service).toBe("http")
  })

  it("gives numbers where they are asked for", async () => {
    const flags = ["numericHost", "numericService"]
    expect(await nameOf({ host: "127.0.0.1", port: 80, flags })).toEqual({ host: "127.0.0.1", service: "80" })
  })

  it("gives the port where the service has no name", async () => {
    expect(await nameOf({ host: "127.0.0.1", port: 64_999, flags: ["numericHost"] })).toEqual({
      host: "127.0.0.1",
      service: "64999",
    })
  })

  it("wants one address", async () => {
    expect((await refusal("loop/getnameinfo", { port: 80 }))[0]).toBe(-32602)
    expect((await refusal("loop/getnameinfo", { host: "::1", address: { host: "::1", port: 1 } }))[0]).toBe(-32602)
  })
})

describe("a connection to a name", () => {
  it("waits in the row of look-ups, and is cancelled there", async () => {
    const client = await (await startDaemon()).connect()
    let release = (): void => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    const blocking = Array.from({ length: MAX_LOOKUPS }, () => shared.run("nothing", () => released))
    const params = { host: "localhost", port: await closedPort() }
    const cancelled = client.ask("loop/createConnection", params, "to be cancelled")
    const refused = client.ask("loop/createConnection", params)
    client.notify("$/cancelRequest", { id: "to be cancelled" })
    expect((await cancelled).error?.code).toBe(-32800)
    const address = await client.ask("loop/createConnection", { ...params, host: "127.0.0.1" })
    expect(address.error?.data?.errno).toBe("ECONNREFUSED")
    release()
    await Promise.all(blocking)
    expect((await refused).error?.data?.errno).toBe("ECONNREFUSED")
  })
})

describe("look-ups", () => {
  /** A look-up that ends when the test says so. */
  class Slow {
    begun = false
    end = (_answer: string): void => {}
    readonly look = (): Promise<string> => {
      this.begun = true
      return new Promise((resolve) => (this.end = resolve))
    }
  }

  const clock = new TestClock()
  const lookups = new Lookups({ atOnce: 2, timeoutMs: 1_000, clock })
  afterEach(() => expect(clock.waiting).toBe(0))

  it("run a few at a time; the rest wait their turn", async () => {
    const slow = [new Slow(), new Slow(), new Slow(), new Slow()]
    const answers = slow.map(({ look }, index) => lookups.run(`host ${index}`, look))
    expect(slow.map(({ begun }) => begun)).toEqual([true, true, false, false])
    slow[1]?.end("1")
    expect(await answers[1]).toBe("1")
    await Promise.resolve()
    expect(slow.map(({ begun }) => begun)).toEqual([true, true, true, false])
    for (const [index, each] of slow.entries()) {
      each.end(String(index))
      await answers[index]
    }
    expect(await Promise.all(answers)).toEqual(["0", "1", "2", "3"])
  })

  it("have a time limit, counted from when they were asked for", async () => {
    const slow = [new Slow(), new Slow(), new Slow()]
    const answers = Promise.allSettled(slow.map(({ look }) => lookups.run("host", look)))
    clock.advance(1_000)
    for (const answer of await answers) expect(answer).toMatchObject({ reason: { name: "TimedOut" } })
    expect(slow.map(({ begun }) => begun)).toEqual([true, true, false])
    // The system is still at it: no place is free before it is done.
    const next = new Slow()
    const answer = lookups.run("host", next.look)
    expect(next.begun).toBe(false)
    slow[0]?.end("late")
    slow[1]?.end("late")
    await expect.poll(() => next.begun).toBe(true)
    next.end("now")
    expect(await answer).toBe("now")
  })

  it("are cancelled by a signal, before and while they wait", async () => {
    await expect(lookups.run("host", new Slow().look, AbortSignal.abort())).rejects.toMatchObject({
      name: "RequestCancelled",
    })
    const controller = new AbortController()
    const slow = new Slow()
    const answer = lookups.run("host", slow.look, controller.signal)
    controller.abort()
    await expect(answer).rejects.toMatchObject({ name: "RequestCancelled" })
    slow.end("late")
  })

  it("free their place when they fail", async () => {
    for (let count = 0; count < 3; count++) {
      await expect(lookups.run("host", () => Promise.reject(new Error("no")))).rejects.toThrow("no")
    }
  })
})
