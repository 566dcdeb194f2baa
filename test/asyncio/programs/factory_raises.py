"""A factory that throws makes the call fail."""

from _twin import awaited, listen, note, oops, run


async def main(loop):
    listener = listen()
    note(await awaited(loop.create_connection(oops, *listener.getsockname())))


run(main)
