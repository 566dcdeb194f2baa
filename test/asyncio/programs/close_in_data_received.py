"""Nothing comes behind a close() from inside data_received."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder(data_received=lambda data: protocol.transport.close())
    transport, remote = await connected(protocol)
    await remote.send(b"x")
    await protocol.lost
    note("remote got", len(await remote.rest()))


run(main)
