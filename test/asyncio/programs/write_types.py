"""write() takes bytes of any type, and nothing else."""

from _twin import Recorder, connected, note, outcome, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    for wrong in ("text", 7, None, [1, 2]):
        note(outcome(transport.write, wrong))
    reused = bytearray(b"abc")
    note(outcome(transport.write, reused))
    reused[:] = b"xyz"
    note(outcome(transport.write, b""), outcome(transport.write, memoryview(b"def")))
    transport.write(bytes(range(256)))
    transport.close()
    got = await remote.rest()
    note("remote got", len(got), got[:6].decode(), got[6:] == bytes(range(256)))
    await protocol.lost


run(main)
