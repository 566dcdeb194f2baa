"""Nothing comes behind an abort() from inside data_received."""

from _twin import Recorder, connected, run


async def main(loop):
    protocol = Recorder(data_received=lambda data: protocol.transport.abort())
    transport, remote = await connected(protocol)
    await remote.send(b"x")
    await protocol.lost


run(main)
