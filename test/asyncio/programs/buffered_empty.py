"""An empty buffer ends the transport with an error."""

from _twin import BufferedRecorder, connected, run


async def main(loop):
    protocol = BufferedRecorder(get_buffer=lambda sizehint: bytearray(0))
    transport, remote = await connected(protocol)
    await remote.send(b"x")
    await protocol.lost


run(main)
