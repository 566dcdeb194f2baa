-- A server that shouts, a connection to it, and a process; none of the three belongs to Neovim. The same as demo.py.
--   nvim --headless --clean --cmd 'set rtp+=client/lua' -c 'luafile examples/clients/neovim.lua' -c 'qall!'
local transportd = require('transportd')

local function check(value, err)
  if err ~= nil then error(err.message) end
  return value
end

local client = check(transportd.connect({ cmd = { 'transportd', 'stdio' } }))

local server = check(client:create_server({
  data_received = function(transport, data)
    transport:write(data:upper())
    transport:close()
  end,
}, { host = '127.0.0.1', port = 0 }))

local lost = false
local connection = check(client:create_connection({
  data_received = function(_, data) io.write(data, '\n') end,
  connection_lost = function() lost = true end,
}, { host = '127.0.0.1', port = server.sockets[1].port }))
connection:write('hello from a socket')
vim.wait(10000, function() return lost end)

local status
check(client:subprocess_exec({
  pipe_data_received = function(_, _, data) io.write(data) end,
  connection_lost = function(process) status = process:get_returncode() end,
}, { program = 'echo', args = { 'hello from a process' } }))
vim.wait(10000, function() return status ~= nil end)

client:close()
