"""The marks, their defaults, what follows from one of them, and what is refused."""

from _twin import Recorder, connected, note, outcome, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    for limits in (
        {}, {"high": 1001}, {"low": 16385}, {"high": 1000, "low": 100}, {"high": 5, "low": 6}, {"high": 0, "low": 1},
        {"high": -1}, {"low": -1}, {"high": 7, "low": 7}, {"high": 0}, {},
    ):
        note(outcome(transport.set_write_buffer_limits, **limits), *transport.get_write_buffer_limits())
    transport.close()
    await protocol.lost


run(main)
