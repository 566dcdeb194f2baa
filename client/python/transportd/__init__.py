"""asyncio over a transportd daemon, which owns every socket, pipe and process of its clients.

``transportd.run(main())`` runs a program as ``asyncio.run`` does; streams, servers, subprocesses and libraries for
asyncio work as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ._wire import VERSION as __version__
from .connect import Connection, connect, launch
from .errors import DaemonError, DaemonLost
from .loop import EventLoop
from .stream import Place
from .tls import SSLContext, create_default_context

__all__ = [
    "Connection",
    "DaemonError",
    "DaemonLost",
    "EventLoop",
    "Place",
    "SSLContext",
    "__version__",
    "connect",
    "create_default_context",
    "launch",
    "run",
]

_Result = TypeVar("_Result")


def run(
    main: Coroutine[Any, Any, _Result], *, connection: Connection | None = None, debug: bool | None = None
) -> _Result:
    """Runs ``main`` as ``asyncio.run`` does, on the daemon of ``connection``; without one, on a daemon of its own.

    The connection is closed afterwards.
    """
    with asyncio.Runner(debug=debug, loop_factory=lambda: EventLoop(connection)) as runner:
        return runner.run(main)
