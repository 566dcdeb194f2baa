"""Exceptions in a process's callbacks are reported, and change nothing."""

from _twin import ProcessRecorder, oops, run


async def main(loop):
    protocol = ProcessRecorder(process_exited=oops)
    await loop.subprocess_shell(lambda: protocol, "echo out")
    await protocol.lost
    protocol.tell()


run(main)
