"""What is no buffer ends the transport with a TypeError."""

from _twin import BufferedRecorder, connected, run


async def main(loop):
    protocol = BufferedRecorder(get_buffer=lambda sizehint: "no buffer")
    transport, remote = await connected(protocol)
    await remote.send(b"x")
    await protocol.lost


run(main)
