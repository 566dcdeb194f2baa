-- Neovim's own JSON-RPC client, made for language servers, drives a daemon. Prints what happened as JSON.
-- $COMMAND is the daemon's program, $PORT a server that echoes.

local bytes = function(base64) return vim.fn.system({ 'base64', '-d' }, base64) end
local heard = { process = { output = '' }, echo = '' }
-- Names of callbacks by transport: some come before the answer that made it is taken.
local callbacks = {}

local function came(transport, name) return vim.tbl_contains(callbacks[transport] or {}, name) end

local function notification(method, params)
  local name = method:match('[^/]+$')
  callbacks[params.transport] = callbacks[params.transport] or {}
  table.insert(callbacks[params.transport], name)
  if name == 'dataReceived' then heard.echo = heard.echo .. bytes(params.data) end
  if name == 'pipeDataReceived' then heard.process.output = heard.process.output .. bytes(params.data) end
  if name == 'processExited' then heard.process.returncode = params.returncode end
end

local status
local dispatchers = { notification = notification, on_exit = function(code) status = code end }
local rpc
if vim.fn.has('nvim-0.11') == 1 then
  rpc = vim.lsp.rpc.start({ vim.env.COMMAND, 'stdio' }, dispatchers)
else
  rpc = vim.lsp.rpc.start(vim.env.COMMAND, { 'stdio' }, dispatchers)
end

local function wait_for(what, look)
  if not vim.wait(15000, look, 10) then error('never: ' .. what) end
end

local function request(method, params)
  local over, problem, answer = false, nil, nil
  rpc.request(method, params, function(err, result)
    over, problem, answer = true, err, result
  end)
  wait_for(method, function() return over end)
  return answer, problem
end

request('initialize', { protocolVersion = 1, capabilities = vim.empty_dict(), processId = vim.fn.getpid() })
rpc.notify('initialized', vim.empty_dict())

local connection = request('loop/createConnection', { host = '127.0.0.1', port = tonumber(vim.env.PORT) }).transport
rpc.notify('transport/write', { transport = connection, data = 'aGVsbG8=' })
wait_for('the echo', function() return heard.echo == 'hello' end)
rpc.notify('transport/writeEof', { transport = connection })
wait_for('the end', function() return came(connection, 'connectionLost') end)
heard.connection = callbacks[connection]

local process = request('loop/subprocessExec', { program = 'sh', args = { '-c', 'tr a-z A-Z; exit 3' } })
rpc.notify('transport/write', { transport = process.pipes['0'], text = 'a process' })
rpc.notify('transport/close', { transport = process.pipes['0'] })
wait_for('the end of the process', function() return came(process.transport, 'connectionLost') end)

local _, refusal = request('transport/isReading', { transport = 4711 })
heard.error = { code = refusal.code, data = refusal.data }

request('shutdown', nil)
rpc.notify('exit', nil)
wait_for('the end of the daemon', function() return status ~= nil end)
heard.status = status
io.write(vim.json.encode(heard))
