"""Nothing comes while paused; then all of it, and the end behind it."""

from _twin import Recorder, connected, note, run, settle


async def main(loop):
    protocol = Recorder(connection_made=lambda transport: transport.pause_reading())
    transport, remote = await connected(protocol)
    note("reading", transport.is_reading())
    await remote.send(bytes(10_000))
    remote.end()
    await settle()
    note("resume")
    transport.resume_reading()
    note("reading", transport.is_reading())
    await protocol.lost


run(main)
