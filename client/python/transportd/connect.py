"""How a client comes to its daemon: launches one that ends with it, or joins one on a socket."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._wire import PROTOCOL_VERSION, VERSION
from .handover import Handover
from .link import Link


class Connection:
    """A daemon that is ready for an event loop. Used by one loop at a time; closing it ends what it owns there."""

    def __init__(
        self, link: Link, process: subprocess.Popen[bytes] | None = None, channel: socket.socket | None = None
    ) -> None:
        self.link = link
        self._process = process
        self._channel = channel
        self.greeting: dict[str, Any] = link.call(
            "initialize",
            {
                "protocolVersion": PROTOCOL_VERSION,
                "processId": os.getpid(),
                "hostname": socket.gethostname(),
                "clientInfo": {"name": "transportd-python", "version": VERSION},
                "capabilities": {"byteMessages": True, "flowControl": True},
            },
        )
        if not self.greeting["capabilities"]["byteMessages"]:
            raise ConnectionError("this daemon takes no byte messages: it is older than this client")
        link.notify("initialized", {})
        link.flush()
        # How descriptors of this process come to the daemon; None where they cannot.
        self.handover = self._make_handover(self.greeting["capabilities"].get("descriptors", []))

    def _make_handover(self, ways: list[str]) -> Handover | None:
        if self._channel is not None and "channel" in ways:
            return Handover(self._channel, is_channel=True)
        if "socket" in ways:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.link.call("daemon/descriptorSocket", {})["path"])
            return Handover(sock, is_channel=False)
        return None

    @property
    def is_closed(self) -> bool:
        return self.link.error is not None

    def close(self) -> None:
        """Says good-bye. A daemon of our own has ended when this returns."""
        self.link.close()
        for each in (self.handover, self._channel):
            if each is not None:
                each.close()
        process, self._process = self._process, None
        if process is not None:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(path: str | os.PathLike[str] | None = None) -> Connection:
    """Joins the daemon on a socket; without a path, the one that every ``transportd`` command of this user finds.

    Raises OSError where nobody listens.
    """
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(os.fspath(path) if path is not None else default_socket_path())
        return Connection(Link(sock, sock))
    except BaseException:
        sock.close()
        raise


def launch(command: Sequence[str] | None = None) -> Connection:
    """Starts a daemon of our own, which ends with us: by default ``transportd stdio``, as found on the PATH.

    Raises FileNotFoundError where there is no such program.
    """
    arguments = list(command) if command is not None else default_command()
    our_input, its_output = socket.socketpair()
    our_output, its_input = socket.socketpair()
    our_channel, its_channel = socket.socketpair()
    try:
        with its_output, its_input, its_channel:
            process = subprocess.Popen(
                arguments,
                stdin=its_input.fileno(),
                stdout=its_output.fileno(),
                pass_fds=[its_channel.fileno()],
                env={**os.environ, "NODE_CHANNEL_FD": str(its_channel.fileno())},
            )
        return Connection(Link(our_input, our_output), process, our_channel)
    except BaseException:
        for each in (our_input, our_output, our_channel):
            with contextlib.suppress(OSError):
                each.close()
        raise


def default_command() -> list[str]:
    """The program that :func:`launch` starts."""
    found = shutil.which("transportd")
    if found is None:
        raise FileNotFoundError("there is no transportd on the PATH: npm install -g transportd, or give a command")
    # Said aloud, because $TRANSPORTD_FRAMING may say otherwise.
    return [found, "stdio", "--framing=header"]


def default_socket_path() -> str:
    """Where a daemon of this user listens, unless it was told otherwise."""
    given = os.environ.get("TRANSPORTD_SOCKET")
    if given:
        return given
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return str(Path(runtime, "transportd", "transportd.sock"))
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(state, "transportd", f"{socket.gethostname()}.sock"))
