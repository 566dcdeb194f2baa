"""A TLS session: what is known of it, its marks, and its end for any answer."""

import ssl
import sys

from _twin import Recorder, TRACE, note, outcome, run


async def main(loop):
    folder = sys.argv[1]
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    client_context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    served = Recorder("server", data_received=lambda data: served.transport.write(data))
    server = await loop.create_server(lambda: served, "127.0.0.1", 0, ssl=server_context)
    client = Recorder("client", eof_received=lambda: True)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await loop.create_connection(
        lambda: client, "127.0.0.1", port, ssl=client_context, server_hostname="localhost",
    )
    await served.heard("connection_made")
    note(transport.can_write_eof(), outcome(transport.write_eof), *transport.get_write_buffer_limits())
    cipher = transport.get_extra_info("cipher")
    note(cipher == served.transport.get_extra_info("cipher"), cipher[1], cipher[2] in (128, 256))
    subject = transport.get_extra_info("peercert")["subject"]
    note(transport.get_extra_info("compression", "x"), subject[0][0][0], served.transport.get_extra_info("peercert", 1))
    transport.write(bytes(1000))
    await client.until(lambda: len(client.received) == 1000)
    note("echoed", len(client.received))
    served.transport.close()
    await client.lost
    await served.lost
    note("closing", transport.is_closing())
    server.close()
    TRACE[:] = [event for event in TRACE if not event.startswith("server.")]


run(main)
