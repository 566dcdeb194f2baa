"""A server makes a protocol for each connection; they outlive it."""

import asyncio
import sys

from _twin import Recorder, awaited, note, run, visit


async def main(loop):
    protocols = []

    def factory():
        protocols.append(Recorder(f"protocol {len(protocols)}"))
        return protocols[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0)
    note("serving", server.is_serving(), len(server.sockets))
    addr = server.sockets[0].getsockname()
    remotes = []
    for number in (0, 1):
        remotes.append(await visit(addr))
        await remotes[number].send(b"x" * (number + 1))
        while len(protocols) <= number:
            await asyncio.sleep(0)
        await protocols[number].heard("data_received")
    server.close()
    server.close()
    note("serving", server.is_serving(), len(server.sockets))
    note(await awaited(loop.create_connection(lambda: note("factory"), *addr)))
    await server.wait_closed() if sys.version_info < (3, 12) else None
    await remotes[0].send(b"still")
    await protocols[0].heard("data_received")
    await protocols[0].until(lambda: len(protocols[0].received) == 6)
    for number, protocol in enumerate(protocols):
        remotes[number].end()
        await protocol.lost


run(main)
