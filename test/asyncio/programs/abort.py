"""abort() drops what is buffered, and resumes nobody."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.write(bytes(8 << 20))
    transport.abort()
    note("closing", transport.is_closing(), "size", transport.get_write_buffer_size())
    transport.abort()
    await protocol.lost
    note("all", len(await remote.rest()) == 8 << 20)


run(main)
