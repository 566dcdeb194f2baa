"""An exception in connection_made is reported, and the connection lives."""

from _twin import Recorder, connected, note, oops, run


async def main(loop):
    protocol = Recorder(connection_made=oops)
    transport, remote = await connected(protocol)
    await remote.send(b"alive")
    await protocol.heard("data_received")
    note("closing", transport.is_closing())
    transport.close()
    await protocol.lost


run(main)
