-- SPDX-License-Identifier: MIT
--
-- A Redis server for specs: on 127.0.0.1 and a port that is free, without files, and ended by its process id.

local process = require "support.process"
local temp = require "support.temp"

local M = {}

-- Whether it can be started here.
M.isInstalled = process.shell("command -v redis-server redis-cli").code == 0

-- Starts a server on the port and waits until it listens; its process id goes to DIR/pid.  Fails if the port is taken.
-- It ends by itself after some minutes, should nobody be left to stop it.
local COMMAND = [[
cd %s && rm -f log || exit 1
timeout 300 redis-server --port %d --bind 127.0.0.1 --save '' --appendonly no >log 2>&1 </dev/null &
echo $! >pid
for i in $(seq 500); do
  grep -q 'Ready to accept connections' log && exit 0
  kill -0 $! 2>/dev/null || exit 1
  sleep 0.02
done
exit 1]]

local Server = {}
Server.__index = Server

--- The shell command that starts this server (again).
function Server:command()
  return COMMAND:format(temp.quote(self.dir), self.port)
end

--- Ends it and waits for its end.
function Server:stop()
  local pid = temp.readFile(self.dir .. "/pid"):match("%d+")
  process.shell(("kill %s && for i in $(seq 500); do kill -0 %s || break; sleep 0.02; done"):format(pid, pid))
end

--- What redis-cli says.
function Server:cli(...)
  local out = process.run({ "redis-cli", "-p", tostring(self.port), ... })
  assert(out.code == 0, out.stderr)
  return (out.stdout:gsub("\n$", ""))
end

--- A server that answers.
function M.start()
  local random, server = assert(io.open("/dev/urandom", "rb")), nil
  for _ = 1, 20 do
    local a, b = random:read(2):byte(1, 2)
    server = setmetatable({ port = 20000 + (a * 256 + b) % 12000, dir = temp.directory() }, Server)
    if process.shell(server:command()).code == 0 then
      random:close()
      return server
    end
  end
  error("no Redis server could be started: " .. temp.readFile(server.dir .. "/log"))
end

return M
