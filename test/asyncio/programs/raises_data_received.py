"""An exception in data_received is what the connection is lost with."""

from _twin import Recorder, connected, note, oops, run


async def main(loop):
    protocol = Recorder(data_received=oops)
    transport, remote = await connected(protocol)
    await remote.send(b"x")
    await protocol.lost
    note("closing", transport.is_closing())


run(main)
