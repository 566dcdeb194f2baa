--- A client of transportd for Neovim 0.7 and newer: asyncio's transports and protocols, over a daemon.
---
--- Owns the connection to one daemon, the framing, the flow control in both directions and the order of callbacks.
--- Knows no message by its fields but those it needs: any request can be made with `client:request`.
--- Everything runs in Neovim's main loop, so callbacks may use all of `vim.api`. The README beside this folder
--- explains it.

local uv = vim.loop

local M = {}

--- What the client itself fails with; the daemon's own codes are in its reference.
M.CONNECTION_ENDED = -32097
M.CALLBACK_FAILED = -32098

local PROTOCOL_VERSION = 1
local PIECE_BYTES = 65536
local DATAGRAM_OVERHEAD_BYTES = 8
--- asyncio's water marks, and those for TLS.
local MARKS = { plain = { 65536, 16384 }, tls = { 524288, 131072 } }

-- ── framing ──────────────────────────────────────────────────────────────────────────────────────

--- JSON as a header may carry it: what is not ASCII as \u escapes.
local function ascii(json)
  return (json:gsub('[\194-\244][\128-\191]+', function(character)
    local point = character:byte() % (2 ^ (7 - #character))
    for index = 2, #character do point = point * 64 + character:byte(index) % 64 end
    if point < 0x10000 then return ('\\u%04x'):format(point) end
    point = point - 0x10000
    return ('\\u%04x\\u%04x'):format(0xd800 + math.floor(point / 1024), 0xdc00 + point % 1024)
  end))
end

--- An empty Lua table would be an array.
local function object(params) return params ~= nil and next(params) ~= nil and params or vim.empty_dict() end

--- JSON of what is UTF-8. The daemon cannot answer a body that is not, for it cannot tell which request it was.
local function encode(value)
  local json = vim.json.encode(value)
  if json:find('[\128-\255]') then
    local rest = json:gsub('[\194-\223][\128-\191]', ''):gsub('[\224-\239][\128-\191][\128-\191]', '')
    rest = rest:gsub('[\240-\244][\128-\191][\128-\191][\128-\191]', '')
    if rest:find('[\128-\255]') then error('JSON carries UTF-8 and nothing else; bytes go into the data of a write') end
  end
  return json
end

local function frame(message)
  local body = encode(message)
  return { ('Content-Length: %d\r\n\r\n'):format(#body), body }
end

--- A notification with bytes: they are the body, and the rest is in the header.
local function byte_frame(method, params, data)
  local head = 'Content-Length: %d\r\nContent-Type: application/octet-stream\r\nMethod: %s\r\nParams: %s\r\n\r\n'
  return { head:format(#data, method, ascii(encode(object(params)))), data }
end

local function parse(head, body)
  local fields = {}
  for name, value in head:gmatch('([^\r\n:]+):[ \t]*([^\r\n]*)') do fields[name:lower()] = value end
  if (fields['content-type'] or ''):find('^application/octet%-stream') then
    local params = vim.json.decode(fields.params or '{}', { luanil = { object = true } })
    params.data = body
    return { method = fields.method, params = params }
  end
  return vim.json.decode(body, { luanil = { object = true } })
end

--- Cuts messages from bytes. Chunks are joined only when they hold what is waited for.
local Reader = {}
Reader.__index = Reader

local function new_reader()
  return setmetatable({ text = '', at = 1, chunks = {}, unread = 0, wanted = 1 }, Reader)
end

function Reader:feed(chunk)
  self.chunks[#self.chunks + 1] = chunk
  self.unread = self.unread + #chunk
end

--- The next message, or nil until more bytes come.
function Reader:next()
  if self.unread < self.wanted then return nil end
  if #self.chunks > 0 then
    self.text = self.text:sub(self.at) .. table.concat(self.chunks)
    self.at, self.chunks = 1, {}
  end
  local from, to = self.text:find('\r\n\r\n', self.at, true)
  if from == nil then
    self.wanted = self.unread + 1
    return nil
  end
  local head = self.text:sub(self.at, from - 1)
  local length = tonumber(('\n' .. head:lower()):match('\ncontent%-length:[ \t]*(%d+)'))
  if length == nil then error('no length in the header: ' .. head) end
  self.wanted = to + length + 1 - self.at
  if self.unread < self.wanted then return nil end
  local body = self.text:sub(to + 1, to + length)
  self.at, self.unread, self.wanted = to + length + 1, self.unread - self.wanted, 1
  return parse(head, body)
end

-- ── what waits ───────────────────────────────────────────────────────────────────────────────────

--- A queue from which taking the first costs the same however long it is.
local Queue = {}
Queue.__index = Queue

local function new_queue() return setmetatable({ from = 1, to = 0 }, Queue) end

function Queue:push(item)
  self.to = self.to + 1
  self[self.to] = item
end

function Queue:first() return self[self.from] end

function Queue:shift()
  local item = self[self.from]
  self[self.from] = nil
  self.from = self.from + 1
  return item
end

function Queue:is_empty() return self.from > self.to end

-- ── one stream of bytes: a connection, a datagram endpoint, a pipe of a process ──────────────────

--- A transport. Bytes that came and were not delivered, and events behind them, wait in `held`;
--- what was written and is not with the daemon waits in `queue`.
local Transport = {}
Transport.__index = Transport

local function new_transport(client, id, protocol, made, at)
  local high, low = unpack(MARKS[made.kind == 'tls' and 'tls' or 'plain'])
  return setmetatable({
    id = id,
    kind = made.kind,
    client = client,
    protocol = protocol,
    extra = made.extra or {},
    -- Reading: counts of bytes. The daemon sends at most a window beyond what was reported.
    read_window = made.readWindowBytes or client.limits.readWindowBytes,
    held = new_queue(),
    paused = false,
    received = at and at.offset or 0,
    consumed = at and at.offset or 0,
    reported = at and at.offset or 0,
    -- Writing: at most a window is with the daemon and not flushed.
    queue = new_queue(),
    queued = 0,
    -- What others wrote before takes its room until it is flushed.
    sent = at and at.written or 0,
    flushed = at and at.flushed or 0,
    window = made.writeWindowBytes,
    high = high,
    low = low,
    writing_paused = false,
    state = 'open',
  }, Transport)
end

--- The callback `name` of the protocol. One of a stream's data that fails ends the transport, as in asyncio.
function Transport:call(name, ...)
  local callback = self.protocol[name]
  if callback == nil then return nil end
  local fine, result = xpcall(callback, debug.traceback, self.owner or self, ...)
  if fine then return result end
  self.client:report(name .. ': ' .. tostring(result))
  if name == 'data_received' or name == 'eof_received' then
    self.thrown = { code = M.CALLBACK_FAILED, message = name .. ': ' .. tostring(result), data = {} }
    self:abort()
  end
end

function Transport:notify(method, params)
  params = params or {}
  params.transport = self.id
  self.client:notify('transport/' .. method, params)
end

--- Runs `action` behind everything that came before it.
function Transport:deliver(action)
  self.held:push(action)
  self:drain()
end

function Transport:drain()
  if self.draining then return end
  self.draining = true
  while not self.paused and not self.held:is_empty() do self.held:shift()() end
  self.draining = false
end

--- Bytes came; `offset` is the count up to their end, where it is known.
function Transport:data(name, data, offset, ...)
  local arguments = { ... }
  local to = offset or self.received + #data
  local bytes = to - self.received
  self.received = to
  self:deliver(function()
    if self.state == 'closing' or self.state == 'lost' then return end
    self:call(name, unpack(arguments))
    self:consume(bytes)
  end)
end

--- A report at half a window: earlier costs messages, later lets the daemon run dry.
function Transport:consume(bytes)
  self.consumed = self.consumed + bytes
  if self.consumed - self.reported < self.read_window / 2 then return end
  self.reported = self.consumed
  self:notify('consumed', { offset = self.consumed })
end

function Transport:pause_reading()
  if self.paused or not self:is_reading() then return end
  self.paused = true
  self:notify('pauseReading')
end

function Transport:resume_reading()
  if not self.paused then return end
  self.paused = false
  self:notify('resumeReading')
  -- Never from inside this call: callbacks come from the loop.
  vim.schedule(function() self:drain() end)
end

function Transport:is_reading() return self.state ~= 'closing' and self.state ~= 'lost' and not self.paused end
function Transport:is_closing() return self.state == 'closing' or self.state == 'lost' end

--- Writes a string of any bytes; never waits. Calls `pause_writing` before it returns when the buffer goes over high.
function Transport:write(data)
  if type(data) ~= 'string' then error('write() takes a string, not a ' .. type(data), 2) end
  if self.state == 'ended' then error('cannot write after write_eof()', 2) end
  if self.state ~= 'open' or #data == 0 then return end
  self:put({ data = data, at = 0 }, #data)
end

function Transport:writelines(pieces)
  for _, piece in ipairs(pieces) do self:write(piece) end
end

--- Sends one datagram, to `addr` ({host, port}) where the endpoint has no remote of its own.
function Transport:sendto(data, addr)
  if type(data) ~= 'string' then error('sendto() takes a string, not a ' .. type(data), 2) end
  if self.state ~= 'open' then return end
  self:put({ data = data, datagram = { transport = self.id, addr = addr } }, #data + DATAGRAM_OVERHEAD_BYTES)
end

function Transport:put(item, bytes)
  self.queue:push(item)
  self.queued = self.queued + bytes
  self:send_soon()
  self:check_marks()
end

--- What is written first in a turn leaves at once, and what follows leaves together: a message for each line of a
--- buffer would cost more than its bytes.
function Transport:send_soon()
  if self.waits_for_turn then return end
  self.waits_for_turn = true
  self:send()
  vim.schedule(function()
    self.waits_for_turn = false
    self:send()
  end)
end

--- At most `room` bytes of what was written, up to what is no such bytes.
function Transport:take(room)
  local pieces, bytes = {}, 0
  while bytes < room do
    local head = self.queue:first()
    if type(head) ~= 'table' or head.datagram ~= nil then break end
    local piece = head.data:sub(head.at + 1, head.at + room - bytes)
    pieces[#pieces + 1] = piece
    bytes = bytes + #piece
    head.at = head.at + #piece
    if head.at == #head.data then self.queue:shift() end
  end
  return table.concat(pieces)
end

function Transport:send()
  while not self.queue:is_empty() do
    local head = self.queue:first()
    local room = self.window - (self.sent - self.flushed)
    local bytes
    if type(head) == 'function' then
      self.queue:shift()
      bytes = 0
      head()
    elseif head.datagram ~= nil then
      bytes = #head.data + DATAGRAM_OVERHEAD_BYTES
      if bytes > room then return end
      self.queue:shift()
      self.client:put(byte_frame('transport/sendto', head.datagram, head.data))
    else
      local piece = self:take(math.min(PIECE_BYTES, room))
      bytes = #piece
      if bytes == 0 then return end
      self.client:put(byte_frame('transport/write', { transport = self.id }, piece))
    end
    self.queued, self.sent = self.queued - bytes, self.sent + bytes
  end
end

--- The daemon handed all up to `offset` to the system.
function Transport:acknowledge(offset)
  self.flushed = math.min(math.max(self.flushed, offset), self.sent)
  self:send()
  self:check_marks()
end

function Transport:check_marks()
  local size = self:get_write_buffer_size()
  if not self.writing_paused and size > self.high then
    self.writing_paused = true
    self:call('pause_writing')
  elseif self.writing_paused and size <= self.low then
    self.writing_paused = false
    self:call('resume_writing')
  end
end

--- What is said once all that was written is with the daemon.
function Transport:finally(method)
  self.queue:push(function() self:notify(method) end)
  self:send()
end

function Transport:can_write_eof() return self.kind ~= 'tls' end

function Transport:write_eof()
  if not self:can_write_eof() then error('TLS ends both ways at once; close it', 2) end
  if self.kind == 'pipe' then return self:close() end
  if self.state ~= 'open' then return end
  self.state = 'ended'
  self:finally('writeEof')
end

--- Nothing more is delivered, and what was written is flushed; `connection_lost` follows.
function Transport:close()
  if self:is_closing() then return end
  self.state, self.paused = 'closing', false
  self:finally('close')
  vim.schedule(function() self:drain() end)
end

function Transport:abort()
  if self.state == 'lost' then return end
  self:drop('closing')
  self:notify('abort')
end

--- Leaves the transport to whoever attaches next; one with lifetime client ends.
function Transport:detach()
  if self:is_closing() then return end
  self:notify('consumed', { offset = self.consumed })
  self:drop('closing')
  self:notify('detach')
  vim.schedule(function() self:lost(nil) end)
end

function Transport:drop(state)
  local queue = self.queue
  self.state, self.paused = state, false
  self.queue, self.queued, self.flushed = new_queue(), 0, self.sent
  -- Who waits to ask for something hears from the daemon that it is too late.
  while not queue:is_empty() do
    local item = queue:shift()
    if type(item) == 'function' then item() end
  end
  -- No `resume_writing` for what is gone: `connection_lost` comes next.
  self.writing_paused = false
  vim.schedule(function() self:drain() end)
end

function Transport:get_write_buffer_size() return self.queued + self.sent - self.flushed end
function Transport:get_write_buffer_limits() return self.low, self.high end

--- High alone makes low a quarter of it, low alone makes high four times as much; neither, the defaults.
function Transport:set_write_buffer_limits(high, low)
  high = high or (low and 4 * low or MARKS[self.kind == 'tls' and 'tls' or 'plain'][1])
  low = low or math.floor(high / 4)
  if not (high >= low and low >= 0) then error(('high (%d) must be >= low (%d) must be >= 0'):format(high, low), 2) end
  self.high, self.low = high, low
  self:check_marks()
end

--- What is known of it under `name`: peername, sockname, cipher, peercert, …
function Transport:get_extra_info(name, default)
  local value = self.extra[name]
  if value == nil then return default end
  return value
end

function Transport:eof()
  self:deliver(function()
    if self:is_closing() then return end
    local keep = self:call('eof_received')
    if not keep or self.kind == 'tls' then self:close() end
  end)
end

--- Over, behind what is still to be delivered. Again: no effect.
function Transport:lost(err)
  self:deliver(function()
    if self.state == 'lost' then return end
    self:drop('lost')
    self.client.transports[self.id] = nil
    self:call('connection_lost', self.thrown or err)
  end)
end

--- The connection to the daemon is over: what a paused protocol holds back would be held for ever.
function Transport:cut(err)
  if self.paused then self:drop('closing') end
  self:lost(err)
end

-- ── a process ────────────────────────────────────────────────────────────────────────────────────

local Process = {}
Process.__index = Process

local function new_process(client, protocol, made, channels)
  local process = { id = made.transport, kind = made.kind, client = client, protocol = protocol, pid = made.pid }
  setmetatable(process, Process)
  process.extra, process.pipes = made.extra or {}, {}
  for fd, id in pairs(made.pipes or {}) do
    local at
    for _, channel in ipairs(channels or {}) do
      if channel.id == id then at = channel end
    end
    local of_pipe = vim.tbl_extend('force', made, { kind = 'pipe', extra = {} })
    local pipe = new_transport(client, id, protocol, of_pipe, at)
    pipe.owner = process
    process.pipes[tonumber(fd)] = pipe
    client.channels[id] = pipe
  end
  return process
end

Process.call = Transport.call
Process.notify = Transport.notify
Process.get_extra_info = Transport.get_extra_info

function Process:get_pid() return self.pid end
--- The exit status, minus the number of the signal that ended it, or nil while it runs.
function Process:get_returncode() return self.returncode end
--- The transport of descriptor 0 (to write to), 1 or 2 (to read from); nil for what is no pipe.
function Process:get_pipe_transport(fd) return self.pipes[fd] end
function Process:send_signal(signal) self:notify('sendSignal', { signal = signal }) end
function Process:terminate() self:notify('terminate') end
function Process:kill() self:notify('kill') end
--- The size of its terminal, where it was given one.
function Process:resize(columns, rows) self:notify('resize', { columns = columns, rows = rows }) end
function Process:is_closing() return self.closing == true end

--- Closes the pipes, and kills it with all that it started.
function Process:close()
  if self.closing then return end
  self.closing = true
  for _, pipe in pairs(self.pipes) do pipe:drop('closing') end
  self:notify('close')
end

Process.abort = Process.close

function Process:detach()
  if self.closing then return end
  self.closing = true
  for fd, pipe in pairs(self.pipes) do
    if fd ~= 0 then pipe:notify('consumed', { offset = pipe.consumed }) end
    pipe:drop('closing')
  end
  self:notify('detach')
  vim.schedule(function() self:lost(nil) end)
end

--- Behind all data of all pipes.
function Process:lost(err)
  local left = 1
  local function one_less()
    left = left - 1
    if left > 0 or self.gone then return end
    self.gone, self.closing = true, true
    self.client.transports[self.id] = nil
    for _, pipe in pairs(self.pipes) do self.client.channels[pipe.id] = nil end
    self:call('connection_lost', err)
  end
  for _, pipe in pairs(self.pipes) do
    left = left + 1
    pipe:deliver(one_less)
  end
  one_less()
end

function Process:cut(err)
  for _, pipe in pairs(self.pipes) do
    if pipe.paused then pipe:drop('closing') end
  end
  self:lost(err)
end

-- ── what the daemon says ─────────────────────────────────────────────────────────────────────────

--- By message, each with the transport that it is about, and its params.
local callbacks = {
  ['protocol/dataReceived'] = function(transport, params)
    local data = params.data or params.text
    transport:data('data_received', data, params.offset, data)
  end,
  ['protocol/eofReceived'] = function(transport) transport:eof() end,
  ['protocol/connectionLost'] = function(transport, params) transport:lost(params.error) end,
  ['protocol/datagramReceived'] = function(transport, params)
    local data = params.data or params.text
    transport:data('datagram_received', data, params.offset, data, params.addr)
  end,
  ['protocol/errorReceived'] = function(transport, params)
    transport:deliver(function() transport:call('error_received', params.error) end)
  end,
  ['protocol/datagramsLost'] = function(transport, params)
    transport:deliver(function() transport:call('datagrams_lost', params.count) end)
  end,
  ['protocol/bytesLost'] = function(transport, params)
    local channel = params.fd and transport.pipes[params.fd] or transport
    local bytes = params.to - channel.received
    channel.received = params.to
    channel:deliver(function()
      transport:call('bytes_lost', params.from, params.to, params.fd)
      channel:consume(bytes)
    end)
  end,
  ['protocol/pipeDataReceived'] = function(process, params)
    local data = params.data or params.text
    process.pipes[params.fd]:data('pipe_data_received', data, params.offset, params.fd, data)
  end,
  ['protocol/pipeConnectionLost'] = function(process, params)
    local pipe = process.pipes[params.fd]
    pipe:deliver(function()
      pipe:drop('lost')
      process:call('pipe_connection_lost', params.fd, params.error)
    end)
  end,
  ['protocol/processExited'] = function(process, params)
    process.returncode = params.returncode
    process:call('process_exited', params.returncode, params.signal)
  end,
  ['transport/detached'] = function(transport, params)
    transport:call('detached', params.by)
    transport:cut(nil)
  end,
}

-- ── the client ───────────────────────────────────────────────────────────────────────────────────

local Client = {}
Client.__index = Client

function Client:put(pieces)
  if not self.ended then self.output:write(pieces) end
end

--- A notification. `data`, if there is any, is a string of bytes.
function Client:notify(method, params)
  if params == nil or params.data == nil then
    return self:put(frame({ jsonrpc = '2.0', method = method, params = object(params) }))
  end
  local rest = vim.tbl_extend('keep', {}, params)
  rest.data = nil
  self:put(byte_frame(method, rest, params.data))
end

--- Any request of the protocol; `callback(err, result)` is called once. Without a callback it waits and gives
--- `result, err`. An error is a table {code, message, data}. Returns the id of the request, for `cancel`.
function Client:request(method, params, callback)
  if callback == nil then
    return self:wait(function(done) self:request(method, params, done) end)
  end
  if self.ended then
    vim.schedule(function() callback(self.ended) end)
    return nil
  end
  self.last_id = self.last_id + 1
  self.answers[self.last_id] = callback
  self:put(frame({ jsonrpc = '2.0', id = self.last_id, method = method, params = object(params) }))
  return self.last_id
end

--- The request is answered all the same: with error -32800, or with its result if that was there already.
function Client:cancel(id) self:notify('$/cancelRequest', { id = id }) end

--- Runs `start(done)` and takes messages until `done(err, result)` is called.
function Client:wait(start)
  local over, err, result = false, nil, nil
  start(function(...)
    over, err, result = true, ...
  end)
  local came, why = vim.wait(self.timeout_ms, function()
    -- A callback that waits stands in the way of the messages behind its own.
    self:pump()
    return over
  end, 20)
  if not came then
    local message = why == -2 and 'interrupted' or ('nothing came within %d ms'):format(self.timeout_ms)
    err = { code = 1203, message = message, data = {} }
  end
  if err ~= nil then return nil, err end
  return result
end

function Client:pump()
  while true do
    local fine, message = pcall(self.reader.next, self.reader)
    if not fine then
      self.reader = new_reader()
      self:end_with(tostring(message))
    end
    if not fine or message == nil then return end
    self:take(message)
  end
end

function Client:take(message)
  if message.method == nil then
    local callback = self.answers[message.id or 0]
    if callback == nil then return self:report('the daemon says: ' .. vim.inspect(message.error)) end
    self.answers[message.id] = nil
    return self:guard('a callback', callback, message.error, message.result)
  end
  local method, params = message.method, message.params or {}
  if method == 'protocol/connectionMade' then return self:made(params) end
  if method == 'transport/flushed' then
    local channel = self.channels[params.transport] or self.transports[params.transport]
    if channel ~= nil then channel:acknowledge(params.offset) end
    return
  end
  local transport = self.transports[params.transport]
  local callback = callbacks[method]
  if callback == nil then return self:guard('on_notification', self.on_notification, method, params) end
  if transport ~= nil then callback(transport, params) end
  if method == 'transport/detached' and self.servers[params.transport] then self.servers[params.transport] = nil end
end

--- Tells what nobody could catch. A handler that fails must not stop what comes behind it.
function Client:report(text) pcall(self.on_error, text) end

function Client:guard(where, action, ...)
  local fine, problem = xpcall(action, debug.traceback, ...)
  if not fine then self:report(where .. ': ' .. tostring(problem)) end
end

--- A protocol, or what a function that makes one makes. Nil and why when that fails: the transport is ended then.
function Client:protocol_of(protocol, id)
  if type(protocol) ~= 'function' then return protocol end
  local fine, made = xpcall(protocol, debug.traceback)
  if fine and type(made) == 'table' then return made end
  self:notify('transport/abort', { transport = id })
  return nil, tostring(made)
end

function Client:made(params)
  local server = params.server and self.servers[params.server]
  if server then
    local protocol, problem = self:protocol_of(server.protocol, params.transport)
    if protocol == nil then return self:report('the protocol of a connection: ' .. problem) end
    params.readWindowBytes = server.read_window
    self.transports[params.transport] = new_transport(self, params.transport, protocol, params)
  end
  local transport = self.transports[params.transport]
  if transport == nil then return end
  transport:call('connection_made')
  if transport.opened ~= nil then self:guard('a callback', transport.opened, nil, transport) end
  transport.opened = nil
end

--- What the params say of the window, for what comes.
local function read_window_of(params) return params.readWindowBytes or (params.options or {}).readWindowBytes end

--- Asks for a transport. What is made is there before anything is said about it, since answers come first.
function Client:open(method, params, protocol, callback)
  if callback == nil then
    return self:wait(function(done) self:open(method, params, protocol, done) end)
  end
  self:request(method, params, function(err, opened)
    if err ~= nil then return callback(err) end
    local id = opened.transport
    local of, problem = self:protocol_of(protocol, id)
    if of == nil then return callback({ code = M.CALLBACK_FAILED, message = problem, data = {} }) end
    opened.readWindowBytes = read_window_of(params)
    local transport
    if opened.pid ~= nil then
      transport = new_process(self, of, opened, opened.channels)
    else
      transport = new_transport(self, id, of, opened, opened.channels and opened.channels[1])
    end
    self.transports[id] = transport
    -- The answer to an attach is its `connection_made`.
    transport.opened = callback
    if method == 'transport/attach' then self:made({ transport = id }) end
  end)
end

--- The protocol says what follows an end of file, so the daemon is not to close by itself.
local function keeping(params)
  local options = vim.tbl_extend('keep', { onEof = 'keep' }, params.options or {})
  return vim.tbl_extend('force', params, { options = options })
end

--- A relative path is one of Neovim's directory, not of the daemon's.
local function absolute(params)
  if params.path == nil or params.path:find('^[/%z]') then return params end
  return vim.tbl_extend('force', params, { path = vim.fn.getcwd() .. '/' .. params.path })
end

local function here(params) return vim.tbl_extend('keep', params, { cwd = vim.fn.getcwd() }) end

--- Each with what its params still need.
local makers = {
  create_connection = { 'loop/createConnection', keeping },
  create_unix_connection = { 'loop/createUnixConnection', function(params) return keeping(absolute(params)) end },
  create_datagram_endpoint = { 'loop/createDatagramEndpoint', object },
  connect_read_pipe = { 'loop/connectReadPipe', absolute },
  connect_write_pipe = { 'loop/connectWritePipe', absolute },
  subprocess_exec = { 'loop/subprocessExec', here },
  subprocess_shell = { 'loop/subprocessShell', here },
}

for name, maker in pairs(makers) do
  local method, complete = unpack(maker)
  --- `client:create_connection(protocol, params, callback)`: `callback(err, transport)` behind `connection_made`;
  --- without a callback it waits and gives `transport, err`.
  Client[name] = function(self, protocol, params, callback)
    return self:open(method, complete(params), protocol, callback)
  end
end

local Server = {}
Server.__index = Server

--- It listens no more; its connections stay.
function Server:close()
  self.client.servers[self.id] = nil
  self.client:request('server/close', { server = self.id }, function() end)
end

function Client:serve(method, protocol, params, callback)
  if callback == nil then
    return self:wait(function(done) self:serve(method, protocol, params, done) end)
  end
  self:request(method, keeping(params), function(err, opened)
    if err ~= nil then return callback(err) end
    local server = { id = opened.server, sockets = opened.sockets, client = self, protocol = protocol }
    server.read_window = read_window_of(params)
    self.servers[server.id] = setmetatable(server, Server)
    callback(nil, server)
  end)
end

--- Each connection gets the protocol, or what the function `protocol` makes.
function Client:create_server(protocol, params, callback)
  return self:serve('loop/createServer', protocol, params, callback)
end

function Client:create_unix_server(protocol, params, callback)
  return self:serve('loop/createUnixServer', protocol, absolute(params), callback)
end

--- Attaches to what outlived its client, or watches somebody else's. `ref` is an id or a name; `params` has `since`,
--- `role`, `steal`.
function Client:attach(protocol, ref, params, callback)
  return self:open('transport/attach', vim.tbl_extend('force', params or {}, { transport = ref }), protocol, callback)
end

--- Changes an open connection to TLS. What is written from now on goes out encrypted; `protocol` hears what comes.
function Client:start_tls(transport, protocol, params, callback)
  if callback == nil then
    return self:wait(function(done) self:start_tls(transport, protocol, params, done) end)
  end
  if not transport.held:is_empty() then
    transport:abort()
    return callback({ code = 1401, message = 'plain text came behind which TLS was to begin', data = {} })
  end
  transport.protocol = protocol
  transport.queue:push(function()
    self:request('loop/startTls', vim.tbl_extend('force', params, { transport = transport.id }), function(err, opened)
      if err ~= nil then return callback(err) end
      transport.kind, transport.extra = opened.kind, opened.extra
      transport:set_write_buffer_limits()
      transport:resume_reading()
      callback(nil, transport)
    end)
  end)
  transport:send()
end

--- Says good-bye, and calls `callback` when the daemon has hung up. Without a callback it waits for that.
function Client:close(callback)
  if callback == nil then
    return self:wait(function(done) self:close(done) end)
  end
  if self.ended then return vim.schedule(callback) end
  self.on_end[#self.on_end + 1] = callback
  self:request('shutdown', nil, function() self:notify('exit') end)
end

--- The connection is over: everything that waits hears so, once.
function Client:end_with(reason)
  if self.ended then return end
  self.ended = { code = M.CONNECTION_ENDED, message = 'the connection to the daemon ended: ' .. reason, data = {} }
  for _, handle in ipairs(self.handles) do
    if not handle:is_closing() then handle:close() end
  end
  local answers, transports = self.answers, vim.tbl_values(self.transports)
  self.answers = {}
  for _, callback in pairs(answers) do self:guard('a callback', callback, self.ended) end
  for _, transport in ipairs(transports) do transport:cut(self.ended) end
  for _, callback in ipairs(self.on_end) do self:guard('a callback', callback) end
end

-- ── the way to a daemon ──────────────────────────────────────────────────────────────────────────

--- libuv's `ECONNREFUSED: connection refused` as the daemon would tell it.
local function system_error(code, what, problem, data)
  data.errno = tostring(problem):match('^(E[A-Z0-9]+)') or tostring(problem)
  return { code = code, message = ('%s: %s'):format(what, data.errno), data = data }
end

local function join(client, path, ready)
  local pipe = uv.new_pipe(false)
  client.handles = { pipe }
  client.output = pipe
  pipe:connect(path, vim.schedule_wrap(function(problem)
    if problem == nil then return ready(nil, pipe) end
    pipe:close()
    ready(system_error(1201, 'no daemon answers on ' .. path, problem, { syscall = 'connect', path = path }))
  end))
end

local function launch(client, command, ready)
  local input, output, errors = uv.new_pipe(false), uv.new_pipe(false), uv.new_pipe(false)
  local program = command[1]
  local options = { args = vim.list_slice(command, 2), stdio = { input, output, errors } }
  local process, problem
  process, problem = uv.spawn(program, options, function() process:close() end)
  client.handles = { input, output, errors }
  client.output = input
  if process == nil then
    for _, pipe in ipairs(client.handles) do pipe:close() end
    return vim.schedule(function()
      ready(system_error(1501, 'cannot start ' .. program, problem, { file = program }))
    end)
  end
  errors:read_start(vim.schedule_wrap(function(_, text)
    if text ~= nil then client.on_stderr(text) end
  end))
  ready(nil, output)
end

--- Connects to a daemon.
---
--- options:
---   socket           path of a running daemon's socket; absent: a daemon of our own is started, which ends with us
---   cmd              the command that starts one, default { 'transportd', 'stdio' }
---   timeout_ms       how long calls without a callback wait, default 10000
---   on_error         function(text): a callback failed; default: an error message
---   on_notification  function(method, params): anything that is no transport's, as `daemon/event`
---   on_stderr        function(text): what a daemon of our own logs; default: nothing
---
--- callback(err, client) is called once. Without a callback it waits and gives `client, err`.
function M.connect(options, callback)
  local client = setmetatable({
    reader = new_reader(),
    answers = {},
    last_id = 0,
    transports = {},
    channels = {},
    servers = {},
    on_end = {},
    timeout_ms = options.timeout_ms or 10000,
    on_error = options.on_error or function(text) vim.notify('transportd: ' .. text, vim.log.levels.ERROR) end,
    on_notification = options.on_notification or function() end,
    on_stderr = options.on_stderr or function() end,
  }, Client)
  if callback ~= nil then return client:begin(options, callback) end
  local ready, err = client:wait(function(done) client:begin(options, done) end)
  if err ~= nil then client:end_with(err.message) end
  return ready, err
end

function Client:begin(options, callback)
  local function ready(err, input)
    if err ~= nil then return callback(err) end
    input:read_start(function(problem, chunk)
      -- All of ours runs in the main loop, in the order in which it came.
      vim.schedule(function()
        if chunk ~= nil then self.reader:feed(chunk) end
        self:pump()
        if chunk == nil then self:end_with(problem or 'it hung up') end
      end)
    end)
    self:request('initialize', {
      protocolVersion = PROTOCOL_VERSION,
      clientInfo = { name = 'neovim' },
      processId = vim.fn.getpid(),
      capabilities = { byteMessages = true, flowControl = true },
    }, function(refusal, greeting)
      if refusal ~= nil then
        self:end_with('it refused us')
        return callback(refusal)
      end
      self.greeting, self.limits = greeting, greeting.limits
      self:notify('initialized')
      callback(nil, self)
    end)
  end
  if options.socket ~= nil then
    join(self, options.socket, ready)
  else
    launch(self, options.cmd or { 'transportd', 'stdio' }, ready)
  end
end

return M
