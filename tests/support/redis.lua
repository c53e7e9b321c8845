-- SPDX-License-Identifier: MIT
--
-- Redis servers for specs: on 127.0.0.1 and ports that are free, and ended by their process ids.  Alone, as a
-- cluster, with a replica and a sentinel, over TLS.

local process = require "support.process"
local temp = require "support.temp"

local M = {}

--- After how many seconds a server ends by itself, should nobody be left to stop it.
M.lifetime = 300

-- Whether they can be started here.
M.isInstalled = process.shell("command -v redis-server redis-cli").code == 0

-- Starts a server on the port and waits until it listens; its process id goes to DIR/pid.  Fails if the port is taken.
local COMMAND = [[
cd %s && rm -f log || exit 1
timeout %d redis-server %s >log 2>&1 </dev/null &
echo $! >pid
for i in $(seq 500); do
  grep -Eqs 'Ready to accept connections|Sentinel ID is' log && exit 0
  kill -0 $! 2>/dev/null || exit 1
  sleep 0.02
done
exit 1]]

local Server = {}
Server.__index = Server

local ALONE = "--port %d --bind 127.0.0.1 --dir %s --save '' --appendonly no %s"

--- The shell command that starts this server (again).
function Server:command()
  local words = self.words or ALONE:format(self.port, temp.quote(self.dir), self.arguments)
  return COMMAND:format(temp.quote(self.dir), M.lifetime, words)
end

--- Starts it again, on its port.
function Server:start()
  local out = process.shell(self:command())
  assert(out.code == 0, "the Redis server does not start: " .. temp.readFile(self.dir .. "/log"))
end

-- Of the server: `timeout` is its parent.
function Server:pid()
  local parent = temp.readFile(self.dir .. "/pid"):match("%d+")
  local child = process.shell(("cat /proc/%s/task/%s/children"):format(parent, parent)).stdout:match("%d+")
  return child or parent
end

--- Sends a signal, such as "STOP".
function Server:signal(name)
  process.shell(("kill -%s %s"):format(name, self:pid()))
end

--- Ends it, by a signal, and waits for its end.
function Server:stop(signal)
  local pid = self:pid()
  process.shell(("kill -CONT %s; kill -%s %s && for i in $(seq 500); do kill -0 %s || break; sleep 0.02; done")
    :format(pid, signal or "TERM", pid, pid))
end

--- What redis-cli says.
function Server:cli(...)
  local out = process.run({ "redis-cli", "-p", tostring(self.port), ... })
  assert(out.code == 0, out.stderr)
  return (out.stdout:gsub("\n$", ""))
end

local function freePort()
  local random = assert(io.open("/dev/urandom", "rb"))
  local a, b = random:read(2):byte(1, 2)
  random:close()
  return 20000 + (a * 256 + b) % 12000
end

-- Tries ports until a server runs; prepare(server) says how.
local function start(prepare)
  local server
  for _ = 1, 20 do
    server = setmetatable({ port = freePort(), dir = temp.directory(), arguments = "" }, Server)
    prepare(server)
    if process.shell(server:command()).code == 0 then return server end
  end
  error("no Redis server could be started: " .. temp.readFile(server.dir .. "/log"))
end

--- A server that answers.
---@param arguments? string  of redis-server, further ones
function M.start(arguments)
  return start(function(server) server.arguments = arguments or "" end)
end

-- Waits until a command of the shell succeeds.
local function await(what, command)
  local out = process.shell(("for i in $(seq 1000); do %s && exit 0; sleep 0.02; done; exit 1"):format(command))
  assert(out.code == 0, "in vain: " .. what)
end

--- A server that speaks only TLS; its `cafile` is what its certificate is signed with.
function M.startTls()
  return start(function(server)
    local dir = server.dir
    local made = process.shell(([[cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem \
      -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1]]):format(temp.quote(dir)))
    assert(made.code == 0, made.stderr)
    server.cafile = dir .. "/cert.pem"
    server.words = ("--port 0 --tls-port %d --bind 127.0.0.1 --save '' --tls-cert-file %s/cert.pem "
      .. "--tls-key-file %s/key.pem --tls-ca-cert-file %s/cert.pem --tls-auth-clients no")
      :format(server.port, dir, dir, dir)
  end)
end

--- Masters that share the slots.
function M.cluster(count)
  local servers, addresses = {}, {}
  for i = 1, count do
    servers[i] = M.start("--cluster-enabled yes --cluster-node-timeout 2000")
    addresses[i] = "127.0.0.1:" .. servers[i].port
  end
  local out = process.shell("redis-cli --cluster create " .. table.concat(addresses, " ")
    .. " --cluster-replicas 0 --cluster-yes")
  assert(out.code == 0, out.stdout)
  for _, server in ipairs(servers) do
    await("the cluster", ("redis-cli -p %d cluster info | grep -q cluster_state:ok"):format(server.port))
  end
  return servers, table.concat(addresses, ",")
end

--- A master, a replica of it, and a sentinel that looks after them under the name "main".
function M.sentinel()
  local master = M.start("--repl-diskless-sync-delay 0")
  local replica = M.start("--repl-diskless-sync-delay 0 --replicaof 127.0.0.1 " .. master.port)
  await("the replica", ("redis-cli -p %d info replication | grep -q 'slave0:.*state=online'"):format(master.port))
  local sentinel = start(function(server)
    temp.writeFile(server.dir .. "/sentinel.conf", table.concat({
      "port " .. server.port, "bind 127.0.0.1", "dir " .. server.dir,
      ("sentinel monitor main 127.0.0.1 %d 1"):format(master.port),
      "sentinel down-after-milliseconds main 500", "sentinel failover-timeout main 3000", "",
    }, "\n"))
    server.words = temp.quote(server.dir .. "/sentinel.conf") .. " --sentinel"
  end)
  await("the sentinel", ("redis-cli -p %d sentinel replicas main | grep -q %d"):format(sentinel.port, replica.port))
  return master, replica, sentinel
end

return M
