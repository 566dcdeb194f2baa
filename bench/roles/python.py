"""A client in Python, on asyncio's own loop or on the daemon's: does what a line of standard input asks, and says what
it took. Ends with its input.

    python3 python.py asyncio|transportd PORT      the port of a remote that echoes
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "client" / "python"))

MESSAGE = b"x" * 64
PIECE = b"y" * 65536


async def round_trips(port: int, times: int) -> list[float]:
    """Microseconds of each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for _ in range(times):
        start = time.perf_counter()
        writer.write(MESSAGE)
        await reader.readexactly(len(MESSAGE))
        took.append((time.perf_counter() - start) * 1e6)
    writer.close()
    return took


class Counter(asyncio.Protocol):
    """Counts what comes back, and writes while it may."""

    def __init__(self, pieces: int, done: asyncio.Future[None]) -> None:
        self.left = pieces * len(PIECE)
        self.pieces = pieces
        self.done = done
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.resume_writing()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        while self.pieces > 0 and not self.paused:
            self.pieces -= 1
            self.transport.write(PIECE)

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left == 0:
            self.done.set_result(None)


async def echo(port: int, times: int) -> list[float]:
    """Bytes per second."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    start = time.perf_counter()
    transport, _ = await loop.create_connection(lambda: Counter(times, done), "127.0.0.1", port)
    await done
    transport.close()
    return [times * len(PIECE) / (time.perf_counter() - start)]


async def many(port: int, times: int) -> list[float]:
    """Round trips per second, over 500 connections at once."""
    lines = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(500)))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            writer.write(MESSAGE)
            await reader.readexactly(len(MESSAGE))

    start = time.perf_counter()
    await asyncio.gather(*(talk(*line) for line in lines))
    took = time.perf_counter() - start
    for _, writer in lines:
        writer.close()
    return [500 * times / took]


def main() -> None:
    way, port = sys.argv[1], int(sys.argv[2])
    if way == "transportd":
        from transportd.testing import new_event_loop

        loop: asyncio.AbstractEventLoop = new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    for line in sys.stdin:
        asked = json.loads(line)
        action = {"roundTrips": round_trips, "echo": echo, "many": many}[asked["action"]]
        print(json.dumps(loop.run_until_complete(action(port, asked["times"]))), flush=True)
    loop.close()


if __name__ == "__main__":
    main()
