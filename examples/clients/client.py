"""A client of transportd in plain Python: JSON in LSP framing, bytes as base64. `docs/clients.md` explains it."""

import base64
import itertools
import json
import subprocess


class Client:
    def __init__(self, command=("transportd", "stdio"), **capabilities):
        self.daemon = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ids = itertools.count(1)
        self.answers = {}  # by request id, until somebody takes them
        self.protocols = {}  # by transport id
        self.factories = {}  # by server id: what makes the protocol of a connection
        self.limits = self.request("initialize", protocolVersion=1, capabilities=capabilities)["limits"]
        self.notify("initialized")

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.daemon.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.daemon.stdin.flush()

    def receive(self):
        fields = {}
        while (line := self.daemon.stdout.readline()) != b"\r\n":
            if not line:
                raise EOFError("the daemon is gone")
            name, value = line.decode().split(":", 1)
            fields[name.lower()] = value.strip()
        body = self.daemon.stdout.read(int(fields["content-length"]))
        return self.parse(fields, body)

    def parse(self, fields, body):
        message = json.loads(body)
        if "data" in message.get("params", {}):
            message["params"]["data"] = base64.b64decode(message["params"]["data"])
        return message

    def notify(self, method, **params):
        if isinstance(params.get("data"), bytes):
            params["data"] = base64.b64encode(params["data"]).decode()
        self.send(method=method, params=params)

    def request(self, method, **params):
        """For the main program; a callback only notifies, so that callbacks stay in order."""
        id = next(self.ids)
        self.send(id=id, method=method, params=params)
        while id not in self.answers:
            self.step()
        answer = self.answers.pop(id)
        if "error" in answer:
            raise RuntimeError(f"{answer['error']['code']}: {answer['error']['message']}")
        return answer["result"]

    def step(self):
        """Takes one message: an answer, or a callback for the protocol of a transport."""
        message = self.receive()
        if "id" in message:
            self.answers[message["id"]] = message
        else:
            self.callback(message["method"].split("/")[1], **message["params"])

    def callback(self, name, transport=None, **params):
        if name == "connectionMade" and params.get("server") in self.factories:
            self.protocols[transport] = self.factories[params["server"]]()
        protocol = self.protocols.get(transport)
        if hasattr(protocol, name):
            getattr(protocol, name)(self, transport, **params)
        if name == "connectionLost":
            self.protocols.pop(transport, None)

    def run(self):
        """Until every transport is lost."""
        while self.protocols:
            self.step()

    def leave(self):
        self.request("shutdown")
        self.notify("exit")
        self.daemon.wait()
