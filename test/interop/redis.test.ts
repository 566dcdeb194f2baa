/** Redis as the remote: a protocol where many questions travel before the first answer, in both directions binary. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { expect, it } from "vitest"
import { Sandbox } from "../cli/sandbox.ts"
import { Recorder, setupLibrary } from "../client/library.ts"
import { describeWith, startOnPort } from "./programs.ts"

describeWith(["redis-server"], ([program]) => {
  const { startLibrary } = setupLibrary()

  /** A Redis of this test: its port and its socket. */
  async function startRedis(sandbox: Sandbox): Promise<{ port: number; path: string }> {
    const path = join(sandbox.folder, "redis.sock")
    const port = await startOnPort(
      sandbox,
      (chosen) => [program, "--port", `${chosen}`, "--bind", "127.0.0.1", "--unixsocket", path, "--save", ""],
      (running) => running.says(/ready to accept connections at/, "stdout"),
    )
    return { port, path }
  }

  /** One command as Redis's protocol has it. */
  function command(...words: (string | Buffer)[]): Buffer {
    const pieces = words.map((word) => [`$${Buffer.byteLength(word)}\r\n`, word, "\r\n"]).flat()
    return Buffer.concat([`*${words.length}\r\n`, ...pieces].map((piece) => Buffer.from(piece as string)))
  }

  it.each(["TCP", "a Unix socket"])("answers what was asked all at once over %s, and says good-bye", async (way) => {
    await using sandbox = new Sandbox()
    const { port, path } = await startRedis(sandbox)
    const { client } = await startLibrary()
    const [transport, protocol] =
      way === "TCP"
        ? await client.loop.createConnection(() => new Recorder(), { host: "127.0.0.1", port })
        : await client.loop.createUnixConnection(() => new Recorder(), { path })
    transport.writelines([command("PING"), command("SET", "key", "h\u00e9llo"), command("GET", "key"), command("QUIT")])
    expect(await protocol.lost()).toBeNull()
    expect(protocol.data.toString()).toBe("+PONG\r\n+OK\r\n$6\r\nh\u00e9llo\r\n+OK\r\n")
    expect(protocol.recording.count("eof")).toBe(1)
  })

  it("keeps megabytes of binary whole, both ways at once", async () => {
    await using sandbox = new Sandbox()
    const { path } = await startRedis(sandbox)
    const { client } = await startLibrary()
    const [transport, protocol] = await client.loop.createUnixConnection(() => new Recorder(), { path })
    const values = Array.from({ length: 100 }, (_, index) => randomBytes(1_000 * index))
    values.forEach((value, index) =>
      transport.writelines([command("SET", `${index}`, value), command("GET", `${index}`)]),
    )
    const expected = Buffer.concat(
      values.flatMap((value) => [Buffer.from(`+OK\r\n$${value.length}\r\n`), value, Buffer.from("\r\n")]),
    )
    await protocol.received(expected.length)
    expect(protocol.data.equals(expected)).toBe(true)
    transport.close()
    expect(await protocol.lost()).toBeNull()
  })

  it("tells a subscriber what another connection publishes", async () => {
    await using sandbox = new Sandbox()
    const { port } = await startRedis(sandbox)
    const { client } = await startLibrary()
    const connect = () => client.loop.createConnection(() => new Recorder(), { host: "127.0.0.1", port })
    const [listening, subscriber] = await connect()
    const [speaking, publisher] = await connect()
    listening.write(command("SUBSCRIBE", "news"))
    const subscribed = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
    await subscriber.received(subscribed.length)
    speaking.write(command("PUBLISH", "news", "hello"))
    const published = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"
    await Promise.all([publisher.received(4), subscriber.received(subscribed.length + published.length)])
    expect(publisher.data.toString()).toBe(":1\r\n")
    expect(subscriber.data.toString()).toBe(subscribed + published)
    for (const transport of [listening, speaking]) transport.close()
    await Promise.all([subscriber.lost(), publisher.lost()])
  })
})
