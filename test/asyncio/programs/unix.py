"""A connection over a Unix socket, from both sides."""

import os
import tempfile

from _twin import Recorder, awaited, note, run, sort


async def main(loop):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        served = Recorder("server", data_received=lambda data: served.transport.write(data))
        server = await loop.create_unix_server(lambda: served, path)
        dialled = Recorder("client")
        await loop.create_unix_connection(lambda: dialled, path)
        await served.heard("connection_made")
        note(dialled.transport.get_extra_info("peername") == path, served.transport.get_extra_info("sockname") == path)
        dialled.transport.write(b"echo")
        await dialled.heard("data_received")
        dialled.transport.close()
        await served.lost
        await dialled.lost
        server.close()
        note(await awaited(loop.create_unix_connection(lambda: note("factory"), path + ".missing")))
        sort()


run(main)
