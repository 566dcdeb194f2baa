/** The scenarios of writing: what is taken, the marks, the end of the writing side. Each has a program of its name. */
import { barrier } from "../client/library.ts"
import { outcome, Recorder, type Scenario } from "./twin.ts"

export const writing: Readonly<Record<string, Scenario>> = {
  async write_types(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    const write = (data: unknown): string => outcome(() => transport.write(data as Uint8Array))
    for (const wrong of ["text", 7, null, [1, 2]]) twin.note(write(wrong))
    const reused = Buffer.from("abc")
    twin.note(write(reused))
    reused.write("xyz")
    twin.note(write(new Uint8Array(0)), write(Buffer.from("def").subarray(0)))
    const all = Uint8Array.from({ length: 256 }, (_, value) => value)
    transport.write(all)
    transport.close()
    const got = await remote.rest()
    await protocol.lost
    twin.note("remote got", got.length, got.subarray(0, 6).toString(), got.subarray(6).equals(all))
  },

  async write_after_close(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    transport.write(Buffer.from("before"))
    transport.close()
    await protocol.lost
    const late = Buffer.from("late")
    twin.note(
      outcome(() => transport.write(late)),
      outcome(() => transport.writelines([late])),
    )
    twin.note("remote got", (await remote.rest()).length)
  },

  async writelines(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    transport.writelines([])
    transport.writelines([Buffer.from("a"), Buffer.alloc(0), new Uint8Array([98])])
    transport.writelines(new Set([Buffer.from("c"), Buffer.from("d")]))
    twin.note("got", (await remote.receive(4)).toString())
    transport.writelines([Buffer.alloc(4 << 20), Buffer.alloc(4 << 20)])
    transport.close()
    const data = await remote.rest()
    await protocol.lost
    twin.note("remote got", data.length)
  },

  async write_eof(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    twin.note("can", transport.canWriteEof())
    transport.write(Buffer.from("question"))
    transport.writeEof()
    const x = Buffer.from("x")
    twin.note(
      outcome(() => transport.writeEof()),
      outcome(() => transport.write(x)),
      outcome(() => transport.write(Buffer.alloc(0))),
    )
    twin.note(outcome(() => transport.writelines([x])))
    twin.note("remote got", (await remote.rest()).length, "closing", transport.isClosing())
    await remote.send("answer")
    await twin.heard("data_received")
    remote.end()
    await protocol.lost
    twin.note(outcome(() => transport.writeEof()))
  },

  async limits(twin) {
    const protocol = new Recorder(twin)
    const [transport] = await twin.connected(protocol)
    for (const limits of [
      {},
      { highBytes: 1_001 },
      { lowBytes: 16_385 },
      { highBytes: 1_000, lowBytes: 100 },
      { highBytes: 5, lowBytes: 6 },
      { highBytes: 0, lowBytes: 1 },
      { highBytes: -1 },
      { lowBytes: -1 },
      { highBytes: 7, lowBytes: 7 },
      { highBytes: 0 },
      {},
    ]) {
      const said = outcome(() => transport.setWriteBufferLimits(limits))
      const { lowBytes, highBytes } = transport.getWriteBufferLimits()
      twin.note(said, lowBytes, highBytes)
    }
    transport.close()
    await protocol.lost
  },

  async flow_control(twin) {
    const protocol = new Recorder(twin)
    const [transport, remote] = await twin.connected(protocol)
    transport.setWriteBufferLimits({ highBytes: 100_000, lowBytes: 10_000 })
    transport.write(Buffer.alloc(8 << 20))
    transport.write(Buffer.alloc(1_000))
    await twin.settle()
    twin.note("remote reads")
    const data = await remote.receive((8 << 20) + 1_000)
    await twin.heard("resume_writing")
    while (transport.getWriteBufferSize() > 0) await barrier(twin.client)
    twin.note("remote got", data.length)
    twin.note("size", transport.getWriteBufferSize())
    transport.close()
    await protocol.lost
  },

  async limits_pause_at_once(twin) {
    const protocol = new Recorder(twin)
    const [transport] = await twin.connected(protocol)
    transport.setWriteBufferLimits({ highBytes: 16 << 20 })
    transport.write(Buffer.alloc(8 << 20))
    const size = transport.getWriteBufferSize()
    twin.note("buffered", size > 0)
    transport.setWriteBufferLimits({ highBytes: size })
    twin.note("at exactly that")
    transport.setWriteBufferLimits({ highBytes: size - 1 })
    transport.abort()
    await protocol.lost
  },
}
