/** A cancellation token of the library, whenever it is cancelled, becomes an aborted signal. */
import { expect, test } from "vitest"
import { CancellationTokenSource, type CancellationToken } from "vscode-jsonrpc/node"
import { toAbortController } from "../../protocol/cancellation.ts"

test("a token that is cancelled later aborts its signal then", () => {
  const source = new CancellationTokenSource()
  const signal = toAbortController(source.token).signal
  expect(signal.aborted).toBe(false)
  source.cancel()
  expect(signal.aborted).toBe(true)
})

test("a token that was cancelled before aborts its signal at once, though its event never comes", () => {
  const token: CancellationToken = { isCancellationRequested: true, onCancellationRequested: () => ({ dispose() {} }) }
  expect(toAbortController(token).signal.aborted).toBe(true)
})

test("a token that is never cancelled never aborts", () => {
  const source = new CancellationTokenSource()
  const signal = toAbortController(source.token).signal
  source.dispose()
  expect(signal.aborted).toBe(false)
})
