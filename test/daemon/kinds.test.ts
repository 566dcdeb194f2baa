/**
 * What a kind of transport cannot do is refused with its name, and whatever is refused changes nothing.
 * What kinds can do is shown in the tests of each.
 */
import { expect, test } from "vitest"
import { RpcError } from "../../protocol/errors.ts"
import { echo, listenPeer } from "../support/peers.ts"
import { cat } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

const harness = setup()

test("operations that a kind cannot do are refused by name, and the transport goes on", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const peer = await listenPeer(harness, echo)
  const tcp = await client.request<{ transport: number }>("loop/createConnection", { host: peer.host, port: peer.port })
  const child = await client.request<{ transport: number; pipes: Record<string, number> }>("loop/subprocessExec", cat)
  const { server } = await client.request<{ server: number }>("loop/createServer", { host: "127.0.0.1", port: 0 })
  const [stdin, stdout] = [child.pipes[0], child.pipes[1]]
  const bytes = { data: "aGVsbG8=" }
  const refusals: Array<[string, object, string]> = [
    ["write", { transport: child.transport, ...bytes }, "subprocess"],
    ["writelines", { transport: child.transport, data: [] }, "subprocess"],
    ["writeEof", { transport: child.transport }, "subprocess"],
    ["pauseReading", { transport: child.transport }, "subprocess"],
    ["resumeReading", { transport: child.transport }, "subprocess"],
    ["getWriteBufferSize", { transport: child.transport }, "subprocess"],
    ["write", { transport: stdout, ...bytes }, "subprocess"],
    ["writeEof", { transport: stdout }, "subprocess"],
    ["setWriteBufferLimits", { transport: stdout }, "subprocess"],
    ["pauseReading", { transport: stdin }, "subprocess"],
    ["isReading", { transport: stdin }, "subprocess"],
    ["getPid", { transport: tcp.transport }, "tcp"],
    ["getReturncode", { transport: tcp.transport }, "tcp"],
    ["getPipeTransport", { transport: tcp.transport, fd: 0 }, "tcp"],
    ["sendSignal", { transport: tcp.transport, signal: "SIGTERM" }, "tcp"],
    ["terminate", { transport: tcp.transport }, "tcp"],
    ["kill", { transport: tcp.transport }, "tcp"],
  ]
  for (const [operation, params, kind] of refusals) {
    const error = await client.failure(`transport/${operation}`, params)
    expect([operation, error]).toEqual([
      operation,
      expect.objectContaining({ code: 1105, data: { kind, operation: expect.any(String) } }),
    ])
    client.notify(`transport/${operation}`, params)
  }
  for (const method of ["close", "describe", "isClosing", "getPid"]) {
    expect(await client.failure(`transport/${method}`, { transport: server })).toMatchObject({ code: 1101 })
  }
  expect(await client.failure("server/close", { server: tcp.transport })).toMatchObject({ code: 1101 })
  expect(await client.request("server/isServing", { server })).toBe(true)

  await client.request("transport/write", { transport: tcp.transport, ...bytes })
  await client.request("transport/write", { transport: stdin, ...bytes })
  await client.until(() => client.count(tcp.transport) === 5 && client.count(child.transport, 1) === 5)
})

test("a water mark that makes no sense is refused with its reason, and the limits stay", async () => {
  const { connect } = await harness.startDaemon()
  const client = await connect()
  const peer = await listenPeer(harness)
  const { transport } = await client.request<{ transport: number }>("loop/createConnection", {
    host: peer.host,
    port: peer.port,
  })
  for (const marks of [
    { highBytes: 5, lowBytes: 6 },
    { highBytes: 0, lowBytes: 1 },
    { highBytes: -1 },
    { lowBytes: -1 },
  ]) {
    const failure = client.request("transport/setWriteBufferLimits", { transport, ...marks })
    await expect(failure).rejects.toThrow(RpcError)
    await expect(failure).rejects.toMatchObject({ code: -32602 })
  }
  expect(await client.request("transport/getWriteBufferLimits", { transport })).toEqual({
    highBytes: 65_536,
    lowBytes: 16_384,
  })
  await client.request("transport/setWriteBufferLimits", { transport, lowBytes: 16_385 })
  expect(await client.request("transport/getWriteBufferLimits", { transport })).toEqual({
    highBytes: 65_540,
    lowBytes: 16_385,
  })
})
