"""abort() drops what a close() still flushes."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.write(bytes(8 << 20))
    transport.close()
    transport.abort()
    await protocol.lost
    note("all", len(await remote.rest()) == 8 << 20)


run(main)
