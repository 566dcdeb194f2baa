"""A true answer keeps it open for writing."""

from _twin import Recorder, connected, note, run, settle


async def main(loop):
    protocol = Recorder(eof_received=lambda: True)
    transport, remote = await connected(protocol)
    await remote.send(b"question")
    remote.end()
    await protocol.heard("eof_received")
    await settle()
    note("closing", transport.is_closing())
    transport.write(b"much later")
    note("remote got", len(await remote.receive(10)))
    transport.close()
    await protocol.lost


run(main)
