"""The loop's pipes and child processes. What the daemon cannot have stays with asyncio, in this process."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from .base import Base
from .framing import Message
from .process import DaemonProcess, SubprocessTransport, is_null_device, passed_descriptors, request_of
from .sockets import DaemonPipe
from .stream import LOCAL, ReadPipeTransport, WritePipeTransport


class Children(Base):
    """``connect_read_pipe``, ``connect_write_pipe``, ``subprocess_exec`` and ``subprocess_shell``."""

    async def connect_read_pipe(self, protocol_factory: Callable[[], Any], pipe: Any) -> Any:
        pipe = await self._adopt_pipe(pipe, "loop/connectReadPipe")
        if isinstance(pipe, DaemonPipe):
            protocol = protocol_factory()
            waiter = self.create_future()
            transport = ReadPipeTransport(self, pipe, protocol, waiter)
            await waiter
            return transport, protocol
        return await super().connect_read_pipe(protocol_factory, pipe)

    async def connect_write_pipe(self, protocol_factory: Callable[[], Any], pipe: Any) -> Any:
        pipe = await self._adopt_pipe(pipe, "loop/connectWritePipe")
        if isinstance(pipe, DaemonPipe):
            protocol = protocol_factory()
            waiter = self.create_future()
            transport = WritePipeTransport(self, pipe, protocol, waiter)
            await waiter
            return transport, protocol
        return await super().connect_write_pipe(protocol_factory, pipe)

    async def _adopt_pipe(self, pipe: Any, name: str) -> Any:
        if isinstance(pipe, DaemonPipe):
            return pipe
        descriptor = self._hand_over(pipe)
        if descriptor is None:
            return pipe
        return await self._ask(
            name,
            {"fd": descriptor, "options": {}},
            lambda made: DaemonPipe(self._link, made["transport"], made["writeWindowBytes"], pipe),
        )

    def _make_read_pipe_transport(self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        return super()._make_read_pipe_transport(  # type: ignore[misc]
            pipe, protocol, waiter, {"transportd": LOCAL, **(extra or {})}
        )

    def _make_write_pipe_transport(self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        return super()._make_write_pipe_transport(  # type: ignore[misc]
            pipe, protocol, waiter, {"transportd": LOCAL, **(extra or {})}
        )

    async def _make_subprocess_transport(
        self,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: Any = None,
        **options: Any,
    ) -> Any:
        asked = request_of(args, shell, stdin, stdout, stderr, options)
        streams = None if asked is None else self._child_streams(stdin, stdout, stderr, options)
        if asked is None or streams is None:
            return await super()._make_subprocess_transport(  # type: ignore[misc]
                protocol, args, shell, stdin, stdout, stderr, bufsize, {"transportd": LOCAL, **(extra or {})}, **options
            )
        name, params = asked

        def opened(result: Message) -> DaemonProcess:
            return DaemonProcess(self._link, result, args)

        process = await self._ask(name, {**params, **streams}, opened)
        waiter = self.create_future()
        transport = SubprocessTransport(self, protocol, args, process, waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport

    def _child_streams(self, stdin: Any, stdout: Any, stderr: Any, options: dict[str, Any]) -> Message | None:
        """What the child's descriptors are; None where one can be had in this process only."""
        streams: Message = {}
        passed = passed_descriptors(options)
        if passed and (self._handover is None or not all(map(self._handover.takes_for_child, passed))):
            return None
        for fd, (name, asked) in enumerate((("stdin", stdin), ("stdout", stdout), ("stderr", stderr))):
            if asked == subprocess.STDOUT and fd == 2:
                streams[name] = "null" if streams["stdout"] == "null" else "stdout"
                continue
            stream = self._child_stream(fd, asked)
            if stream is None:
                return None
            streams[name] = stream
        if passed and self._handover is not None:
            streams["fds"] = {str(fd): self._handover.send(fd) for fd in passed}
        return streams

    def _child_stream(self, fd: int, asked: Any) -> Any:
        if asked == subprocess.PIPE:
            return "pipe"
        if asked == subprocess.DEVNULL:
            return "null"
        number = fd if asked is None else asked if isinstance(asked, int) else asked.fileno()
        try:
            if is_null_device(number):
                return "null"
        except OSError:
            return None
        if self._handover is None or not self._handover.takes_for_child(number):
            return None
        return {"fd": self._handover.send(number)}
