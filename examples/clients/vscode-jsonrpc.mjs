// A client of transportd with stock vscode-jsonrpc, and nothing of this package: run a program, print what it says.
import { spawn } from "node:child_process"
import { createMessageConnection } from "vscode-jsonrpc/node"

const daemon = spawn("transportd", ["stdio"], { stdio: ["pipe", "pipe", "inherit"] })
const rpc = createMessageConnection(daemon.stdout, daemon.stdin)
rpc.onNotification("protocol/pipeDataReceived", ({ data }) => process.stdout.write(Buffer.from(data, "base64")))
rpc.onNotification("protocol/connectionLost", () =>
  rpc.sendRequest("shutdown").then(() => rpc.sendNotification("exit")),
)
rpc.listen()
await rpc.sendRequest("initialize", { protocolVersion: 1 })
await rpc.sendRequest("loop/subprocessExec", { program: "echo", args: ["hello from a process"] })
