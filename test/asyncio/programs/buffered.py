"""A buffer of 3 gets 7 bytes in three pieces; the end closes."""

from _twin import BufferedRecorder, connected, note, run


async def main(loop):
    buffer = bytearray(3)
    seen = []
    protocol = BufferedRecorder(
        get_buffer=lambda sizehint: buffer, buffer_updated=lambda nbytes: seen.append(bytes(buffer[:nbytes])),
    )
    transport, remote = await connected(protocol)
    await remote.send(b"abcdefg")
    await protocol.until(lambda: protocol.total == 7)
    remote.end()
    await protocol.lost
    note(b"".join(seen).decode())


run(main)
