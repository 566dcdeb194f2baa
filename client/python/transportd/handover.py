"""Descriptors of this process for the daemon: what may travel, on which way, and under what name.

A daemon that we launched has the channel that Node gives to a child; one on a socket names a second socket for them.
What cannot travel stays with the local loop: a terminal or a file on Node's channel would end the daemon.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
import stat
from itertools import count
from typing import Any

_LINE_BYTES = 4096


class Handover:
    """One way for descriptors to the daemon."""

    def __init__(self, sock: socket.socket, *, is_channel: bool) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._is_channel = is_channel
        self._numbers = count(1)

    def fileno(self) -> int:
        return self._sock.fileno()

    def takes(self, fd: int) -> bool:
        """Whether a descriptor can go this way, and be a transport there."""
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            return False
        if stat.S_ISFIFO(mode):
            return True
        return stat.S_ISSOCK(mode) and _is_servable(fd)

    def takes_for_child(self, fd: int) -> bool:
        """Whether a descriptor can go this way, and be a child's: any can that does not end Node's channel."""
        return not self._is_channel or self.takes(fd)

    def send(self, fd: int) -> str:
        """Hands over a copy of ``fd``; the result is its name in the request that is to use it."""
        name = f"python-{next(self._numbers)}"
        named: dict[str, Any] = {"descriptor": name}
        message = {"cmd": "NODE_HANDLE", "type": "net.Native", "msg": named} if self._is_channel else named
        line = json.dumps(message).encode() + b"\n"
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
        self._sock.setblocking(True)
        try:
            sent = self._sock.sendmsg([line], [rights])
            self._sock.sendall(line[sent:])
        finally:
            self._sock.setblocking(False)
        return name

    def drain(self) -> bool:
        """Reads the answers, which must not pile up; a refusal is the request's to tell. False at the end."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            return bool(self._sock.recv(_LINE_BYTES))
        return True

    def close(self) -> None:
        self._sock.close()


def _is_servable(fd: int) -> bool:
    """Whether it is a socket of a kind that Node knows: TCP, UDP or a Unix stream."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            return sock.type in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        return sock.family == socket.AF_UNIX and sock.type == socket.SOCK_STREAM
