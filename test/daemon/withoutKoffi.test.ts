/** The daemon where the optional package is not installed: what it cannot do it says, and the rest works. */
import { expect, test, vi } from "vitest"
import { udpPeer } from "../support/datagrams.ts"
import { cat, shell } from "../support/programs.ts"
import { setup } from "../support/setup.ts"

vi.mock("../../daemon/native/libc.ts", () => ({
  libc: () => null,
  isInstalled: () => false,
  declaring: () => () => null,
  systemError: () => new Error("there is no C library"),
}))

const harness = setup()

test("a terminal is refused, and is not among the kinds", async () => {
  const client = await (await harness.startDaemon()).connectRaw()
  const { capabilities } = await client.request<{ capabilities: { kinds: string[] } }>("initialize", {
    protocolVersion: 1,
  })
  expect(capabilities.kinds).toEqual(expect.not.arrayContaining(["pty"]))
  expect(capabilities.kinds).toContain("subprocess")
  expect(await client.failure("loop/subprocessExec", { ...cat, pty: {} })).toMatchObject({
    code: 1105,
    data: { kind: "pty" },
  })
})

test("a process has Node's pairs of sockets, and stderr can be its stdout all the same", async () => {
  const client = await (await harness.startDaemon()).connect()
  const line = "test -S /dev/fd/0 && cat && echo out && echo err >&2 && echo $$"
  const child = await client.request<{ transport: number; pid: number; pipes: Record<number, number> }>(
    "loop/subprocessExec",
    { ...shell(line), stderr: "stdout" },
  )
  await client.request("transport/write", { transport: child.pipes[0], text: "in\n" })
  client.notify("transport/writeEof", { transport: child.pipes[0] })
  await client.lost(child.transport)
  expect(client.data(child.transport, 1).toString()).toBe(`in\nout\nerr\n${child.pid}\n`)
})

test("datagrams that are sent and come together do so one by one", async () => {
  const peer = await udpPeer(harness)
  const client = await (await harness.startDaemon({ socket: true })).connect()
  const { transport, extra } = await client.request<{
    transport: number
    extra: { sockname: { host: string; port: number } }
  }>("loop/createDatagramEndpoint", { remoteAddr: peer.addr })
  const parts = Array.from({ length: 40 }, (_, index) => `${index}`)
  client.stream.cork()
  for (const text of parts) client.notify("transport/sendto", { transport, text })
  client.stream.uncork()
  for (const part of parts) expect(String((await peer.next()).data)).toBe(part)
  await Promise.all(parts.map((part) => peer.send(part, extra.sockname)))
  const heard = (): string[] =>
    client
      .of(transport)
      .filter(({ method }) => method === "protocol/datagramReceived")
      .map(({ params }) => String(params.data))
  await client.until(() => heard().length === parts.length)
  expect(heard()).toEqual(parts)
})
