"""close() kills a child that runs."""

from _twin import ProcessRecorder, note, run


async def main(loop):
    protocol = ProcessRecorder()
    transport, _ = await loop.subprocess_shell(lambda: protocol, "trap '' TERM; echo ready; exec sleep 1000")
    await protocol.until(lambda: protocol.output[1] == b"ready\n")
    transport.close()
    transport.close()
    note("closing", transport.is_closing(), "returncode", transport.get_returncode())
    await protocol.lost
    protocol.tell()
    transport.close()


run(main)
