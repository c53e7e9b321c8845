-- SPDX-License-Identifier: MIT
--
-- PostgreSQL servers for specs: each in a folder of its own, on 127.0.0.1 and a port that is free, ended by its process
-- id.  As root they run as the user postgres, since PostgreSQL refuses root.

local process = require "support.process"
local temp = require "support.temp"

local M = {}

--- After how many seconds a server ends by itself, should nobody be left to stop it.
M.lifetime = 300

local bin = process.shell("ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1").stdout:match("%S+")

-- Whether they can be started here.
M.isInstalled = bin ~= nil and process.shell("command -v setpriv").code == 0

local AS_POSTGRES = process.shell("id -u").stdout:match("%d+") == "0"
  and "setpriv --reuid=postgres --regid=postgres --init-groups" or ""

-- Everything that is run, in the server's folder.
local function shell(server, command)
  return process.shell(("cd %s && export PATH=%s:$PATH LC_ALL=C.UTF-8 PGCONNECT_TIMEOUT=5\n%s")
    :format(temp.quote(server.dir), bin, command:gsub("RUN", AS_POSTGRES)))
end

local function run(server, command)
  local out = shell(server, command)
  assert(out.code == 0, command .. "\n" .. out.stderr .. out.stdout)
  return out.stdout
end

local Server = {}
Server.__index = Server

--- The process id of the postmaster, or of the last one.
function Server:pid() return self.last end

--- Starts it (again).
function Server:start()
  local out = shell(self, ([[RUN pg_ctl -D data -l log -w -t 30 start >/dev/null </dev/null || exit 1
    pid=$(head -n 1 data/postmaster.pid)
    (timeout %d tail --pid=$pid -f /dev/null; [ $? = 124 ] && kill -INT $pid) >/dev/null 2>&1 </dev/null &]])
    :format(M.lifetime))
  if out.code == 0 then self.last = temp.readFile(self.dir .. "/data/postmaster.pid"):match("^%d+") end
  return out.code == 0
end

--- Ends it: by "INT" (fast), "QUIT" (at once, with recovery later) or "KILL"; and waits for its end.
function Server:stop(signal)
  local pid = self:pid()
  -- After SIGKILL of the postmaster its children notice by themselves and end.
  shell(self, ("kill -CONT %s; kill -%s %s; for i in $(seq 500); do pgrep -g %s >/dev/null || [ ! -d /proc/%s ] "
    .. "&& exit 0; sleep 0.02; done"):format(pid, signal or "INT", pid, pid, pid))
  shell(self, ("for i in $(seq 500); do [ -d /proc/%s ] || pgrep -P %s >/dev/null || exit 0; sleep 0.02; done")
    :format(pid, pid))
end

--- What psql prints.
function Server:psql(sql, database)
  return (run(self, ("psql -h 127.0.0.1 -p %d -U app -X -q -A -t -v ON_ERROR_STOP=1 %s <<'SQL'\n%s\nSQL")
    :format(self.port, database or "game", sql)):gsub("\n$", ""))
end

--- A URL of it.
function Server:url(query, login)
  return ("postgres://%s@127.0.0.1:%d/game%s"):format(login or "app", self.port, query or "")
end

--- A server with a superuser `app`, and a database `game`.
---@param settings? string  lines for postgresql.conf
function M.start(settings)
  local random = assert(io.open("/dev/urandom", "rb"))
  for _ = 1, 20 do
    local a, b = random:read(2):byte(1, 2)
    local server = setmetatable({ port = 20000 + (a * 256 + b) % 12000, dir = temp.directory() }, Server)
    run(server, [[chmod 755 . && mkdir pg && mv pg data
      if [ -n "RUN" ]; then chown postgres:postgres . data; fi; chmod 700 data]])
    run(server, "RUN initdb -D data -U app -A trust -E UTF8 --locale=C.UTF-8 --no-sync >initdb.log 2>&1")
    run(server, ("cat >>data/postgresql.conf <<C\nlisten_addresses='127.0.0.1'\nport=%d\n"
      .. "unix_socket_directories=''\nmax_connections=40\nshared_buffers=32MB\n%s\nC")
      :format(server.port, settings or ""))
    if server:start() then
      random:close()
      run(server, ("RUN createdb -h 127.0.0.1 -p %d -U app game"):format(server.port))
      return server
    end
  end
  error("no PostgreSQL server could be started")
end

return M
