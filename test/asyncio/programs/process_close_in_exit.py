"""close() from inside process_exited is no second end."""

from _twin import ProcessRecorder, note, run


async def main(loop):
    protocol = ProcessRecorder(process_exited=lambda: protocol.transport.close())
    await loop.subprocess_shell(lambda: protocol, "exit 0")
    await protocol.lost
    protocol.tell()
    note("closing", protocol.transport.is_closing())


run(main)
