"""A host without an address calls nobody."""

from _twin import awaited, note, run


async def main(loop):
    note(await awaited(loop.create_connection(lambda: note("factory"), "host.invalid", 1)))


run(main)
