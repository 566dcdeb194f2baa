"""A remote that resets is a loss with that reason."""

from _twin import Recorder, connected, note, run, settle


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    remote.reset()
    await protocol.lost
    note("closing", transport.is_closing())
    transport.write(b"nobody")
    transport.close()
    await settle()


run(main)
