/**
 * `asyncio.run()` for the examples: gives `main` an event loop, and ends everything when it is done. The daemon is the
 * one that listens on $TRANSPORTD_SOCKET, else one of our own that ends with us.
 */
import { connect, type Loop } from "transportd/client"

/** Resolves to what `main` gives. */
export async function run<Result>(main: (loop: Loop) => Promise<Result>): Promise<Result> {
  const { TRANSPORTD_SOCKET: socket } = process.env
  await using client = await connect(socket === undefined ? { launch: true } : { socket })
  return await main(client.loop)
}
