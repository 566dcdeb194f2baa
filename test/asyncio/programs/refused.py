"""A connection that is refused calls nobody."""

from _twin import awaited, closed_port, note, run


async def main(loop):
    note(await awaited(loop.create_connection(lambda: note("factory"), "127.0.0.1", closed_port())))


run(main)
