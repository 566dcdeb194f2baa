/** SubprocessTransport: the child, its pipes, its end. */
import { expect } from "vitest"
import { barrier, ProcessRecorder } from "../client/library.ts"
import { cat, holdsPipes, shell, spew, stubborn } from "../support/programs.ts"
import { setupKinds } from "./kinds.ts"
import { proves, skipped } from "./rows.ts"

const { running, startLibrary } = setupKinds()

proves("ST-1", "getPid() is what the child says of itself, also after the end", async () => {
  const { transport, protocol } = await running(shell("echo $$"), new ProcessRecorder())
  await protocol.lost()
  expect(transport.getPid()).toBe(Number(protocol.output(1)))

  // With both outputs in one pipe there is a shell on the way, which becomes the program.
  const { client } = await startLibrary()
  const joined = new ProcessRecorder()
  const [child] = await client.loop.subprocessExec(() => joined, ["sh", "-c", "echo $$"], { stderr: "stdout" })
  await joined.lost()
  expect(child.getPid()).toBe(Number(joined.output(1)))
})

proves("ST-2", "getPipeTransport() gives the same transport always, and it works by itself", async () => {
  const seen: unknown[] = []
  const protocol = new ProcessRecorder({
    connectionMade: (made) => seen.push(...[0, 1, 2].map((fd) => made.getPipeTransport(fd))),
  })
  const { transport } = await running(cat, protocol)
  const pipes = [transport.getPipeTransport(0), transport.getPipeTransport(1), transport.getPipeTransport(2)]
  expect(pipes).toEqual(seen)
  expect(pipes.every((pipe, at) => pipe !== null && pipe === seen[at])).toBe(true)
  transport.getPipeTransport(1)?.pauseReading()
  transport.getPipeTransport(0)?.write(Buffer.from("x"))
  transport.getPipeTransport(0)?.close()
  await protocol.recording.heard("exited")
  expect(protocol.output(1)).toBe("")
  transport.getPipeTransport(1)?.resumeReading()
  await protocol.lost()
  expect(protocol.output(1)).toBe("x")
  expect([0, 1, 2].map((fd) => transport.getPipeTransport(fd)).every((pipe, at) => pipe === pipes[at])).toBe(true)
})

proves("ST-3", "0 is written to and reaches the child's input; null when it is no pipe", async () => {
  const { client, transport, protocol } = await running(cat, new ProcessRecorder())
  transport.getPipeTransport(0)?.write(Buffer.from("in"))
  transport.getPipeTransport(0)?.writeEof()
  await protocol.lost()
  expect(protocol.output(1)).toBe("in")
  const none = new ProcessRecorder()
  const [child] = await client.loop.subprocessExec(() => none, ["cat"], { stdin: "null" })
  expect(child.getPipeTransport(0)).toBeNull()
  await none.lost()
  expect(child.getReturncode()).toBe(0)
})

proves("ST-4", "1 is read from; null when it is no pipe", async () => {
  const { client } = await startLibrary()
  const protocol = new ProcessRecorder()
  const [transport] = await client.loop.subprocessShell(() => protocol, "echo out; echo err >&2", { stdout: "null" })
  expect(transport.getPipeTransport(1)).toBeNull()
  await protocol.lost()
  expect([protocol.output(1), protocol.output(2)]).toEqual(["", "err\n"])
})

proves("ST-5", "2 is read from; null when it is no pipe, or the same as 1", async () => {
  const { client } = await startLibrary()
  for (const [stderr, output] of [
    ["stdout", "out\nerr\n"],
    ["null", "out\n"],
  ] as const) {
    const protocol = new ProcessRecorder()
    const [transport] = await client.loop.subprocessShell(() => protocol, "echo out; echo err >&2", { stderr })
    expect(transport.getPipeTransport(2)).toBeNull()
    await protocol.lost()
    expect([protocol.output(1), protocol.output(2)]).toEqual([output, ""])
  }
})

proves("ST-6", "any other descriptor has no transport", async () => {
  const { transport } = await running(cat, new ProcessRecorder())
  expect([3, 4, 100, -1].map((fd) => transport.getPipeTransport(fd))).toEqual([null, null, null, null])
})

proves("ST-7", "getReturncode() is null, then set before processExited: a status, or minus a signal", async () => {
  for (const [line, returncode] of [
    ["exit 0", 0],
    ["exit 42", 42],
    ["kill -KILL $$", -9],
    ["kill -HUP $$", -1],
  ] as const) {
    const codes: unknown[] = []
    const protocol: ProcessRecorder = new ProcessRecorder({
      connectionMade: (made) => codes.push(made.getReturncode()),
      processExited: () => codes.push(protocol.transport?.getReturncode()),
    })
    const { transport } = await running(shell(line), protocol)
    await protocol.lost()
    expect([...codes, transport.getReturncode()]).toEqual([null, returncode, returncode])
  }
})

proves("ST-8", "kill() kills, even what ignores SIGTERM", async () => {
  const { client, transport, protocol } = await running(stubborn, new ProcessRecorder())
  await protocol.recording.heard("data 1")
  transport.terminate()
  await barrier(client)
  expect(transport.getReturncode()).toBeNull()
  transport.kill()
  await protocol.lost()
  expect(protocol.recording.count("exited")).toBe(1)
})

proves("ST-9", "kill() is SIGKILL", async () => {
  const { transport, protocol } = await running(spew, new ProcessRecorder())
  await protocol.recording.heard("data 1")
  transport.kill()
  await protocol.lost()
  expect(transport.getReturncode()).toBe(-9)
})

skipped("ST-10", "Windows alone; this daemon is for POSIX")

proves("ST-11", "sendSignal() sends a signal by number or name to the child alone", async () => {
  const trapping = shell('trap "echo USR1; exit 7" USR1; echo ready; while :; do sleep 1000 & wait; done')
  for (const signal of [10, "SIGUSR1"] as const) {
    const { transport, protocol } = await running(trapping, new ProcessRecorder())
    await protocol.recording.heard("data 1")
    transport.sendSignal(signal)
    await protocol.recording.heard("exited")
    // The sleeper has got no signal, and holds the output still.
    transport.close()
    await protocol.lost()
    expect([protocol.output(1), transport.getReturncode()]).toEqual(["ready\nUSR1\n", 7])
  }
  const { transport, protocol } = await running(spew, new ProcessRecorder())
  await protocol.recording.heard("data 1")
  transport.sendSignal(1)
  await protocol.lost()
  expect(transport.getReturncode()).toBe(-1)
})

proves("ST-12", "terminate() is SIGTERM, which a child may answer with a status of its own", async () => {
  const plain = await running(spew, new ProcessRecorder())
  await plain.protocol.recording.heard("data 1")
  plain.transport.terminate()
  await plain.protocol.lost()
  expect(plain.transport.getReturncode()).toBe(-15)

  const trapping = shell('trap "exit 5" TERM; echo ready; while :; do sleep 1000 & wait; done')
  const { transport, protocol } = await running(trapping, new ProcessRecorder())
  await protocol.recording.heard("data 1")
  transport.terminate()
  await protocol.recording.heard("exited")
  expect(transport.getReturncode()).toBe(5)
  transport.close()
  await protocol.lost()
})

skipped("ST-13", "Windows alone; this daemon is for POSIX")

proves("ST-14", "close() kills a child that runs: processExited, then connectionLost; again, no effect", async () => {
  const { transport, protocol } = await running(stubborn, new ProcessRecorder())
  await protocol.recording.heard("data 1")
  transport.close()
  transport.close()
  expect(transport.getReturncode()).toBeNull()
  expect(await protocol.lost()).toBeNull()
  expect(transport.getReturncode()).toBe(-9)
  const { events } = protocol.recording
  expect(events.indexOf("exited")).toBeLessThan(events.indexOf("lost"))
  expect(events.at(-1)).toBe("lost")
})

proves("ST-15", "close() signals no child that has ended, closes each pipe, and waits for no grandchild", async () => {
  const { client, transport, protocol } = await running(holdsPipes, new ProcessRecorder())
  await protocol.recording.heard("exited")
  expect(transport.getReturncode()).toBe(3)
  transport.close()
  expect(await protocol.lost()).toBeNull()
  expect(transport.getReturncode()).toBe(3)
  const ends = protocol.recording.events.filter((event) => event.startsWith("end"))
  expect(ends.toSorted()).toEqual(["end 0", "end 1", "end 2"])
  transport.close()
  await barrier(client)
  expect(protocol.recording.count("lost")).toBe(1)
})
