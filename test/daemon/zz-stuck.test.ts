import { expect, test } from "vitest"
import { byteMessage, encode, frame } from "../support/encode.ts"
import type { RawClient } from "../support/client.ts"
import { ask, expectUndisturbed, tell } from "../support/hostile.ts"
import { listenPeer, Recorder } from "../support/peers.ts"
import { setup } from "../support/setup.ts"
const harness = setup()
/** A session in which something of every kind happens. */
function session(port: number): Buffer {
  const messages = [
    ["initialize", { protocolVersion: 1, capabilities: { byteMessages: true, flowControl: true } }, 1],
    ["initialized", {}],
    ["loop/createServer", { host: "127.0.0.1", port: 0, options: { name: "server" } }, 2],
    ["loop/createConnection", { host: "127.0.0.1", port, options: { name: "remote" } }, 3],
    ["loop/subprocessExec", { program: "cat", options: { name: "cat" } }, 4],
    ["transport/write", { transport: "remote", data: Buffer.from("hello") }],
    ["transport/close", { transport: "cat" }, 5],
  ] as const
  return Buffer.concat(
    messages.map(([method, params, id]) =>
      encode(
        { jsonrpc: "2.0", ...(id !== undefined && { id }), method, params },
        { framing: "header", byteMessages: true },
      ),
    ),
  )
}

test.each(Array.from({length:48},(_, i)=>i))(
  "a valid session that is cut at any byte leaves nothing (part %i of 8)",
  async (part) => {
    const { connect, connectRaw, daemon } = await harness.startDaemon()
    const quiet = await connect()
    const peer = await listenPeer(harness)
    const bytes = session(peer.port)
    for (let cut = part % 8; cut <= bytes.length; cut += 8) {
      const client = await connectRaw()
      client.flowControl = true
      client.consumes = false
      client.sendBytes(bytes.subarray(0, cut))
      // Ended, destroyed, or destroyed once something was answered: three ways to go.
      if (cut % 3 === 0) client.end()
      else if (cut % 3 === 1) client.destroy()
      else {
        await client.until(() => cut < 250 || client.received.length > 0)
        client.destroy()
      }
      if (cut % 3 === 0) await client.closed
    }
    await untilAlone(quiet)
    await expectUndisturbed(quiet)
    expect(daemon.info()).toMatchObject({ clients: 1, transports: 0, servers: 0 })
  },
)

/** Waits until `client` is the only one, by asking. */
async function untilAlone(client: RawClient): Promise<void> {
  const t0 = performance.now()
  for (;;) {
    const { clients, transports } = await client.request<{ clients: number; transports: number }>("daemon/info")
    if (clients === 1 && transports === 0) return
    if (performance.now() - t0 > 5000) { console.log("STUCK", clients, JSON.stringify(await client.request("transport/list")), (globalThis as any).dmn ? [...(globalThis as any).dmn.table.holdings()].map((h: any) => [h.id, h.kind, h.state]) : ""); throw new Error("stuck") }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
