"""A named pipe is read to its end, whatever is answered."""

import os
import tempfile

from _twin import Recorder, note, run, settle


async def main(loop):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pipe")
        os.mkfifo(path)
        source = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
        protocol = Recorder(eof_received=lambda: True)
        transport, _ = await loop.connect_read_pipe(lambda: protocol, source)
        note("reading", transport.is_reading())
        with open(path, "wb", buffering=0) as writer:
            transport.pause_reading()
            writer.write(b"all of it")
            await settle()
            transport.resume_reading()
            await protocol.heard("data_received")
        await protocol.lost


run(main)
