"""The JSON-RPC library of Python's language server drives a daemon. Prints what happened as JSON.

$COMMAND is the daemon's program, $PORT a server that echoes.
"""

import base64
import collections
import json
import os
import subprocess
import threading

from pylsp_jsonrpc.endpoint import Endpoint
from pylsp_jsonrpc.exceptions import JsonRpcException
from pylsp_jsonrpc.streams import JsonRpcStreamReader, JsonRpcStreamWriter

heard = {"process": {"output": ""}, "echo": ""}
# Names of callbacks by transport: some come before the answer that made it is taken.
callbacks = collections.defaultdict(list)
changed = threading.Condition()


def wait_for(look):
    with changed:
        assert changed.wait_for(look, 15), f"only this happened: {heard}"


class Dispatcher(dict):
    """What comes, by method; every method is known."""

    def __getitem__(self, method):
        def handle(params):
            with changed:
                self.take(method.split("/")[1], params)
                changed.notify_all()

        return handle

    def take(self, name, params):
        callbacks[params["transport"]].append(name)
        data = base64.b64decode(params.get("data", "")).decode()
        if name == "dataReceived":
            heard["echo"] += data
        elif name == "pipeDataReceived":
            heard["process"]["output"] += data
        elif name == "processExited":
            heard["process"]["returncode"] = params["returncode"]


daemon = subprocess.Popen([os.environ["COMMAND"], "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
endpoint = Endpoint(Dispatcher(), JsonRpcStreamWriter(daemon.stdin).write)
reader = threading.Thread(target=JsonRpcStreamReader(daemon.stdout).listen, args=[endpoint.consume], daemon=True)
reader.start()


def request(method, **params):
    return endpoint.request(method, params).result(15)


request("initialize", protocolVersion=1, capabilities={})
endpoint.notify("initialized", {})

connection = request("loop/createConnection", host="127.0.0.1", port=int(os.environ["PORT"]))["transport"]
endpoint.notify("transport/write", {"transport": connection, "data": base64.b64encode(b"hello").decode()})
wait_for(lambda: heard["echo"] == "hello")
endpoint.notify("transport/writeEof", {"transport": connection})
wait_for(lambda: "connectionLost" in callbacks[connection])
heard["connection"] = callbacks[connection]

process = request("loop/subprocessExec", program="sh", args=["-c", "tr a-z A-Z; exit 3"])
endpoint.notify("transport/write", {"transport": process["pipes"]["0"], "text": "a process"})
endpoint.notify("transport/close", {"transport": process["pipes"]["0"]})
wait_for(lambda: "connectionLost" in callbacks[process["transport"]])

try:
    request("transport/isReading", transport=4711)
except JsonRpcException as error:
    heard["error"] = {"code": error.code, "data": error.data}

endpoint.request("shutdown").result(15)
endpoint.notify("exit")
heard["status"] = daemon.wait(15)
endpoint.shutdown()
print(json.dumps(heard))
