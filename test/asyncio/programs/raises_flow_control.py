"""Exceptions in pause_writing, resume_writing and connection_lost are reported alone."""

from _twin import Recorder, connected, note, oops, run, settle


async def main(loop):
    protocol = Recorder(pause_writing=oops, resume_writing=oops, connection_lost=oops)
    transport, remote = await connected(protocol)
    transport.write(bytes(8 << 20))
    transport.close()
    data = await remote.rest()
    await protocol.lost
    await settle()
    note("remote got", len(data))


run(main)
