"""A refusal is an error received; the endpoint stays."""

import socket

from _twin import DatagramRecorder, closed_port, note, run


async def main(loop):
    protocol = DatagramRecorder()
    addr = ("127.0.0.1", closed_port(socket.SOCK_DGRAM))
    await loop.create_datagram_endpoint(lambda: protocol, remote_addr=addr)
    protocol.transport.sendto(b"x")
    await protocol.heard("error_received")
    note("closing", protocol.transport.is_closing())
    protocol.transport.close()
    await protocol.lost


run(main)
