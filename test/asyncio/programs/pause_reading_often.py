"""One resume undoes any number of pauses; both may be called at any time."""

from _twin import Recorder, connected, note, outcome, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    note(outcome(transport.resume_reading), transport.is_reading())
    note(outcome(transport.pause_reading), transport.is_reading())
    note(outcome(transport.pause_reading), transport.is_reading())
    note(outcome(transport.resume_reading), transport.is_reading())
    note(outcome(transport.resume_reading), transport.is_reading())
    await remote.send(b"x")
    await protocol.heard("data_received")
    transport.close()
    note(outcome(transport.pause_reading), outcome(transport.resume_reading), transport.is_reading())
    await protocol.lost
    note(outcome(transport.pause_reading), outcome(transport.resume_reading), transport.is_reading())


run(main)
