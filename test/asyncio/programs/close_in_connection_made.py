"""A transport closed inside connection_made is given all the same."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder(connection_made=lambda transport: transport.close())
    transport, remote = await connected(protocol)
    await protocol.lost
    note("same", transport is protocol.transport, "closing", transport.is_closing())
    note("remote got", len(await remote.rest()))


run(main)
