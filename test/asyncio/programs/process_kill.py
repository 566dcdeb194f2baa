"""Signals end a child, and are its return code."""

import signal

from _twin import ProcessRecorder, run


async def main(loop):
    for way in ("kill", "terminate", "send_signal"):
        protocol = ProcessRecorder()
        transport, _ = await loop.subprocess_shell(lambda: protocol, "echo ready; exec sleep 1000")
        await protocol.until(lambda: protocol.output[1] == b"ready\n")
        if way == "send_signal":
            transport.send_signal(signal.SIGHUP)
        else:
            getattr(transport, way)()
        await protocol.lost
        protocol.tell()


run(main)
