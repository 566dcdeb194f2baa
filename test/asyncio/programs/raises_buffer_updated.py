"""An exception in buffer_updated is what the connection is lost with."""

from _twin import BufferedRecorder, connected, oops, run


async def main(loop):
    protocol = BufferedRecorder(get_buffer=lambda sizehint: bytearray(10), buffer_updated=oops)
    transport, remote = await connected(protocol)
    await remote.send(b"x")
    await protocol.lost


run(main)
