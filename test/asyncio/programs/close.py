"""close() ends both sides, again and after the end."""

from _twin import Recorder, connected, note, run, settle


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    note("closing", transport.is_closing(), "reading", transport.is_reading())
    transport.close()
    transport.close()
    note("closing", transport.is_closing(), "reading", transport.is_reading())
    data = await remote.rest()
    await protocol.lost
    note("remote got", len(data))
    transport.close()
    transport.abort()
    await settle()


run(main)
