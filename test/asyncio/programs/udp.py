"""Datagrams to any address and back, in order and whole."""

from _twin import DatagramRecorder, note, outcome, run, settle


async def main(loop):
    server = DatagramRecorder("server", datagram_received=lambda data, addr: server.transport.sendto(data, addr))
    await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    addr = server.transport.get_extra_info("sockname")
    client = DatagramRecorder("client")
    await loop.create_datagram_endpoint(lambda: client, remote_addr=addr)
    for size in (1, 1000, 65507):
        client.transport.sendto(bytes(size))
        await client.heard(f"datagram_received {size}")
    note(outcome(client.transport.sendto, b"x", (addr[0], addr[1] + 1 if addr[1] < 65535 else 1)))
    note(outcome(client.transport.sendto, "text"), outcome(server.transport.sendto, 7, addr))
    note(client.transport.get_extra_info("peername")[1] == addr[1], server.transport.get_extra_info("peername", "x"))
    client.transport.close()
    note("closing", client.transport.is_closing())
    client.transport.close()
    await client.lost
    server.transport.abort()
    await server.lost
    server.transport.abort()
    await settle()


run(main)
