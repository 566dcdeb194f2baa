"""With marks of zero a small write pauses only if the system does not take it."""

from _twin import Recorder, connected, run, settle


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.set_write_buffer_limits(high=0)
    transport.write(b"x")
    await settle()
    transport.close()
    await protocol.lost


run(main)
