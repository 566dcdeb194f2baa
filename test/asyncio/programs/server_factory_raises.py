"""A factory that throws costs a server that one connection."""

from _twin import Recorder, note, oops, run, settle, visit


async def main(loop):
    answers = [oops, lambda: Recorder("next")]
    server = await loop.create_server(lambda: answers.pop(0)(), "127.0.0.1", 0)
    addr = server.sockets[0].getsockname()
    remote = await visit(addr)
    note("remote got", len(await remote.rest()))
    remote = await visit(addr)
    remote.end()
    data = await remote.rest()
    await settle()
    server.close()
    note("remote got", len(data))


run(main)
