"""A server that shouts, a connection to it, and a process; none of the three belongs to this program."""

from client import Client


class Shout:
    def dataReceived(self, client, transport, data, **_):
        client.notify("transport/write", transport=transport, data=data.upper())
        client.notify("transport/close", transport=transport)


class Print:
    def dataReceived(self, client, transport, data, **_):
        print(data.decode())

    def pipeDataReceived(self, client, transport, fd, data, **_):
        print(data.decode(), end="")


client = Client()

server = client.request("loop/createServer", host="127.0.0.1", port=0)
client.factories[server["server"]] = Shout
port = server["sockets"][0]["port"]
connection = client.request("loop/createConnection", host="127.0.0.1", port=port)
client.protocols[connection["transport"]] = Print()
client.notify("transport/write", transport=connection["transport"], data=b"hello from a socket")
client.run()

process = client.request("loop/subprocessExec", program="echo", args=["hello from a process"])
client.protocols[process["transport"]] = Print()
client.run()

client.leave()
