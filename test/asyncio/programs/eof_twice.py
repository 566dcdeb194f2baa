"""After pause and resume eof_received comes again in Python 3.11."""

from _twin import Recorder, connected, run, settle


async def main(loop):
    protocol = Recorder(eof_received=lambda: True)
    transport, remote = await connected(protocol)
    remote.end()
    await protocol.heard("eof_received")
    transport.pause_reading()
    transport.resume_reading()
    await settle()
    transport.close()
    await protocol.lost


run(main)
