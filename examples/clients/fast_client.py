"""What makes the client of `client.py` fast, byte messages, and what keeps it small, flow control."""

import collections
import hashlib
import json

from client import Client


class FastClient(Client):
    def __init__(self):
        self.writers = {}  # by id of what is written to
        self.pipes = {}  # by process: the id of the pipe of each descriptor
        self.received = collections.Counter()  # bytes, by id of what is read
        self.reported = collections.Counter()
        super().__init__(byteMessages=True, flowControl=True)

    def notify(self, method, **params):
        if "data" not in params:
            return super().notify(method, **params)
        data = params.pop("data")
        head = f"Content-Length: {len(data)}\r\nContent-Type: application/octet-stream\r\n"
        head += f"Method: {method}\r\nParams: {json.dumps(params)}\r\n\r\n"
        self.daemon.stdin.write(head.encode() + data)
        self.daemon.stdin.flush()

    def parse(self, fields, body):
        if fields.get("content-type") != "application/octet-stream":
            return super().parse(fields, body)
        params = json.loads(fields.get("params", "{}"))
        return {"method": fields["method"], "params": {**params, "data": body}}

    def writer(self, id):
        return self.writers.setdefault(id, Writer(self, id))

    def callback(self, name, transport=None, **params):
        if name == "flushed":
            self.writer(transport).flushed(params["offset"])
        if name == "connectionMade":
            self.pipes[transport] = params.get("pipes", {})
        super().callback(name, transport, **params)
        if name in ("dataReceived", "pipeDataReceived"):
            fd = params.get("fd")
            self.consumed(transport if fd is None else self.pipes[transport][str(fd)], len(params["data"]))

    def consumed(self, id, count):
        """At half a window: earlier costs messages, later lets the daemon run dry."""
        self.received[id] += count
        if self.received[id] - self.reported[id] >= self.limits["readWindowBytes"] // 2:
            self.reported[id] = self.received[id]
            self.notify("transport/consumed", transport=id, offset=self.received[id])


class Writer:
    """At most a window of bytes is with the daemon and not flushed; the rest waits here."""

    def __init__(self, client, id):
        self.client, self.id = client, id
        self.window, self.piece = client.limits["writeWindowBytes"], client.limits["chunkBytes"]
        self.sent, self.done = 0, 0
        self.waiting = bytearray()
        self.ending = False

    def write(self, data):
        self.waiting += data
        self.send()

    def end(self):
        self.ending = True
        self.send()

    def flushed(self, offset):
        self.done = max(self.done, offset)
        self.send()

    def send(self):
        while self.waiting and self.sent - self.done < self.window:
            room = min(self.piece, self.window - (self.sent - self.done))
            piece = bytes(self.waiting[:room])
            del self.waiting[:room]
            self.sent += len(piece)
            self.client.notify("transport/write", transport=self.id, data=piece)
        if self.ending and not self.waiting:
            self.ending = False
            self.client.notify("transport/writeEof", transport=self.id)


class Digest:
    def __init__(self):
        self.sum, self.count = hashlib.sha256(), 0

    def pipeDataReceived(self, client, transport, fd, data, **_):
        self.sum.update(data)
        self.count += len(data)


if __name__ == "__main__":
    client = FastClient()
    process = client.request("loop/subprocessExec", program="cat")
    digest = client.protocols[process["transport"]] = Digest()
    payload = bytes(range(256)) * 65_536
    writer = client.writer(process["pipes"]["0"])
    writer.write(payload)
    writer.end()
    client.run()
    same = digest.sum.digest() == hashlib.sha256(payload).digest()
    print(f"{digest.count} bytes went through cat {'and came back the same' if same else 'and were changed'}")
    client.leave()
