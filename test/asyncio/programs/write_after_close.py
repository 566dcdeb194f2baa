"""What is written after close() is dropped in silence."""

from _twin import Recorder, connected, note, outcome, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.write(b"before")
    transport.close()
    await protocol.lost
    note(outcome(transport.write, b"late"), outcome(transport.writelines, [b"late"]))
    note("remote got", len(await remote.rest()))


run(main)
