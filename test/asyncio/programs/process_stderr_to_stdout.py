"""Both outputs in one pipe are those of stdout."""

import asyncio

from _twin import ProcessRecorder, note, run


async def main(loop):
    protocol = ProcessRecorder()
    stderr, stdin = asyncio.subprocess.STDOUT, asyncio.subprocess.DEVNULL
    transport, _ = await loop.subprocess_exec(
        lambda: protocol, "sh", "-c", "echo one; echo two >&2; cat", stdin=stdin, stderr=stderr,
    )
    note(*[transport.get_pipe_transport(fd) is not None for fd in (0, 1, 2)])
    await protocol.lost
    protocol.tell()


run(main)
