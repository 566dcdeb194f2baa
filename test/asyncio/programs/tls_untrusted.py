"""A certificate that nobody vouches for is an error and no callback."""

import asyncio
import ssl
import sys

from _twin import awaited, note, run


async def main(loop):
    folder = sys.argv[1]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    for context, name in ((ssl.create_default_context(), "localhost"), (trusting, "example.org")):
        note(await awaited(loop.create_connection(
            asyncio.Protocol, "127.0.0.1", port, ssl=context, server_hostname=name,
        )))
    server.close()


run(main)
