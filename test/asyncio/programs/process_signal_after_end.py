"""A signal to a child that is lost is an error."""

from _twin import ProcessRecorder, note, outcome, run


async def main(loop):
    protocol = ProcessRecorder()
    transport, _ = await loop.subprocess_shell(lambda: protocol, "exit 0")
    await protocol.lost
    note(outcome(transport.kill))


run(main)
