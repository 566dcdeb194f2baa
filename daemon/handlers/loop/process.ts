/** Subprocesses, by program or by command line. */
import type { RequestResult } from "../../../protocol/registry.ts"
import type { TransportOptions } from "../../hold/keeping.ts"
import { ProcessHolding } from "../../hold/processHolding.ts"
import { spawn, type Command, type ProcessParams } from "../../open/spawn.ts"
import { sessionMembers } from "../../processes.ts"
import { ProcessTransport } from "../../transports/process.ts"
import type { Context, Handlers } from "../context.ts"
import { answerOpened, enter, named, surroundings } from "../opening.ts"

export const processHandlers: Pick<Handlers, "loop/subprocessExec" | "loop/subprocessShell"> = {
  "loop/subprocessExec": ({ program, args, ...params }, context) => start({ program, args }, params, context),
  "loop/subprocessShell": ({ command, ...params }, context) =>
    start({ program: "/bin/sh", args: ["-c", command] }, params, context),
}

function start(
  command: Command,
  params: ProcessParams & { readonly options: TransportOptions },
  context: Context,
): Promise<RequestResult<"loop/subprocessExec">> {
  const { daemon, session, signal } = context
  const heritage = { environment: daemon.environment, descriptors: session.descriptors, signal }
  const leads = params.pty !== undefined ? "session" : params.processGroup ? "group" : "nothing"
  return named(params.options, context, async (id) => {
    const { child, pipes, terminal } = await spawn(command, params, heritage)
    const holding = new ProcessHolding({
      ...surroundings(context, { id, options: params.options }),
      drainMs: params.drainMs,
      pipes: pipes.map((pipe) => ({ ...pipe, id: daemon.table.nextId() })),
      terminal,
      makeProcess: (events) => new ProcessTransport(child, { leads, membersOf: sessionMembers }, events),
    })
    const ends = holding.lifetime === "daemon" ? daemon.estate : session.possessions
    ends.addGroup(holding.process)
    return answerOpened(enter(holding, context), context)
  })
}
