"""writelines() takes any iterable, keeps its order and pauses."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.writelines([])
    transport.writelines([b"a", b"", bytearray(b"b")])
    transport.writelines(each for each in (b"c", memoryview(b"d")))
    note("got", (await remote.receive(4)).decode())
    transport.writelines([bytes(4 << 20), bytes(4 << 20)])
    transport.close()
    data = await remote.rest()
    await protocol.lost
    note("remote got", len(data))


run(main)
