-- SPDX-License-Identifier: MIT
--
-- The HTTP server of http_server.py for specs: on 127.0.0.1 and a port that is free, ended by its process id.

local json = require "holdfast".json
local process = require "support.process"
local temp = require "support.temp"

local M = {}

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")

-- It ends by itself after some minutes, should nobody be left to stop it.
local COMMAND = [[
cd %s || exit 1
timeout 300 /usr/bin/python3 %s %s %s >log 2>&1 </dev/null &
echo $! >pid
for i in $(seq 500); do
  grep -q ready log && exit 0
  kill -0 $! 2>/dev/null || exit 1
  sleep 0.02
done
exit 1]]

local CERTIFICATE = [[cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1]]

local Server = {}
Server.__index = Server

--- A server that answers rightly until it is told otherwise.
---@param options? { tls?: boolean }  tls: `cafile` is what its certificate is signed with
function M.start(options)
  local self = setmetatable({ dir = temp.directory() }, Server)
  local certificate, scheme = "", "http"
  if options and options.tls then
    local made = process.shell(CERTIFICATE:format(temp.quote(self.dir)))
    assert(made.code == 0, made.stderr)
    certificate, scheme, self.cafile = "cert.pem key.pem", "https", self.dir .. "/cert.pem"
  end
  local script = temp.quote(source .. "/tests/support/http_server.py")
  local out = process.shell(COMMAND:format(temp.quote(self.dir), script, temp.quote(self.dir), certificate))
  assert(out.code == 0, "the HTTP server does not start: " .. temp.readFile(self.dir .. "/log"))
  self.port = tonumber(temp.readFile(self.dir .. "/log"):match("ready (%d+)"))
  self.origin = ("%s://127.0.0.1:%d"):format(scheme, self.port)
  self.klines, self.hook = self.origin .. "/klines", self.origin .. "/hook"
  return self
end

--- What it does with the next requests, a line each; see http_server.py.
---@param ... string
function Server:next(...)
  temp.writeFile(self.dir .. "/faults.own", table.concat({ ... }, "\n"))
  assert(os.rename(self.dir .. "/faults.own", self.dir .. "/faults"))
end

--- The requests that came, and forgets them.
---@return { at: number, method: string, path: string, headers: table, connection: integer, fault: string,
--- body: string }[]
function Server:requests()
  local list = {}
  local file = io.open(self.dir .. "/requests", "r")
  if not file then return list end
  for line in file:lines() do list[#list + 1] = json.decode(line) end
  file:close()
  os.remove(self.dir .. "/requests")
  return list
end

--- Ends it.
function Server:stop()
  local pid = temp.readFile(self.dir .. "/pid"):match("%d+")
  process.shell(("kill %s && for i in $(seq 500); do kill -0 %s || break; sleep 0.02; done"):format(pid, pid))
end

return M
