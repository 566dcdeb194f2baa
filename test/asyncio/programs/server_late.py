"""A server that is told to wait does not serve before."""

from _twin import Recorder, note, run


async def main(loop):
    server = await loop.create_server(Recorder, "127.0.0.1", 0, start_serving=False)
    note("serving", server.is_serving())
    await server.start_serving()
    await server.start_serving()
    note("serving", server.is_serving())
    server.close()
    note("serving", server.is_serving())


run(main)
