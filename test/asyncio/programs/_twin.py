"""What the programs of this folder share: the trace, protocols that write it, and remotes made of plain sockets.

Each program prints the trace of one scenario as JSON; the function of the same name in `../` makes the same trace with
the client library. Only the standard library is used. Data is counted, not listed: how it is cut is nobody's promise.
"""

import asyncio
import errno
import json
import os
import signal
import socket
import ssl
import struct
import sys
import tempfile

TRACE = []


def note(*words):
    TRACE.append(" ".join(str(word) for word in words))


def count(name, number):
    """Notes a number of bytes; what follows the same name directly is added to it."""
    if TRACE and TRACE[-1].rsplit(" ", 1)[0] == name:
        number += int(TRACE.pop().rsplit(" ", 1)[1])
    note(name, number)


def sort():
    """Puts the events of each protocol together: between two ends of a connection there is no order to compare."""
    TRACE.sort(key=lambda event: event.split(".")[0])


def kind(error):
    """What an error is called on both sides."""
    if isinstance(error, socket.gaierror):
        return "unresolved"
    if isinstance(error, ssl.SSLError):
        return type(error).__name__
    if isinstance(error, BrokenPipeError):
        return "EPIPE"
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode[error.errno]
    return "None" if error is None else type(error).__name__


def outcome(call, *args, **options):
    """What a method throws, or `fine`."""
    try:
        call(*args, **options)
    except Exception as error:
        return kind(error)
    return "fine"


async def awaited(attempt):
    try:
        await attempt
    except Exception as error:
        return kind(error)
    return "fine"


async def settle():
    """Lets everything happen that can happen now."""
    for _ in range(50):
        await asyncio.sleep(0)


class Oops(Exception):
    pass


def oops(*_):
    raise Oops()


class Base:
    """Notes the callbacks that all protocols share; hooks are called afterwards, and answer for them."""

    def __init__(self, name="", **hooks):
        self.name = f"{name}." if name else ""
        self.hooks = hooks
        self.transport = None
        self.lost = asyncio.get_running_loop().create_future()
        self.watched = []

    def note(self, *words):
        note(self.name + str(words[0]), *words[1:])
        self.look()

    def look(self):
        for condition, future in self.watched:
            if not future.done() and condition():
                future.set_result(None)

    async def until(self, condition):
        future = asyncio.get_running_loop().create_future()
        self.watched.append((condition, future))
        self.look()
        await future

    async def heard(self, text):
        await self.until(lambda: any(event.startswith(self.name + text) for event in TRACE))

    def call(self, hook, *args):
        return self.hooks[hook](*args) if hook in self.hooks else None

    def connection_made(self, transport):
        self.transport = transport
        self.note("connection_made")
        self.call("connection_made", transport)

    def connection_lost(self, error):
        self.note("connection_lost", kind(error))
        if not self.lost.done():
            self.lost.set_result(None)
        self.call("connection_lost", error)

    def pause_writing(self):
        self.note("pause_writing")
        self.call("pause_writing")

    def resume_writing(self):
        self.note("resume_writing")
        self.call("resume_writing")


class Recorder(Base, asyncio.Protocol):
    received = b""

    def data_received(self, data):
        self.received += data
        count(self.name + "data_received", len(data))
        self.look()
        self.call("data_received", data)

    def eof_received(self):
        self.note("eof_received")
        return self.call("eof_received")


class BufferedRecorder(Base, asyncio.BufferedProtocol):
    total = 0

    def get_buffer(self, sizehint):
        return self.call("get_buffer", sizehint)

    def buffer_updated(self, nbytes):
        self.total += nbytes
        self.note("buffer_updated", nbytes)
        self.call("buffer_updated", nbytes)

    def eof_received(self):
        self.note("eof_received")


class DatagramRecorder(Base, asyncio.DatagramProtocol):
    def datagram_received(self, data, addr):
        self.note("datagram_received", len(data))
        self.call("datagram_received", data, addr)

    def error_received(self, error):
        self.note("error_received", kind(error))


class ProcessRecorder(Base, asyncio.SubprocessProtocol):
    """Output is kept apart: between two pipes and the exit there is no order to compare."""

    def __init__(self, **hooks):
        super().__init__(**hooks)
        self.output = {1: b"", 2: b""}
        self.ended = []
        self.exits = 0

    def pipe_data_received(self, fd, data):
        self.output[fd] += data
        self.look()

    def pipe_connection_lost(self, fd, error):
        self.ended.append(f"{fd} {kind(error)}")
        self.look()

    def process_exited(self):
        self.exits += 1
        self.look()
        self.call("process_exited")

    def tell(self):
        """Notes all of it."""
        for fd, data in self.output.items():
            note("output", fd, data.decode())
        note("ended", ", ".join(sorted(self.ended)))
        note("exits", self.exits, "returncode", self.transport.get_returncode())


class Remote:
    """The other end of a connection: a plain socket."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.socket = sock
        self.loop = asyncio.get_running_loop()

    async def send(self, data):
        await self.loop.sock_sendall(self.socket, data)

    async def receive(self, size):
        data = b""
        while len(data) < size:
            data += await self.loop.sock_recv(self.socket, size - len(data))
        return data

    async def rest(self):
        """All bytes up to the end, however it ends."""
        data = bytearray()
        while True:
            try:
                chunk = await self.loop.sock_recv(self.socket, 1 << 20)
            except ConnectionError:
                break
            if not chunk:
                break
            data += chunk
        return bytes(data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def listen():
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def closed_port(kind_of_socket=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind_of_socket) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def visit(addr):
    """Connects as anybody could."""
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, addr)
    return Remote(sock)


async def connected(protocol):
    """A connection of the protocol, and its remote."""
    loop = asyncio.get_running_loop()
    listener = listen()
    transport, _ = await loop.create_connection(lambda: protocol, *listener.getsockname())
    sock, _ = await loop.sock_accept(listener)
    listener.close()
    return transport, Remote(sock)


def run(main):
    async def scenario():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: note("reported", kind(context.get("exception"))))
        await main(loop)

    asyncio.run(asyncio.wait_for(scenario(), 20))
    json.dump(TRACE, sys.stdout)
