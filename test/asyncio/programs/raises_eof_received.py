"""An exception in eof_received is what the connection is lost with."""

from _twin import Recorder, connected, oops, run


async def main(loop):
    protocol = Recorder(eof_received=oops)
    transport, remote = await connected(protocol)
    remote.end()
    await protocol.lost


run(main)
