"""A named pipe is written to; its end of file is its close."""

import os
import tempfile

from _twin import Recorder, note, run


async def main(loop):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pipe")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        protocol = Recorder()
        transport, _ = await loop.connect_write_pipe(lambda: protocol, open(path, "wb", buffering=0))
        note("can", transport.can_write_eof(), *transport.get_write_buffer_limits())
        transport.write(b"all of it")
        transport.write_eof()
        note("closing", transport.is_closing())
        await protocol.lost
        note("remote got", len(os.read(reader, 100)))
        os.close(reader)


run(main)
