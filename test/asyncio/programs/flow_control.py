"""A remote that reads late pauses the writer once, and resumes it once."""

import asyncio

from _twin import Recorder, connected, note, run, settle


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    transport.set_write_buffer_limits(high=100_000, low=10_000)
    transport.write(bytes(8 << 20))
    transport.write(bytes(1000))
    await settle()
    note("remote reads")
    note("remote got", len(await remote.receive((8 << 20) + 1000)))
    await protocol.heard("resume_writing")
    while transport.get_write_buffer_size() > 0:
        await asyncio.sleep(0)
    note("size", transport.get_write_buffer_size())
    transport.close()
    await protocol.lost


run(main)
