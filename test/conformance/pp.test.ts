/** Subprocess protocols: output, the ends of pipes, the exit. */
import { expect } from "vitest"
import { barrier, ProcessRecorder } from "../client/library.ts"
import { cat, holdsPipes, shell } from "../support/programs.ts"
import { setupKinds } from "./kinds.ts"
import { proves } from "./rows.ts"

const { running, startLibrary } = setupKinds()

proves(
  "PP-1",
  "both ways to start a process call the factory once, and connectionMade with its transport",
  async () => {
    const { client } = await startLibrary()
    const made: ProcessRecorder[] = []
    const factory = (): ProcessRecorder => {
      const protocol = new ProcessRecorder()
      made.push(protocol)
      return protocol
    }
    const [exec, first] = await client.loop.subprocessExec(factory, ["true"])
    const [command, second] = await client.loop.subprocessShell(factory, "true")
    expect(made).toEqual([first, second])
    expect([first.transport, second.transport]).toEqual([exec, command])
    await Promise.all([first.lost(), second.lost()])
  },
)

proves("PP-2", "pipeDataReceived gets all that is written to each output, in the order of each", async () => {
  const lines = shell("i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done")
  const { protocol } = await running(lines, new ProcessRecorder())
  await protocol.lost()
  const expected = (name: string): string => Array.from({ length: 500 }, (_, at) => `${name} ${at}\n`).join("")
  expect(protocol.output(1)).toBe(expected("out"))
  expect(protocol.output(2)).toBe(expected("err"))
})

proves("PP-3", "fd is the child's number: 1 or 2", async () => {
  const { protocol } = await running(shell("echo out; echo err >&2"), new ProcessRecorder())
  await protocol.lost()
  expect(new Set(protocol.outputs.keys())).toEqual(new Set([1, 2]))
})

proves("PP-4", "data is never empty", async () => {
  const { protocol } = await running(shell("printf ''; printf x; printf '' >&2; printf y"), new ProcessRecorder())
  await protocol.lost()
  const chunks = [...protocol.outputs.values()].flat()
  expect(Buffer.concat(chunks).toString()).toBe("xy")
  expect(chunks.every((chunk) => Buffer.isBuffer(chunk) && chunk.length > 0)).toBe(true)
})

proves("PP-5", "pipeConnectionLost comes once for each pipe, behind all its data, with null in peace", async () => {
  const { client, protocol } = await running(shell("head -c 3000000 /dev/zero; echo err >&2"), new ProcessRecorder())
  await protocol.lost()
  const { events } = protocol.recording
  expect(protocol.output(1)).toHaveLength(3_000_000)
  for (const fd of [0, 1, 2]) {
    expect(protocol.recording.count(`end ${fd}`)).toBe(1)
    expect(events.lastIndexOf(`data ${fd}`)).toBeLessThan(events.indexOf(`end ${fd}`))
    expect(protocol.pipeErrors.get(fd)).toBeNull()
  }
  const few = new ProcessRecorder()
  await client.loop.subprocessExec(() => few, ["echo", "x"], { stdin: "null", stderr: "null" })
  await few.lost()
  expect(few.recording.events.filter((event) => event.startsWith("end"))).toEqual(["end 1"])

  const deaf = await running(shell("echo ready; read line"), new ProcessRecorder())
  await deaf.protocol.recording.heard("data 1")
  deaf.transport.getPipeTransport(0)?.write(Buffer.alloc(5_000_000, "x\n"))
  await deaf.protocol.lost()
  expect(deaf.protocol.pipeErrors.get(0)).toMatchObject({ name: "TransportBroken" })
})

proves("PP-6", "pipeConnectionLost names the pipe that was closed", async () => {
  const { client, transport, protocol } = await running(shell("exec 2>&-; cat"), new ProcessRecorder())
  await protocol.recording.heard("end 2")
  await barrier(client)
  expect(protocol.recording.events).toEqual(["made", "end 2"])
  transport.getPipeTransport(0)?.close()
  await protocol.lost()
  expect(protocol.recording.count("end 0")).toBe(1)
})

proves("PP-7", "processExited comes once, with the return code set, though a grandchild holds the output", async () => {
  const codes: unknown[] = []
  const protocol: ProcessRecorder = new ProcessRecorder({
    processExited: () => codes.push(protocol.transport?.getReturncode()),
  })
  const { transport } = await running(holdsPipes, protocol)
  await protocol.recording.heard("exited")
  expect(codes).toEqual([3])
  expect(protocol.recording.events).not.toContain("end 1")
  transport.close()
  await protocol.lost()
  expect(protocol.recording.count("exited")).toBe(1)
})

proves("PP-8", "connectionMade is first and connectionLost last, whatever comes between", async () => {
  const { transport, protocol } = await running(cat, new ProcessRecorder())
  transport.getPipeTransport(1)?.pauseReading()
  transport.getPipeTransport(0)?.write(Buffer.from("held back"))
  transport.getPipeTransport(0)?.close()
  await protocol.recording.heard("exited")
  expect(protocol.recording.events).not.toContain("data 1")
  transport.getPipeTransport(1)?.resumeReading()
  await protocol.lost()
  const { events } = protocol.recording
  expect(events.at(0)).toBe("made")
  expect(events.at(-1)).toBe("lost")
  expect(events.indexOf("exited")).toBeLessThan(events.indexOf("data 1"))
  expect(events.toSorted()).toEqual(["data 1", "end 0", "end 1", "end 2", "exited", "lost", "made"])
})
