"""An exception in datagram_received is reported; the endpoint stays."""

import socket

from _twin import DatagramRecorder, oops, run, settle


async def main(loop):
    protocol = DatagramRecorder(datagram_received=oops)
    await loop.create_datagram_endpoint(lambda: protocol, local_addr=("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as remote:
        remote.sendto(b"abc", protocol.transport.get_extra_info("sockname"))
        await protocol.heard("datagram_received")
        await settle()
    protocol.transport.close()
    await protocol.lost


run(main)
