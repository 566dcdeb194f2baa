/** Doing one thing to a transport that is nobody's at the moment, or that is taken from its owner. */
import type { Client } from "transportd/client"
import { Failure, isRpcError } from "./failure.ts"
import type { Description } from "./ref.ts"
import { option } from "./verb.ts"

export const stealOption = option("--steal", "also when it belongs to another client, which loses it")

/**
 * Owns the transport while `action` runs. What waits for the next owner goes on waiting; one with lifetime client ends
 * when it is left.
 */
export async function asOwner(
  client: Client,
  { transport, clientId }: Description,
  steal: boolean,
  action: () => Promise<unknown>,
): Promise<void> {
  // Paused, so that nothing of what is kept is taken away from who reads it.
  await client.request("transport/attach", { transport, steal, paused: true }).catch((error: unknown) => {
    if (!isRpcError(error) || error.name !== "NotOwner") throw error
    throw new Failure("permission", `transport ${transport} belongs to client ${clientId}; --steal takes it`)
  })
  await action()
  await client.request("transport/detach", { transport })
}
