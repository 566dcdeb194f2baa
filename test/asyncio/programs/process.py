"""A child that echoes its input, with its pipes, its status and its end."""

from _twin import ProcessRecorder, note, run


async def main(loop):
    protocol = ProcessRecorder()
    transport, _ = await loop.subprocess_exec(lambda: protocol, "sh", "-c", "cat; echo error >&2; exit 3")
    note(transport.get_returncode(), *[transport.get_pipe_transport(fd) is not None for fd in (0, 1, 2, 3, -1)])
    stdin = transport.get_pipe_transport(0)
    note("can", stdin.can_write_eof())
    stdin.write(b"in")
    stdin.writelines([b"pu", b"t"])
    stdin.write_eof()
    await protocol.lost
    protocol.tell()
    note("closing", transport.is_closing())


run(main)
