/** Subprocesses, by program or by command line. */
import type { RequestResult } from "../../../protocol/registry.ts"
import type { TransportOptions } from "../../hold/keeping.ts"
import { ProcessHolding } from "../../hold/processHolding.ts"
import { spawn, type Command, type ProcessParams } from "../../open/spawn.ts"
import { sessionMembers } from "../../processes.ts"
import { ProcessTransport } from "../../transports/process.ts"
import type { Context, Handlers } from "../context.ts"
import { answerOpened, enter, named, placing } from "../opening.ts"

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
  const { daemon, session } = context
  const heritage = { environment: daemon.environment, descriptors: session.descriptors, request: context }
  const leads = params.pty !== undefined ? "session" : params.processGroup ? "group" : "nothing"
  return named(params.options, context, async (id) => {
    const { child, pipes, terminal } = await spawn(command, params, heritage)
    // Spreads come last, here and in what it is made of: see `holdLine`. It took 8 % off a start and its end.
    const holding = new ProcessHolding({
      drainMs: params.drainMs,
      pipes: pipes.map((pipe) => ({ id: daemon.table.nextId(), ...pipe })),
      terminal,
      makeProcess: (events) => new ProcessTransport(child, { leads, membersOf: sessionMembers }, events),
      ...placing(context, { id, options: params.options }),
    })
    const ends = holding.lifetime === "daemon" ? daemon.estate : session.possessions
    ends.addGroup(holding.process)
    return answerOpened(enter(holding, context), context)
  })
}
