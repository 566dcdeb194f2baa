"""A datagram that is too long is an error received; the endpoint stays."""

from _twin import DatagramRecorder, note, run


async def main(loop):
    protocol = DatagramRecorder()
    await loop.create_datagram_endpoint(lambda: protocol, local_addr=("127.0.0.1", 0))
    protocol.transport.sendto(bytes(70_000), ("127.0.0.1", 9))
    await protocol.heard("error_received")
    note("closing", protocol.transport.is_closing())
    protocol.transport.close()
    await protocol.lost


run(main)
