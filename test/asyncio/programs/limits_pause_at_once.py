"""Marks below what is buffered pause at once, at exactly that they do not."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.set_write_buffer_limits(high=16 << 20)
    transport.write(bytes(8 << 20))
    size = transport.get_write_buffer_size()
    note("buffered", size > 0)
    transport.set_write_buffer_limits(high=size)
    note("at exactly that")
    transport.set_write_buffer_limits(high=size - 1)
    transport.abort()
    await protocol.lost


run(main)
