"""A connection writes inside connection_made, hears the echo, and the remote ends it."""

from _twin import Recorder, Remote, listen, note, run


async def main(loop):
    listener = listen()
    protocol = Recorder(connection_made=lambda transport: transport.write(b"Hello World!"))
    await loop.create_connection(lambda: protocol, *listener.getsockname())
    remote = Remote((await loop.sock_accept(listener))[0])
    await remote.send(await remote.receive(12))
    remote.end()
    await protocol.lost
    note("closing", protocol.transport.is_closing())


run(main)
