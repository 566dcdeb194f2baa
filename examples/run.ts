/**
 * `asyncio.run()` for the examples: gives `main` an event loop, and ends everything when it is done. The daemon is the
 * one that listens on $TRANSPORTD_SOCKET, else one of our own that ends with us.
 */
import { connect, type Loop } from "transportd/client"

/**
 * Resolves to what `main` gives.
 * @param launch whether the daemon must be one of our own, whatever listens elsewhere.
 */
export async function run<Result>(
  main: (loop: Loop) => Promise<Result>,
  { launch = false }: { readonly launch?: boolean } = {},
): Promise<Result> {
  const { TRANSPORTD_SOCKET: socket } = process.env
  await using client = await connect(socket === undefined || launch ? { launch: true } : { socket })
  return await main(client.loop)
}
