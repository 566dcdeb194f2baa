"""A protocol that does not answer is closed."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    await remote.send(b"all")
    remote.end()
    await protocol.lost
    note("remote got", len(await remote.rest()))


run(main)
