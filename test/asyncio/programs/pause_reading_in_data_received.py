"""A pause from inside data_received holds what comes behind."""

from _twin import Recorder, connected, note, run, settle


async def main(loop):
    protocol = Recorder(data_received=lambda data: protocol.transport.pause_reading())
    transport, remote = await connected(protocol)
    await remote.send(b"one")
    await protocol.heard("data_received")
    await remote.send(b"two")
    await settle()
    note("resume")
    transport.resume_reading()
    await protocol.until(lambda: len(protocol.received) == 6)
    transport.resume_reading()
    remote.end()
    await protocol.lost


run(main)
