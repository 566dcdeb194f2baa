/** Turns vscode-jsonrpc's cancellation tokens into `AbortSignal`s, the one form that the rest of the project knows. */
import type { CancellationToken } from "vscode-jsonrpc/node"

/**
 * Aborts `controller` when `token` is cancelled, and returns it.
 *
 * Why the look first: for a request that is cancelled before it is dispatched the library hands over a constant token
 * whose event never fires.
 */
export function toAbortController(token: CancellationToken, controller = new AbortController()): AbortController {
  if (token.isCancellationRequested) controller.abort()
  else token.onCancellationRequested(() => controller.abort())
  return controller
}
