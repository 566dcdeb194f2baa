"""A pause between two fills holds the rest."""

from _twin import BufferedRecorder, connected, note, run, settle


async def main(loop):
    protocol = BufferedRecorder(
        get_buffer=lambda sizehint: bytearray(3), buffer_updated=lambda nbytes: protocol.transport.pause_reading(),
    )
    transport, remote = await connected(protocol)
    await remote.send(b"abcde")
    await protocol.until(lambda: protocol.total == 3)
    await settle()
    note("resume")
    transport.resume_reading()
    await protocol.until(lambda: protocol.total == 5)
    transport.close()
    await protocol.lost


run(main)
