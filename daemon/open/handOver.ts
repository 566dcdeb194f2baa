/** What comes with a descriptor that a client hands over, and what it is answered: a line of JSON each, on every way. */
import { RpcError, rpcError, type WireError } from "../../protocol/errors.ts"
import { MAX_DESCRIPTOR_NAME_LENGTH } from "../../protocol/limits.ts"
import { closeSource, type ClientDescriptors } from "./clientDescriptors.ts"
import type { DescriptorSource } from "../transports/descriptor.ts"

/** The name again, or what was wrong. */
export interface Receipt {
  readonly descriptor: string | null
  readonly error?: WireError
}

/**
 * Keeps `source` under the name in `message`, which is `{"descriptor": name}`; anything else, a name that is taken, and
 * more descriptors than there may be are refused, and the descriptor is closed.
 * @param source null when none came.
 */
export function handOver(
  message: unknown,
  source: DescriptorSource | null,
  descriptors: Pick<ClientDescriptors, "add">,
): Receipt {
  const descriptor = nameIn(message)
  try {
    if (source === null) throw rpcError("InvalidParams", "no descriptor came with it that could be used")
    if (descriptor === null) {
      closeSource(source)
      throw rpcError(
        "InvalidParams",
        `expected {"descriptor": name}, a name of 1 to ${MAX_DESCRIPTOR_NAME_LENGTH} characters`,
      )
    }
    descriptors.add(descriptor, source)
    return { descriptor }
  } catch (error) {
    if (error instanceof RpcError) return { descriptor, error: error.toWire() }
    throw error
  }
}

function nameIn(message: unknown): string | null {
  const { descriptor } = (message ?? {}) as { descriptor?: unknown }
  const isName =
    typeof descriptor === "string" && descriptor.length > 0 && descriptor.length <= MAX_DESCRIPTOR_NAME_LENGTH
  return isName ? descriptor : null
}
