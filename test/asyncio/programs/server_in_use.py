"""A port in use is an error."""

from _twin import Recorder, awaited, listen, note, run


async def main(loop):
    with listen() as listener:
        note(await awaited(loop.create_server(Recorder, *listener.getsockname())))


run(main)
