"""An empty datagram is sent."""

from _twin import DatagramRecorder, run


async def main(loop):
    server = DatagramRecorder()
    await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    client = DatagramRecorder("client")
    await loop.create_datagram_endpoint(lambda: client, remote_addr=server.transport.get_extra_info("sockname"))
    client.transport.sendto(b"")
    client.transport.sendto(b"x")
    await server.heard("datagram_received 1")


run(main)
