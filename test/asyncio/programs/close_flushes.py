"""close() sends all that was written, to a remote that reads late."""

from _twin import Recorder, connected, note, run, settle


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.write(bytes(8 << 20))
    transport.close()
    await settle()
    note("remote reads")
    data = await remote.rest()
    await protocol.lost
    note("remote got", len(data))


run(main)
