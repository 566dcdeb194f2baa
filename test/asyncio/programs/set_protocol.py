"""What comes goes to the protocol of the moment."""

from _twin import Recorder, connected, note, run


async def main(loop):
    first, second = Recorder("first"), Recorder("second")
    transport, remote = await connected(first)
    note(transport.get_protocol() is first)
    await remote.send(b"a")
    await first.heard("data_received")
    transport.set_protocol(second)
    note(transport.get_protocol() is second)
    await remote.send(b"bc")
    await second.heard("data_received")
    remote.end()
    await second.lost


run(main)
