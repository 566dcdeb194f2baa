"""write_eof() ends one side behind what was written; the other goes on."""

from _twin import Recorder, connected, note, outcome, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    note("can", transport.can_write_eof())
    transport.write(b"question")
    transport.write_eof()
    note(outcome(transport.write_eof), outcome(transport.write, b"x"), outcome(transport.write, b""))
    note(outcome(transport.writelines, [b"x"]))
    note("remote got", len(await remote.rest()), "closing", transport.is_closing())
    await remote.send(b"answer")
    await protocol.heard("data_received")
    remote.end()
    await protocol.lost
    note(outcome(transport.write_eof))


run(main)
