"""Child processes of the daemon, with asyncio's own subprocess transport on top.

What a child sees is this process's: directory, environment, umask, and its descriptors where nothing else is asked.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from asyncio import base_subprocess
from collections.abc import Callable, Mapping
from typing import Any

from .errors import DaemonLost
from .framing import Message
from .link import Link
from .sockets import DaemonPipe
from .stream import Place

# A grandchild may hold a pipe for as long as it likes, as with asyncio's own children.
_FOREVER_MS = 2_147_483_647
# What `subprocess.Popen` takes and the daemon has no word for: such a child is started by this process.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "restore_signals": (True,),
    "preexec_fn": (None,),
    "executable": (None,),
    "startupinfo": (None,),
    "creationflags": (0,),
    "extra_groups": (None,),
    "process_group": (None, -1),
    "pipesize": (-1,),
}
_CARRIED = {"env", "cwd", "umask", "start_new_session", "user", "group", "pass_fds", "close_fds"}


class DaemonProcess:
    """Stands for a child of the daemon: what ``get_extra_info('subprocess')`` gives, as far as ``Popen`` goes."""

    def __init__(self, link: Link, opened: Message, args: Any) -> None:
        self.args = args
        self.pid: int = opened["pid"]
        self.returncode: int | None = None
        self._link = link
        self._id: int = opened["transport"]
        window = opened["writeWindowBytes"]
        pipes = {int(fd): DaemonPipe(link, id, window, None) for fd, id in opened["pipes"].items()}
        self.stdin, self.stdout, self.stderr = pipes.get(0), pipes.get(1), pipes.get(2)
        self._pipes = pipes
        self._exited: Callable[[int], None] = lambda returncode: None
        self._earlier: int | None = None
        self._closed = False
        link.endpoints[self._id] = self

    def poll(self) -> int | None:
        """The return code, as far as the daemon has told it."""
        if self.returncode is None and self._link.error is None:
            self._look(lambda: self.returncode is not None, 0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Blocks until the process has ended. Raises ``subprocess.TimeoutExpired``."""
        if not self._look(lambda: self.returncode is not None, timeout):
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.returncode is None:
            self._link.notify("transport/sendSignal", {"transport": self._id, "signal": int(sig)})

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def watch(self, exited: Callable[[int], None]) -> None:
        """Calls ``exited`` with the return code, in its turn."""
        self._exited = exited
        if self._earlier is not None:
            exited(self._earlier)

    def close(self) -> None:
        """Ends it where nobody has come to want it."""
        if not self._closed and self._link.error is None:
            self._link.notify("transport/close", {"transport": self._id})
        self._closed = True

    def notified(self, method: str, params: Message) -> None:
        match method:
            case "protocol/pipeDataReceived":
                self._tell(params["fd"], "protocol/dataReceived", params)
            case "protocol/pipeConnectionLost":
                if params["fd"] != 0:
                    self._tell(params["fd"], "protocol/eofReceived", params)
                self._tell(params["fd"], "protocol/connectionLost", params)
            case "protocol/processExited":
                self._ended(params["returncode"])
            case "protocol/connectionLost":
                self._link.endpoints.pop(self._id, None)

    def cut(self, error: Exception) -> None:
        # How it ends is not known any more; the daemon's end has killed it.
        self._ended(-signal.SIGKILL)

    def _ended(self, returncode: int) -> None:
        self.returncode = returncode
        if self._earlier is None:
            self._earlier = returncode
            self._exited(returncode)

    def _tell(self, fd: int, method: str, params: Message) -> None:
        endpoint = self._link.endpoints.get(self._pipes[fd].id)
        if endpoint is not None:
            endpoint.notified(method, params)

    def _look(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        def glance(message: Message) -> None:
            if message.get("method") == "protocol/processExited" and message["params"]["transport"] == self._id:
                self.returncode = message["params"]["returncode"]

        before, self._link.on_glance = self._link.on_glance, glance
        try:
            return self._link.wait_for(condition, timeout)
        except DaemonLost:
            self.returncode = -signal.SIGKILL
            return True
        finally:
            self._link.on_glance = before


class SubprocessTransport(base_subprocess.BaseSubprocessTransport):
    """asyncio's own, with a process and pipes that are the daemon's."""

    _extra: dict[str, Any]

    def __init__(self, loop: Any, protocol: Any, args: Any, process: DaemonProcess, waiter: Any) -> None:
        pipe = {
            fd: subprocess.PIPE if each is not None else subprocess.DEVNULL for fd, each in enumerate(_ends(process))
        }
        self._place = Place("daemon", process._id)
        super().__init__(loop, protocol, args, False, pipe[0], pipe[1], pipe[2], 0, waiter=waiter, process=process)
        self._extra["transportd"] = self._place
        process.watch(self._process_exited)

    def _start(self, *, process: DaemonProcess, **_: Any) -> None:  # type: ignore[override]
        self._proc = process  # type: ignore[assignment]


def _ends(process: DaemonProcess) -> tuple[DaemonPipe | None, ...]:
    return process.stdin, process.stdout, process.stderr


def request_of(
    args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, options: Mapping[str, Any]
) -> tuple[str, Message] | None:
    """The request that starts such a process, its descriptors aside; None where the daemon cannot be told."""
    for name, value in options.items():
        if name not in _CARRIED and value not in _PLAIN.get(name, ()):
            return None
    try:
        params = _surroundings(options)
        if shell:
            return "loop/subprocessShell", {"command": _text(args), **params}
        program, *rest = [_text(each) for each in args]
        return "loop/subprocessExec", {"program": program, "args": rest, **params}
    except _Untellable:
        return None


class _Untellable(Exception):
    """Text that is no UTF-8, or a user that only this machine may know."""


def _surroundings(options: Mapping[str, Any]) -> Message:
    env = options.get("env")
    pairs = os.environ if env is None else env
    umask = options.get("umask", -1)
    params: Message = {
        "cwd": _text(options["cwd"]) if options.get("cwd") is not None else _text(os.getcwd()),
        "env": {_text(name): _text(value) for name, value in pairs.items()},
        "clearEnv": True,
        "umask": current_umask() if umask < 0 else umask,
        "processGroup": bool(options.get("start_new_session", False)),
        "drainMs": _FOREVER_MS,
    }
    if not os.path.isabs(params["cwd"]):
        params["cwd"] = os.path.abspath(params["cwd"])
    for name, field in (("user", "uid"), ("group", "gid")):
        value = options.get(name)
        if value is None:
            continue
        if not isinstance(value, int):
            raise _Untellable(name)
        params[field] = value
    return params


def _text(value: Any) -> str:
    """A path or argument as the wire has it: UTF-8, or not at all."""
    text = os.fsdecode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Untellable(text) from None
    if "\0" in text:
        raise ValueError("embedded null byte")
    return text


def passed_descriptors(options: Mapping[str, Any]) -> list[int]:
    """What the child has beside the standard streams, under the same numbers."""
    passed = set(options.get("pass_fds", ()))
    if not options.get("close_fds", True) and not passed:
        passed = {fd for fd in map(int, os.listdir("/dev/fd")) if fd > 2 and _is_inheritable(fd)}
    return sorted(passed)


def _is_inheritable(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False  # the one that the listing itself had open


def is_null_device(fd: int) -> bool:
    """Whether a descriptor is ``/dev/null``, which the daemon has too."""
    found = os.fstat(fd)
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == os.stat(os.devnull).st_rdev


def current_umask() -> int:
    """This process's umask, without changing it where the system tells."""
    if sys.platform == "linux":
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"Umask:"):
                    return int(line.split()[1], 8)
    umask = os.umask(0o022)
    os.umask(umask)
    return umask
