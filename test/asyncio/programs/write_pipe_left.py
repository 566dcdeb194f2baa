"""A reader that leaves is a loss: with a reason only if something was to be written."""

import os
import tempfile

from _twin import Recorder, run, settle


async def main(loop):
    with tempfile.TemporaryDirectory() as folder:
        for size in (0, 1_000_000):
            path = os.path.join(folder, f"pipe {size}")
            os.mkfifo(path)
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            protocol = Recorder()
            transport, _ = await loop.connect_write_pipe(lambda: protocol, open(path, "wb", buffering=0))
            transport.write(bytes(size))
            await settle()
            os.close(reader)
            await protocol.lost


run(main)
