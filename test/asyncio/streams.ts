/** The scenarios of connections: their ends, their reading side, what protocols throw. Each has a program of its name. */
import { BufferedRecorder, oops, outcome, Recorder, type Scenario } from "./twin.ts"

export const streams: Readonly<Record<string, Scenario>> = {
  async echo(twin) {
    const { host, port, accept } = await twin.listen()
    const protocol = new Recorder(twin, { connectionMade: (transport) => transport.write(Buffer.from("Hello World!")) })
    await twin.loop.createConnection(() => protocol, { host, port })
    const remote = await accept()
    await remote.send(await remote.receive(12))
    remote.end()
    await protocol.lost
    twin.note("closing", protocol.transport?.isClosing())
  },

  async close(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    twin.note("closing", transport.isClosing(), "reading", transport.isReading())
    transport.close()
    transport.close()
    twin.note("closing", transport.isClosing(), "reading", transport.isReading())
    const data = await remote.rest()
    await protocol.lost
    twin.note("remote got", data.length)
    transport.close()
    transport.abort()
    await twin.settle()
  },

  async close_flushes(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    transport.write(Buffer.alloc(8 << 20))
    transport.close()
    await twin.settle()
    twin.note("remote reads")
    const data = await remote.rest()
    await protocol.lost
    twin.note("remote got", data.length)
  },

  async close_in_data_received(twin) {
    const protocol: Recorder = new Recorder(twin, { dataReceived: () => protocol.transport?.close() })
    const [, remote] = await twin.connected(protocol)
    await remote.send("x")
    await protocol.lost
    twin.note("remote got", (await remote.rest()).length)
  },

  async close_in_connection_made(twin) {
    const protocol = new Recorder(twin, { connectionMade: (transport) => transport.close() })
    const { host, port, accept } = await twin.listen()
    const [transport] = await twin.loop.createConnection(() => protocol, { host, port })
    const remote = await accept()
    await protocol.lost
    twin.note("same", transport === protocol.transport, "closing", transport.isClosing())
    twin.note("remote got", (await remote.rest()).length)
  },

  async abort(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    transport.write(Buffer.alloc(8 << 20))
    transport.abort()
    twin.note("closing", transport.isClosing(), "size", transport.getWriteBufferSize())
    transport.abort()
    await protocol.lost
    twin.note("all", (await remote.rest()).length === 8 << 20)
  },

  async abort_after_close(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    transport.write(Buffer.alloc(8 << 20))
    transport.close()
    transport.abort()
    await protocol.lost
    twin.note("all", (await remote.rest()).length === 8 << 20)
  },

  async abort_in_data_received(twin) {
    const protocol: Recorder = new Recorder(twin, { dataReceived: () => protocol.transport?.abort() })
    const [, remote] = await twin.connected(protocol)
    await remote.send("x")
    await protocol.lost
  },

  async eof_false(twin) {
    for (const answer of [false, null, 0, ""]) {
      const protocol: Recorder = new Recorder(twin, {
        eofReceived: () => {
          twin.note("closing", protocol.transport?.isClosing())
          protocol.transport?.write(Buffer.from("last words"))
          return answer
        },
      })
      const [transport, remote] = await twin.connected(protocol)
      remote.end()
      const data = await remote.rest()
      await protocol.lost
      twin.note("remote got", data.length)
      twin.note("closing", transport.isClosing())
    }
  },

  async eof_true(twin) {
    const protocol = new Recorder(twin, { eofReceived: () => true })
    const [transport, remote] = await twin.connected(protocol)
    await remote.send("question")
    remote.end()
    await twin.heard("eof_received")
    await twin.settle()
    twin.note("closing", transport.isClosing())
    transport.write(Buffer.from("much later"))
    twin.note("remote got", (await remote.receive(10)).length)
    transport.close()
    await protocol.lost
  },

  async eof_default(twin) {
    const protocol = new Recorder(twin)
    const [, remote] = await twin.connected(protocol)
    await remote.send("all")
    remote.end()
    await protocol.lost
    twin.note("remote got", (await remote.rest()).length)
  },

  async pause_reading(twin) {
    const protocol = new Recorder(twin, { connectionMade: (transport) => transport.pauseReading() })
    const [transport, remote] = await twin.connected(protocol)
    twin.note("reading", transport.isReading())
    await remote.send(Buffer.alloc(10_000))
    remote.end()
    await twin.settle()
    twin.note("resume")
    transport.resumeReading()
    twin.note("reading", transport.isReading())
    await protocol.lost
  },

  async pause_reading_in_data_received(twin) {
    const protocol: Recorder = new Recorder(twin, { dataReceived: () => protocol.transport?.pauseReading() })
    const [transport, remote] = await twin.connected(protocol)
    await remote.send("one")
    await twin.heard("data_received")
    await remote.send("two")
    await twin.settle()
    twin.note("resume")
    transport.resumeReading()
    await twin.until(() => protocol.received.length === 6)
    transport.resumeReading()
    remote.end()
    await protocol.lost
  },

  async pause_reading_often(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    const pause = (): string => outcome(() => transport.pauseReading())
    const resume = (): string => outcome(() => transport.resumeReading())
    for (const call of [resume, pause, pause, resume, resume]) twin.note(call(), transport.isReading())
    await remote.send("x")
    await twin.heard("data_received")
    transport.close()
    twin.note(pause(), resume(), transport.isReading())
    await protocol.lost
    twin.note(pause(), resume(), transport.isReading())
  },

  async reset(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    remote.reset()
    await protocol.lost
    twin.note("closing", transport.isClosing())
    transport.write(Buffer.from("nobody"))
    transport.close()
    await twin.settle()
  },

  async set_protocol(twin) {
    const [first, second] = [new Recorder(twin, {}, "first"), new Recorder(twin, {}, "second")]
    const [transport, remote] = await twin.connected(first)
    twin.note(transport.getProtocol() === first)
    await remote.send("a")
    await twin.heard("first.data_received")
    transport.setProtocol(second)
    twin.note(transport.getProtocol() === second)
    await remote.send("bc")
    await twin.heard("second.data_received")
    remote.end()
    await second.lost
  },

  async extra_info(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    const names = "peername sockname socket compression cipher peercert sslcontext ssl_object pipe subprocess nothing"
    twin.note(...names.split(" ").filter((name) => transport.getExtraInfo(name, "missing") !== "missing"))
    const peername = transport.getExtraInfo("peername") as { host: string; port: number }
    const { address, port } = remote.socket.address() as { address: string; port: number }
    twin.note(peername.host === address)
    twin.note(peername.port === port)
    twin.note((transport.getExtraInfo("sockname") as { port: number }).port === remote.socket.remotePort)
    twin.note(transport.getExtraInfo("nothing"), transport.getExtraInfo("nothing", 7))
    transport.close()
    await protocol.lost
    twin.note(transport.getExtraInfo("peername") !== null)
  },

  async buffered(twin) {
    const buffer = Buffer.alloc(3)
    let seen = ""
    const protocol = new BufferedRecorder(twin, {
      getBuffer: () => buffer,
      bufferUpdated: (bytes) => void (seen += buffer.subarray(0, bytes).toString()),
    })
    const [, remote] = await twin.connected(protocol)
    await remote.send("abcdefg")
    await twin.until(() => protocol.total === 7)
    remote.end()
    await protocol.lost
    twin.note(seen)
  },

  async buffered_empty(twin) {
    const protocol = new BufferedRecorder(twin, { getBuffer: () => Buffer.alloc(0) })
    const [, remote] = await twin.connected(protocol)
    await remote.send("x")
    await protocol.lost
  },

  async buffered_wrong(twin) {
    const protocol = new BufferedRecorder(twin, { getBuffer: () => "no buffer" as unknown as Uint8Array })
    const [, remote] = await twin.connected(protocol)
    await remote.send("x")
    await protocol.lost
  },

  async buffered_pause(twin) {
    const protocol: BufferedRecorder = new BufferedRecorder(twin, {
      getBuffer: () => Buffer.alloc(3),
      bufferUpdated: () => protocol.transport?.pauseReading(),
    })
    const [transport, remote] = await twin.connected(protocol)
    await remote.send("abcde")
    await twin.until(() => protocol.total === 3)
    await twin.settle()
    twin.note("resume")
    transport.resumeReading()
    await twin.until(() => protocol.total === 5)
    transport.close()
    await protocol.lost
  },

  async raises_connection_made(twin) {
    const protocol = new Recorder(twin, { connectionMade: oops })
    const [transport, remote] = await twin.connected(protocol)
    await remote.send("alive")
    await twin.heard("data_received")
    twin.note("closing", transport.isClosing())
    transport.close()
    await protocol.lost
  },

  async raises_data_received(twin) {
    const protocol = new Recorder(twin, { dataReceived: oops })
    const [transport, remote] = await twin.connected(protocol)
    await remote.send("x")
    await protocol.lost
    twin.note("closing", transport.isClosing())
  },

  async raises_eof_received(twin) {
    const protocol = new Recorder(twin, { eofReceived: oops })
    const [, remote] = await twin.connected(protocol)
    remote.end()
    await protocol.lost
  },

  async raises_buffer_updated(twin) {
    const protocol = new BufferedRecorder(twin, { getBuffer: () => Buffer.alloc(10), bufferUpdated: oops })
    const [, remote] = await twin.connected(protocol)
    await remote.send("x")
    await protocol.lost
  },

  async raises_flow_control(twin) {
    const protocol = new Recorder(twin, { pauseWriting: oops, resumeWriting: oops, connectionLost: oops })
    const [transport, remote] = await twin.connected(protocol)
    transport.write(Buffer.alloc(8 << 20))
    transport.close()
    const data = await remote.rest()
    await protocol.lost
    await twin.settle()
    twin.note("remote got", data.length)
  },
}
