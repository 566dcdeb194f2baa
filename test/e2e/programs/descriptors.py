"""A client of nothing but the standard library that hands its descriptors over, over the channel or the socket.

Usage: descriptors.py WAY SCENARIO DAEMON...; prints what it saw as one line of JSON.
"""

import array
import fcntl
import json
import os
import pty
import socket
import subprocess
import sys
import tty


class Daemon:
    """The daemon as a child, over stdio; `way` is how descriptors go to it."""

    def __init__(self, command, way, inherit=()):
        self.way = way
        env = dict(os.environ)
        near, far = socket.socketpair()
        # Far above what Node closes for children by itself.
        high = fcntl.fcntl(far.fileno(), fcntl.F_DUPFD, 50)
        if way == "channel":
            env["NODE_CHANNEL_FD"] = str(high)
        keep = [high, *inherit] if way == "channel" else list(inherit)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=keep, env=env
        )
        far.close()
        os.close(high)
        self.channel = near
        self.last_id = 0
        self.seen = []
        self.greeting = self.request(
            "initialize", protocolVersion=1, capabilities={"byteMessages": False}
        )
        if way == "socket":
            near.close()
            self.open_socket()
        else:
            self.answers = self.channel.makefile("rb")

    def open_socket(self):
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.connect(self.request("daemon/descriptorSocket")["path"])
        self.answers = self.channel.makefile("rb")

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def ask(self, method, **params):
        self.last_id += 1
        self.send({"id": self.last_id, "method": method, "params": params})
        return self.last_id

    def notify(self, method, **params):
        self.send({"method": method, "params": params})

    def read(self):
        length = 0
        while (line := self.process.stdout.readline()) != b"\r\n":
            if not line:
                raise EOFError("the daemon is gone")
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message = json.loads(self.process.stdout.read(length))
        if "method" in message:
            self.seen.append((message["method"].partition("/")[2], message["params"]))
        return message

    def answer(self, asked):
        while (message := self.read()).get("id") != asked:
            pass
        if "error" in message:
            raise RuntimeError("%(code)d %(message)s" % message["error"])
        return message["result"]

    def request(self, method, **params):
        return self.answer(self.ask(method, **params))

    def until(self, name, transport=None):
        while True:
            for each, params in self.seen:
                if each == name and transport in (None, params.get("transport")):
                    return params
            self.read()

    def text(self, transport):
        return "".join(
            params.get("text", "")
            for name, params in self.seen
            if name == "dataReceived" and params["transport"] == transport
        )

    def until_text(self, transport, text):
        while self.text(transport) != text:
            self.read()

    def hand(self, name, fds):
        """Sends a descriptor, or several, without waiting for the answer."""
        fds = [each if isinstance(each, int) else each.fileno() for each in fds]
        line = {"descriptor": name}
        if self.way == "channel":
            line = {"cmd": "NODE_HANDLE", "type": "net.Native", "msg": line}
        self.hand_bytes(json.dumps(line).encode() + b"\n", fds)

    def hand_bytes(self, data, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.channel.sendmsg([data], rights)

    def handed(self):
        """The next answer on the way that descriptors go; Node acknowledges them beside ours."""
        while True:
            answer = json.loads(self.answers.readline() or "null")
            if answer is None or "cmd" not in answer:
                return answer

    def hand_over(self, name, *fds):
        self.hand(name, fds)
        return self.handed()

    def is_cut(self):
        """Whether the connection on which descriptors go has ended: else another answer comes."""
        try:
            return self.hand_over(None, sys.stdin) is None
        except OSError:
            return True

    def connect(self, fd, method="createConnection", **params):
        params.setdefault("options", {"encoding": "utf8"})
        return self.request("loop/" + method, fd=fd, **params)

    def write(self, transport, text):
        self.notify("transport/write", transport=transport, text=text)

    def echo(self, opened, sock, word="ping"):
        """What comes of `word` in each direction."""
        sock.sendall(word.encode())
        self.until_text(opened["transport"], word)
        self.write(opened["transport"], word + "!")
        return sock.recv(100).decode()

    def lost(self, opened):
        self.notify("transport/close", transport=opened["transport"])
        return self.until("connectionLost", opened["transport"])["error"]

    def exit(self):
        self.request("shutdown")
        self.notify("exit")
        return self.process.wait()


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        return near, server.accept()[0]


def address(sock):
    host, port = sock.getsockname()[:2]
    return {"host": host, "port": port, "family": "IPv4"}


def socketpair(daemon):
    """The document's example: an open socket, registered."""
    rsock, wsock = socket.socketpair()
    receipt = daemon.hand_over("rsock", rsock)
    rsock.close()
    opened = daemon.connect("rsock")
    wsock.send(b"abc")
    daemon.until_text(opened["transport"], "abc")
    error = daemon.lost(opened)
    end = wsock.recv(10).decode()
    wsock.close()
    return {"receipt": receipt, "kind": opened["kind"], "extra": opened["extra"], "lost": error, "end": end}


def tcp(daemon):
    near, far = tcp_pair()
    far.send(b"early ")
    names = [address(far), address(near)]
    daemon.hand("near", [near])
    near.close()
    opened = daemon.connect("near", "connectAcceptedSocket")
    far.send(b"late")
    daemon.until_text(opened["transport"], "early late")
    extra = opened["extra"]
    return {
        "kind": opened["kind"],
        "names": [extra["peername"], extra["sockname"]] == names,
        "lost": daemon.lost(opened),
        "end": far.recv(10).decode(),
    }


def servers(daemon):
    """Listening already, and bound alone, as asyncio's callers give them."""
    seen = []
    for listening in (True, False):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            if listening:
                sock.listen()
            bound = address(sock)
            daemon.hand("door", [sock])
        made = daemon.connect("door", "createServer", startServing=False)
        seen.append([made["sockets"], daemon.request("server/isServing", server=made["server"])])
        daemon.request("server/startServing", server=made["server"])
        visitor = socket.create_connection((bound["host"], bound["port"]))
        opened = daemon.until("connectionMade")
        daemon.seen.clear()
        seen.append([opened["server"] == made["server"], opened["kind"], daemon.echo(opened, visitor)])
        info = daemon.request("server/getInfo", server=made["server"])
        seen.append(info["sockets"] == [bound])
        daemon.request("server/close", server=made["server"])
        daemon.lost(opened)
        visitor.close()
        try:
            socket.create_connection((bound["host"], bound["port"]))
        except ConnectionRefusedError:
            seen.append("refused")
        daemon.seen.clear()
    return seen


def unix_server(daemon):
    path = os.path.join(os.environ["FOLDER"], "door")
    seen = []
    for method in ("createServer", "createUnixServer"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            sock.listen()
            daemon.hand("door", [sock])
        made = daemon.connect("door", method)
        visitor = socket.socket(socket.AF_UNIX)
        visitor.connect(path)
        opened = daemon.until("connectionMade")
        daemon.seen.clear()
        seen.append([made["sockets"] == [{"path": path}], opened["kind"], daemon.echo(opened, visitor)])
        seen.append(opened["extra"]["sockname"] == {"path": path})
        daemon.request("server/close", server=made["server"])
        daemon.lost(opened)
        visitor.close()
        daemon.seen.clear()
        seen.append(os.path.exists(path))
        os.unlink(path)
    return seen


def udp(daemon):
    seen = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for connected in (False, True):
            far = socket.socket(family, socket.SOCK_DGRAM)
            far.bind((host, 0))
            near = socket.socket(family, socket.SOCK_DGRAM)
            near.bind((host, 0))
            if connected:
                near.connect(far.getsockname())
            daemon.hand("udp", [near])
            place = near.getsockname()
            near.close()
            opened = daemon.connect("udp", "createDatagramEndpoint")
            transport = opened["transport"]
            far.sendto(b"ping", place)
            heard = daemon.until("datagramReceived", transport)
            addr = {} if connected else {"addr": {"host": host, "port": far.getsockname()[1]}}
            daemon.notify("transport/sendto", transport=transport, text="pong", **addr)
            peername = opened["extra"]["peername"]
            seen.append(
                [
                    opened["kind"],
                    opened["extra"]["sockname"]["port"] == place[1],
                    peername and peername["port"] == far.getsockname()[1],
                    heard["text"],
                    far.recv(10).decode(),
                    daemon.lost(opened),
                ]
            )
            far.close()
    return seen


def fifo(daemon):
    seen = []
    r, w = os.pipe()
    daemon.hand("r", [r])
    os.close(r)
    opened = daemon.connect("r", "connectReadPipe")
    os.write(w, b"hello")
    os.close(w)
    seen.append([opened["kind"], daemon.until("connectionLost", opened["transport"])["error"]])
    seen.append(daemon.text(opened["transport"]))
    r, w = os.pipe()
    daemon.hand("w", [w])
    os.close(w)
    opened = daemon.connect("w", "connectWritePipe")
    daemon.write(opened["transport"], "hello")
    seen.append(os.read(r, 10).decode())
    os.close(r)
    seen.append(daemon.until("connectionLost", opened["transport"])["error"])
    return seen


def attempt(daemon, fd, method, **params):
    try:
        return daemon.connect(fd, method, **params)["kind"]
    except RuntimeError as error:
        return str(error)


def wrong(daemon):
    """What is of no use stays, and can be used for what it is good for."""
    seen = []
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    tcp, _ = tcp_pair()
    door = socket.create_server(("127.0.0.1", 0))
    for name, sock in (("udp", udp), ("tcp", tcp), ("door", door)):
        daemon.hand(name, [sock])
    for name, method in (
        ("udp", "createConnection"),
        ("udp", "createServer"),
        ("tcp", "createDatagramEndpoint"),
        ("tcp", "createUnixConnection"),
        ("door", "connectAcceptedSocket"),
        ("udp", "createDatagramEndpoint"),
        ("tcp", "createConnection"),
        ("door", "createUnixServer"),
    ):
        seen.append(attempt(daemon, name, method))
    return seen


def twice(daemon):
    """A name is free again once its descriptor is taken, and not before."""
    one, far = socket.socketpair()
    two, _ = socket.socketpair()
    receipts = [daemon.hand_over("name", one), daemon.hand_over("name", two)]
    one.close()
    opened = daemon.connect("name")
    receipts.append(daemon.hand_over("name", two))
    return [[each.get("error", {}).get("code") for each in receipts], daemon.echo(opened, far)]


def unused(daemon):
    """What nobody took is closed with the daemon's client."""
    near, far = socket.socketpair()
    daemon.hand_over("left", near)
    near.close()
    status = daemon.exit()
    return [status, far.recv(10).decode()]


def late(daemon):
    """A request may come before what it names."""
    near, far = socket.socketpair()
    asked = daemon.ask("loop/createConnection", fd="late", options={"encoding": "utf8"})
    daemon.request("daemon/info")
    daemon.hand("late", [near])
    opened = daemon.answer(asked)
    return daemon.echo(opened, far)


def channel_gone(daemon):
    """The daemon goes on without its channel."""
    near, far = socket.socketpair()
    daemon.hand_over("before", near)
    daemon.answers.close()
    daemon.channel.close()
    opened = daemon.connect("before")
    return [daemon.echo(opened, far), daemon.lost(opened), daemon.exit()]


def hidden(daemon):
    """The channel is no descriptor that was inherited; no child hears of it, nor has it."""
    ways = daemon.greeting["capabilities"]["descriptors"]
    command = "env | grep -c NODE_CHANNEL; ls /proc/self/fd"
    options = {"encoding": "utf8"}
    made = daemon.request("loop/subprocessShell", command=command, stdin="null", options=options)
    daemon.until("connectionLost", made["transport"])
    heard = "".join(params["text"] for name, params in daemon.seen if name == "pipeDataReceived")
    return ["channel" in ways, "inherited" in ways, heard]


def pipelined(daemon):
    """Many at once, in any order."""
    pairs = [socket.socketpair() for _ in range(100)]
    asked = []
    for number, (near, _) in enumerate(pairs):
        if number % 2:
            asked.append(daemon.ask("loop/createConnection", fd=f"s{number}", options={"encoding": "utf8"}))
        daemon.hand(f"s{number}", [near])
        near.close()
        if number % 2 == 0:
            asked.append(daemon.ask("loop/createConnection", fd=f"s{number}", options={"encoding": "utf8"}))
    opened = [daemon.answer(each) for each in asked]
    return all(daemon.echo(o, far) == "ping!" for o, (_, far) in zip(opened, pairs))


def terminal(daemon):
    master, slave = pty.openpty()
    tty.setraw(slave)
    for name in ("in", "out"):
        daemon.hand(name, [slave])
    os.close(slave)
    reading = daemon.connect("in", "connectReadPipe")["transport"]
    writing = daemon.connect("out", "connectWritePipe")["transport"]
    os.write(master, b"typed")
    daemon.until_text(reading, "typed")
    daemon.write(writing, "shown")
    shown = os.read(master, 10).decode()
    daemon.lost({"transport": writing})
    os.close(master)
    return [shown, (daemon.until("connectionLost", reading)["error"] or {}).get("data", {}).get("errno")]


def no_stream(daemon):
    """What no transport can be made of is told, and closed in the end."""
    with open(__file__) as file:
        daemon.hand("file", [file])
    unix, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.hand("unix datagram", [unix])
    return [
        attempt(daemon, "file", "connectReadPipe"),
        attempt(daemon, "file", "createConnection"),
        attempt(daemon, "unix datagram", "createDatagramEndpoint"),
        attempt(daemon, "unix datagram", "connectReadPipe"),
    ]


def malformed(daemon):
    """Each costs its descriptor; those that cannot be matched with a line cost the connection too."""
    seen = []
    line = b'{"descriptor":"x"}\n'
    for data, count in (
        (b"no json\n", 1),
        (b"null\n", 1),
        (b'{"descriptor":7}\n', 1),
        (b'{"descriptor":""}\n', 1),
        (b'{"descriptor":"%s"}\n' % (b"x" * 257), 1),
        (line, 0),
        (line, 2),
        (line, 50),
        (line + line, 1),
        (b"x" * 5000, 1),
        (b"\xff\xfe\n", 1),
    ):
        near, far = socket.socketpair()
        daemon.hand_bytes(data, [near.fileno()] * count)
        near.close()
        receipt = daemon.handed()
        ended = daemon.is_cut()
        seen.append([receipt["descriptor"], receipt["error"]["code"], ended, far.recv(10).decode() if count else ""])
        if ended:
            daemon.open_socket()
    return seen


def pieces(daemon):
    """A line may come in pieces, and its descriptor with any of them."""
    near, far = socket.socketpair()
    daemon.hand_bytes(b'{"descrip')
    daemon.request("daemon/info")
    daemon.hand_bytes(b'tor":"pi', [near.fileno()])
    daemon.request("daemon/info")
    daemon.hand_bytes(b'eces"}\n')
    near.close()
    return [daemon.handed(), daemon.echo(daemon.connect("pieces"), far)]


def too_many(daemon):
    near, far = socket.socketpair()
    codes = [daemon.hand_over(f"s{n}", near).get("error", {}).get("code") for n in range(258)]
    near.close()
    return [[code, codes.count(code)] for code in (None, 1003)]


def blocking(daemon):
    """Nobody reads a socket that blocks whoever writes: only its transport waits."""
    near, far = socket.socketpair()
    daemon.hand("near", [near])
    opened = daemon.connect("near")
    size = 1 << 20
    daemon.write(opened["transport"], "x" * size)
    answered = "pid" in daemon.request("daemon/info")
    while size > 0:
        size -= len(far.recv(size))
    return [answered, daemon.lost(opened)]


def unread(daemon):
    """Who does not read the answers is cut off, and what was handed over stays."""
    near, far = socket.socketpair()
    daemon.hand("kept", [near])
    try:
        while True:
            daemon.hand_bytes(b"{}\n", [near.fileno()])
    except OSError as error:
        cut = error.__class__.__name__
    near.close()
    return [cut, daemon.echo(daemon.connect("kept"), far)]


def private(daemon):
    """The socket is the client's: the same again, let nobody else in, and goes with it."""
    path = daemon.request("daemon/descriptorSocket")["path"]
    folder = os.path.dirname(path)
    mode = oct(os.stat(folder).st_mode & 0o777)
    same = daemon.channel.getpeername() == path
    daemon.exit()
    return [mode, same, os.path.exists(folder), daemon.answers.read().decode()]


def main():
    way, scenario, *command = sys.argv[1:]
    daemon = Daemon(command, way)
    try:
        print(json.dumps(globals()[scenario](daemon)))
    finally:
        daemon.process.stdin.close()
        daemon.process.wait()


if __name__ == "__main__":
    main()
