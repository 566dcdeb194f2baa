"""A false answer closes, behind what was written in it."""

from _twin import Recorder, connected, note, run


async def main(loop):
    for answer in (False, None, 0, ""):
        def eof_received():
            note("closing", protocol.transport.is_closing())
            protocol.transport.write(b"last words")
            return answer

        protocol = Recorder(eof_received=eof_received)
        transport, remote = await connected(protocol)
        remote.end()
        data = await remote.rest()
        await protocol.lost
        note("remote got", len(data))
        note("closing", transport.is_closing())


run(main)
