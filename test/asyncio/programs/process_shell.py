"""A shell's status or signal is the return code."""

from _twin import ProcessRecorder, run


async def main(loop):
    for line in ("echo $((6 * 7))", "exit 7", "kill -KILL $$"):
        protocol = ProcessRecorder()
        await loop.subprocess_shell(lambda: protocol, line)
        await protocol.lost
        protocol.tell()


run(main)
