# A client of transportd in plain Ruby: JSON in LSP framing, bytes as base64. The same as client.py and demo.py.
require "json"
require "open3"

class Client
  attr_reader :protocols, :factories

  def initialize(*command)
    @input, @output, @process = Open3.popen2(*command)
    [@input, @output].each(&:binmode)
    @id, @answers, @protocols, @factories = 0, {}, {}, {}
    request("initialize", protocolVersion: 1)
    notify("initialized")
  end

  def notify(method, data: nil, **params)
    params[:data] = [data].pack("m0") if data
    send_message(method: method, params: params)
  end

  # For the main program; a callback only notifies, so that callbacks stay in order.
  def request(method, **params)
    send_message(id: @id += 1, method: method, params: params)
    wanted = @id
    step until @answers.key?(wanted)
    answer = @answers.delete(wanted)
    raise "#{answer["error"]["code"]}: #{answer["error"]["message"]}" if answer["error"]
    answer["result"]
  end

  # Until every transport is lost.
  def run = (step until @protocols.empty?)

  def leave
    request("shutdown")
    notify("exit")
    @process.value
  end

  private

  def send_message(message)
    body = JSON.generate({jsonrpc: "2.0"}.merge(message))
    @input.write("Content-Length: #{body.bytesize}\r\n\r\n#{body}")
    @input.flush
  end

  def receive
    length = nil
    while (line = @output.gets("\r\n", chomp: true)) != ""
      raise EOFError, "the daemon is gone" if line.nil?
      name, value = line.split(":", 2)
      length = Integer(value.strip) if name.casecmp?("Content-Length")
    end
    JSON.parse(@output.read(length).force_encoding("UTF-8"))
  end

  # Takes one message: an answer, or a callback for the protocol of a transport.
  def step
    message = receive
    return @answers[message["id"]] = message if message.key?("id")
    name, params = message["method"].split("/").last, message["params"]
    params["data"] = params["data"].unpack1("m0") if params["data"]
    transport = params["transport"]
    if name == "connectionMade" && (factory = @factories[params["server"]])
      @protocols[transport] = factory.call
    end
    protocol = @protocols[transport]
    protocol.public_send(name, self, transport, params) if protocol.respond_to?(name)
    @protocols.delete(transport) if name == "connectionLost"
  end
end

class Shout
  def dataReceived(client, transport, params)
    client.notify("transport/write", transport: transport, data: params["data"].upcase)
    client.notify("transport/close", transport: transport)
  end
end

class Print
  def dataReceived(_client, _transport, params) = puts(params["data"])
  def pipeDataReceived(_client, _transport, params) = print(params["data"])
end

client = Client.new("transportd", "stdio")

server = client.request("loop/createServer", host: "127.0.0.1", port: 0)
client.factories[server["server"]] = -> { Shout.new }
port = server["sockets"][0]["port"]
connection = client.request("loop/createConnection", host: "127.0.0.1", port: port)["transport"]
client.protocols[connection] = Print.new
client.notify("transport/write", transport: connection, data: "hello from a socket")
client.run

process = client.request("loop/subprocessExec", program: "echo", args: ["hello from a process"])["transport"]
client.protocols[process] = Print.new
client.run

client.leave
