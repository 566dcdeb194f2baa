"""What is known of a connection, and the defaults for the rest."""

from _twin import Recorder, connected, note, run


async def main(loop):
    protocol = Recorder()
    transport, remote = await connected(protocol)
    names = "peername sockname socket compression cipher peercert sslcontext ssl_object pipe subprocess nothing".split()
    note(*[name for name in names if transport.get_extra_info(name, "missing") != "missing"])
    note(transport.get_extra_info("peername")[0] == remote.socket.getsockname()[0])
    note(transport.get_extra_info("peername")[1] == remote.socket.getsockname()[1])
    note(transport.get_extra_info("sockname")[1] == remote.socket.getpeername()[1])
    note(transport.get_extra_info("nothing"), transport.get_extra_info("nothing", 7))
    transport.close()
    await protocol.lost
    note(transport.get_extra_info("peername") is not None)


run(main)
