-- What `neovim.test.ts` runs, each scenario in a Neovim of its own: $SCENARIO with the daemon at $SOCKET.
-- A scenario that fails raises an error; what it prints is shown then.

local transportd = require('transportd')
local scenarios = {}

local function check(value, err)
  if err ~= nil then error(err.message, 2) end
  return value
end

local function same(got, wanted)
  if not vim.deep_equal(got, wanted) then
    error(('got %s, not %s'):format(vim.inspect(got), vim.inspect(wanted)), 2)
  end
end

local function wait_for(what, look)
  if not vim.wait(15000, look, 10) then error('never: ' .. what, 2) end
end

local function connect(options)
  return check(transportd.connect(vim.tbl_extend('keep', options or {}, { socket = vim.env.SOCKET })))
end

--- Bytes of all values, in numbered lines: a piece that is missing or comes twice shows.
local function payload(bytes)
  local all, pieces = {}, {}
  for value = 0, 255 do all[#all + 1] = string.char(value) end
  local line = table.concat(all)
  for number = 1, math.ceil(bytes / 264) do pieces[number] = ('%08d'):format(number) .. line end
  return table.concat(pieces):sub(1, bytes)
end

--- A protocol that writes down its callbacks, and joins the data.
local function recorder(more)
  local record = { events = {}, pieces = {}, lost = false }
  function record.data() return table.concat(record.pieces) end
  function record.note(name)
    if record.events[#record.events] ~= name then record.events[#record.events + 1] = name end
  end
  local protocol = {
    connection_made = function(transport)
      record.transport = transport
      record.note('made')
    end,
    data_received = function(_, data)
      record.pieces[#record.pieces + 1] = data
      record.note('data')
    end,
    eof_received = function() record.note('eof') end,
    pause_writing = function() record.note('pause') end,
    resume_writing = function() record.note('resume') end,
    connection_lost = function(_, err)
      record.note('lost')
      record.lost, record.error = true, err
    end,
  }
  return vim.tbl_extend('force', protocol, more or {}), record
end

--- A server that sends back what it gets, slowed down by whoever does not read it.
local function echo_server(client)
  local server = check(client:create_server({
    data_received = function(transport, data) transport:write(data) end,
    pause_writing = function(transport) transport:pause_reading() end,
    resume_writing = function(transport) transport:resume_reading() end,
  }, { host = '127.0.0.1', port = 0 }))
  return { host = '127.0.0.1', port = server.sockets[1].port }, server
end

scenarios['echoes megabytes both ways, and pauses the writer inside write()'] = function()
  local client = connect()
  local protocol, record = recorder()
  local transport = check(client:create_connection(protocol, (echo_server(client))))
  local sent = payload(3000000)
  same(record.events, { 'made' })
  transport:write(sent)
  same(record.events, { 'made', 'pause' })
  same(transport:get_write_buffer_size(), #sent)
  transport:write_eof()
  wait_for('the loss', function() return record.lost end)
  assert(record.data() == sent, 'what came back is not what was sent')
  same(record.error, nil)
  same(record.events[#record.events - 1], 'eof')
  assert(vim.tbl_contains(record.events, 'resume'))
  client:close()
end

scenarios['delivers nothing while it is paused, and all of it afterwards'] = function()
  local client = connect()
  local protocol, record = recorder()
  local transport = check(client:create_connection(protocol, (echo_server(client))))
  transport:write('before')
  wait_for('the echo', function() return record.data() == 'before' end)
  transport:pause_reading()
  same(transport:is_reading(), false)
  transport:write('behind')
  transport:write_eof()
  -- The echo is with the daemon, and stays there.
  wait_for('the bytes', function()
    local channel = check(client:request('transport/describe', { transport = transport.id })).channels[1]
    return channel.flushed == 12
  end)
  same(record.data(), 'before')
  transport:resume_reading()
  wait_for('the loss', function() return record.lost end)
  same(record.data(), 'beforebehind')
  client:close()
end

scenarios['goes on in a window of any size'] = function()
  local client = connect()
  local where = echo_server(client)
  where.options = { readWindowBytes = 1000 }
  local protocol, record = recorder()
  local transport = check(client:create_connection(protocol, where))
  local sent = payload(20000)
  transport:write(sent)
  transport:write_eof()
  wait_for('the loss', function() return record.lost end)
  assert(record.data() == sent)
  client:close()
end

scenarios['keeps a connection half open where eof_received asks for it'] = function()
  local client = connect()
  local server_side
  local server = check(client:create_server({
    connection_made = function(transport) server_side = transport end,
    eof_received = function(transport)
      transport:write('late')
      vim.schedule(function() transport:close() end)
      return true
    end,
  }, { host = '127.0.0.1', port = 0 }))
  local protocol, record = recorder()
  local transport = check(client:create_connection(protocol, { host = '127.0.0.1', port = server.sockets[1].port }))
  transport:write_eof()
  wait_for('the loss', function() return record.lost end)
  same(record.data(), 'late')
  same(record.events, { 'made', 'data', 'eof', 'lost' })
  server:close()
  client:close()
end

scenarios['tells errors as tables with the daemon\'s code and the name of the system\'s'] = function()
  local client = connect()
  local where, server = echo_server(client)
  check(client:request('server/close', { server = server.id }))
  local transport, err = client:create_connection({}, where)
  same(transport, nil)
  same({ err.code, err.data.errno, err.data.port }, { 1201, 'ECONNREFUSED', where.port })
  local _, unknown = client:request('loop/nothing', {})
  same(unknown.code, -32601)
  local _, wrong = client:request('transport/isReading', { transport = 4711 })
  same(wrong.code, 1101)
  local called
  client:create_connection({}, where, function(problem) called = problem end)
  wait_for('the callback', function() return called ~= nil end)
  same(called.code, 1201)
  client:close()
end

scenarios['runs a process, with its input, both outputs and its status'] = function()
  local client = connect()
  local outputs, exited, lost = { '', '' }, nil, false
  local ends = {}
  local process = check(client:subprocess_shell({
    pipe_data_received = function(_, fd, data) outputs[fd] = outputs[fd] .. data end,
    pipe_connection_lost = function(_, fd, err) ends[fd] = err == nil end,
    process_exited = function(_, returncode) exited = returncode end,
    connection_lost = function(transport, err)
      same({ err, transport:get_returncode() }, { nil, 3 })
      lost = true
    end,
  }, { command = 'tr a-z A-Z; echo to stderr >&2; pwd; exit 3' }))
  assert(process:get_pid() > 0)
  local input = process:get_pipe_transport(0)
  input:write('h\0llo\n')
  input:close()
  wait_for('the loss', function() return lost end)
  same(outputs, { 'H\0LLO\n' .. vim.fn.getcwd() .. '\n', 'to stderr\n' })
  same({ exited, ends[1], ends[2] }, { 3, true, true })
  client:close()
end

scenarios['pauses a process that is not read, and loses nothing of it'] = function()
  local client = connect()
  local bytes, lost, reading = 0, false, nil
  local process = check(client:subprocess_exec({
    connection_made = function(process) reading = process:get_pipe_transport(1) end,
    pipe_data_received = function(_, _, data)
      bytes = bytes + #data
      if bytes == #data then reading:pause_reading() end
    end,
    connection_lost = function() lost = true end,
  }, { program = 'head', args = { '-c', '3000000', '/dev/zero' } }))
  wait_for('some output', function() return bytes > 0 end)
  local described = check(client:request('transport/describe', { transport = process.id }))
  assert(described.returncode == nil, 'it ended while nobody read it')
  reading:resume_reading()
  wait_for('the loss', function() return lost end)
  same({ bytes, process:get_returncode() }, { 3000000, 0 })
  client:close()
end

scenarios['kills a process and tells the signal'] = function()
  local client = connect()
  local returncode, signal, lost
  local process = check(client:subprocess_exec({
    process_exited = function(_, code, name) returncode, signal = code, name end,
    connection_lost = function() lost = true end,
  }, { program = 'sleep', args = { '1000' } }))
  process:terminate()
  wait_for('the loss', function() return lost end)
  same({ returncode, signal }, { -15, 'SIGTERM' })
  client:close()
end

scenarios['gives a process a terminal and resizes it, where the daemon can'] = function()
  local client = connect()
  if not vim.tbl_contains(client.greeting.capabilities.kinds, 'pty') then return client:close() end
  local output, lost = '', false
  local process = check(client:subprocess_shell({
    pipe_data_received = function(_, _, data) output = output .. data end,
    connection_lost = function() lost = true end,
  }, { command = 'stty size; read line; stty size', pty = { columns = 100, rows = 30 } }))
  wait_for('its size', function() return output:find('30 100', 1, true) end)
  process:resize(90, 20)
  process:get_pipe_transport(0):write('\n')
  wait_for('the loss', function() return lost end)
  assert(output:find('20 90', 1, true), output)
  same({ process.kind, process:get_returncode() }, { 'pty', 0 })
  client:close()
end

scenarios['sends and receives datagrams, whole and empty ones too'] = function()
  local client = connect()
  local came = {}
  local server = check(client:create_datagram_endpoint({
    datagram_received = function(endpoint, data, addr) endpoint:sendto(data:upper(), addr) end,
  }, { localAddr = { host = '127.0.0.1', port = 0 } }))
  local endpoint = check(client:create_datagram_endpoint({
    datagram_received = function(_, data) came[#came + 1] = data end,
  }, { remoteAddr = { host = '127.0.0.1', port = server:get_extra_info('sockname').port } }))
  for _, data in ipairs({ 'one', '', 'th\0ree' }) do
    local before = #came
    endpoint:sendto(data)
    wait_for('the answer', function() return #came > before end)
  end
  same(came, { 'ONE', '', 'TH\0REE' })
  endpoint:close()
  server:close()
  client:close()
end

scenarios['changes a connection to TLS, behind what was written before'] = function()
  local client = connect()
  local certificates = vim.env.CERTIFICATES
  local secured, plain = '', ''
  local server = check(client:create_server(function()
    local behind = {
      data_received = function(transport, data)
        secured = secured .. data
        transport:write(data:upper())
      end,
    }
    return {
      data_received = function(transport, data)
        plain = plain .. data
        transport:pause_reading()
        transport:write('go')
        client:start_tls(transport, behind, {
          serverSide = true,
          tls = { certFile = certificates .. 'server.pem', keyFile = certificates .. 'server.key' },
        }, function(err) check(true, err) end)
      end,
    }
  end, { host = '127.0.0.1', port = 0 }))
  local protocol, record = recorder()
  local transport = check(client:create_connection(protocol, { host = '127.0.0.1', port = server.sockets[1].port }))
  transport:write('STARTTLS')
  wait_for('the answer', function() return record.data() == 'go' end)
  local behind, secret = recorder()
  client:start_tls(transport, behind, {
    serverHostname = 'localhost',
    tls = { caFile = certificates .. 'ca.pem' },
  }, function(err) check(true, err) end)
  transport:write('hidden')
  wait_for('the echo', function() return secret.data() == 'HIDDEN' end)
  same({ plain, secured, transport.kind }, { 'STARTTLS', 'hidden', 'tls' })
  transport:close()
  wait_for('the loss', function() return secret.lost end)
  client:close()
end

scenarios['comes back to what it left, and lets others watch'] = function()
  local client = connect()
  local protocol = recorder()
  local process = check(client:subprocess_exec(protocol, {
    program = 'cat',
    options = { name = 'kept', lifetime = 'daemon' },
  }))
  process:get_pipe_transport(0):write('first\n')
  local watched = ''
  local other = connect()
  local observing = check(other:attach({
    pipe_data_received = function(_, _, data) watched = watched .. data end,
  }, 'kept', { role = 'observer', since = 'start' }))
  wait_for('what the other sees', function() return watched == 'first\n' end)
  check(client:close())
  local heard, lost = '', false
  local back = check(other:attach({
    pipe_data_received = function(_, fd, data) heard = heard .. fd .. data end,
    connection_lost = function() lost = true end,
  }, 'kept', { since = 'start' }))
  same({ back.id, observing.id }, { process.id, process.id })
  back:get_pipe_transport(0):write('second\n')
  wait_for('the rest', function() return heard:find('second\n', 1, true) end)
  back:get_pipe_transport(0):close()
  wait_for('the end', function() return lost end)
  same({ (heard:gsub('1', '')), back:get_returncode() }, { 'first\nsecond\n', 0 })
  other:close()
end

scenarios['reports a callback that fails, ends that transport and nothing else'] = function()
  local reports = {}
  local client = connect({ on_error = function(text) reports[#reports + 1] = text end })
  local where = echo_server(client)
  local fine, good = recorder()
  local bad_protocol, bad = recorder({ data_received = function() error('oops') end })
  local well = check(client:create_connection(fine, where))
  local badly = check(client:create_connection(bad_protocol, where))
  badly:write('x')
  wait_for('the loss', function() return bad.lost end)
  same({ #reports, bad.error.code }, { 1, transportd.CALLBACK_FAILED })
  assert(reports[1]:find('oops', 1, true))
  well:write('y')
  wait_for('the other', function() return good.data() == 'y' end)
  client:close()
end

scenarios['refuses text that JSON cannot carry, and sends what it can as it is'] = function()
  local client = connect()
  local fine, problem = pcall(client.request, client, 'loop/getaddrinfo', { host = '\255', port = 1 })
  same(fine, false)
  assert(tostring(problem):find('UTF%-8'))
  local name = 'n\195\164me \240\159\154\128'
  local protocol, record = recorder()
  local where = echo_server(client)
  where.options = { name = name }
  check(client:create_connection(protocol, where))
  -- By name: it travels in a header, as escapes.
  client:notify('transport/write', { transport = name, data = 'h\195\164' })
  wait_for('the echo', function() return record.data() == 'h\195\164' end)
  client:close()
end

scenarios['tells of a protocol that cannot be made, and goes on'] = function()
  local reports = {}
  local client = connect({ on_error = function(text) reports[#reports + 1] = text end })
  local function broken() error('oops') end
  local server = check(client:create_server(broken, { host = '127.0.0.1', port = 0 }))
  local where = { host = '127.0.0.1', port = server.sockets[1].port }
  local protocol, record = recorder()
  check(client:create_connection(protocol, where))
  wait_for('the end', function() return record.lost end)
  assert(reports[1]:find('oops', 1, true))
  local transport, err = client:create_connection(broken, where)
  same({ transport, err.code }, { nil, transportd.CALLBACK_FAILED })
  wait_for('an empty table', function()
    return #check(client:request('transport/list')).transports == 0
  end)
  client:close()
end

scenarios['waits inside a callback without losing what is behind it'] = function()
  local client = connect()
  local answers = {}
  local protocol, record = recorder({
    data_received = function(transport)
      -- The answer may be behind more data that has come already.
      answers[#answers + 1] = check(client:request('transport/isReading', { transport = transport.id }))
    end,
  })
  local transport = check(client:create_connection(protocol, (echo_server(client))))
  transport:write(payload(300000))
  transport:write_eof()
  wait_for('the loss', function() return record.lost end)
  assert(#answers > 1 and not vim.tbl_contains(answers, false))
  client:close()
end

scenarios['takes messages however they are cut'] = function()
  for _, bytes in ipairs({ 1, 7 }) do
    local command = ('transportd stdio | dd bs=%d status=none'):format(bytes)
    local client = check(transportd.connect({ cmd = { 'sh', '-c', command } }))
    local protocol, record = recorder()
    local transport = check(client:create_connection(protocol, (echo_server(client))))
    local sent = payload(10000)
    transport:write(sent)
    transport:write_eof()
    wait_for('the loss', function() return record.lost end)
    assert(record.data() == sent)
    client:close()
  end
end

scenarios['writes on where others left much that is not flushed'] = function()
  local client = connect()
  local peer
  local server = check(client:create_server({
    connection_made = function(transport)
      peer = transport
      transport:pause_reading()
    end,
  }, { host = '127.0.0.1', port = 0 }))
  local protocol, record = recorder()
  local first = check(client:create_connection(protocol, {
    host = '127.0.0.1',
    port = server.sockets[1].port,
    options = { lifetime = 'daemon' },
  }))
  first:write(('1'):rep(32 * 1024 * 1024))
  local function standing() return check(client:request('transport/describe', { transport = first.id })).channels[1] end
  local at
  wait_for('a full window', function()
    at = standing()
    return at.written == standing().written and at.written - at.flushed > 512 * 1024
  end)
  first:detach()
  wait_for('the loss', function() return record.lost end)
  local written = standing().written
  local second_protocol, second_record = recorder()
  local second = check(client:attach(second_protocol, first.id))
  second:write(('2'):rep(1024 * 1024))
  second:write_eof()
  check(client:request('daemon/info'))
  local ones, twos = 0, 0
  peer.protocol = {
    data_received = function(_, data)
      local _, count = data:gsub('1', '1')
      ones, twos = ones + count, twos + #data - count
    end,
  }
  peer:resume_reading()
  wait_for('the end', function() return second_record.lost end)
  same({ second_record.error, ones, twos }, { nil, written, 1024 * 1024 })
  client:close()
end

scenarios['tells everybody when the daemon is gone'] = function()
  local client = check(transportd.connect({ cmd = { 'transportd', 'stdio' } }))
  local protocol, record = recorder()
  check(client:create_connection(protocol, (echo_server(client))))
  local answered
  client:request('transport/list', nil, function(err) answered = err or 'fine' end)
  vim.loop.kill(client.greeting.serverInfo.pid, 'sigkill')
  wait_for('the loss', function() return record.lost end)
  same(record.error.code, transportd.CONNECTION_ENDED)
  -- Answered just before, or never.
  wait_for('the answer', function() return answered ~= nil end)
  local _, err = client:request('transport/list')
  same(err.code, transportd.CONNECTION_ENDED)
  client:close()
end

scenarios['says why there is no daemon'] = function()
  local client, err = transportd.connect({ socket = '/nonexistent/daemon.sock' })
  same({ client, err.code, err.data.errno, err.data.path }, { nil, 1201, 'ENOENT', '/nonexistent/daemon.sock' })
  local none, why = transportd.connect({ cmd = { '/nonexistent/transportd' } })
  same({ none, why.code, why.data.errno }, { nil, 1501, 'ENOENT' })
  local garbage, broken = transportd.connect({ cmd = { 'sh', '-c', 'printf "no such header\\r\\n\\r\\n"; exec cat' } })
  same({ garbage, broken.code }, { nil, transportd.CONNECTION_ENDED })
end

local fine, problem = xpcall(scenarios[vim.env.SCENARIO], debug.traceback)
if not fine then
  io.stderr:write(tostring(problem), '\n')
  vim.cmd('cquit')
end
vim.cmd('qall!')
