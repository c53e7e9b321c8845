-- SPDX-License-Identifier: MIT
--
-- MongoDB for specs: the server that HOLDFAST_TEST_MONGO names, with a database of its own there, or the stand-in
-- mongowire.py on 127.0.0.1 and a port that is free, ended by its process id.

local ffi = require "ffi"
local process = require "support.process"
local temp = require "support.temp"

local M = {}

local source = os.getenv("HOLDFAST_SOURCE") or "."
local named = os.getenv("HOLDFAST_TEST_MONGO")
if named == "" then named = nil end

--- Whether libmongoc, and Python's packages for the stand-in and for looking from outside, are here.
M.isInstalled = pcall(ffi.load, "libmongoc-1.0.so.0")
  and process.shell("/usr/bin/python3 -c 'import bson, mongomock, pymongo'").code == 0

-- It ends by itself after some minutes, should nobody be left to stop it.
local COMMAND = [[
cd %s && rm -f log || exit 1
timeout 300 /usr/bin/python3 %s %d %s >log 2>&1 </dev/null &
for i in $(seq 500); do
  if grep -q ready log; then
    pgrep -P $! >pid
    exit 0
  fi
  kill -0 $! 2>/dev/null || exit 1
  sleep 0.02
done
exit 1]]

local Server = {}
Server.__index = Server

--- The store URL, with some settings: "timeout=1s&retries=0".
function Server:url(query, database, login)
  local base = self.base or ("mongodb://%s127.0.0.1:%d/"):format(login and login .. "@" or "", self.port)
  local place, rest = base:match("^(%w+[%w+]*://[^/?]*)/?[^?]*%??(.*)$")
  local words = {}
  if rest ~= "" then words[1] = rest end
  if query and query ~= "" then words[#words + 1] = query end
  return place .. "/" .. (database or self.database) .. (words[1] and "?" .. table.concat(words, "&") or "")
end

--- The shell command that starts it (again).
function Server:command()
  return COMMAND:format(temp.quote(self.dir), temp.quote(source .. "/tests/support/mongowire.py"), self.port,
    self.arguments)
end

function Server:start() return process.shell(self:command()).code == 0 end

function Server:pid() return (temp.readFile(self.dir .. "/pid"):match("%d+")) end

function Server:signal(name) assert(process.shell(("kill -%s %s"):format(name, self:pid())).code == 0) end

--- Ends it and waits for its end; of a named server, only the database.
function Server:stop(signal)
  if self.base then
    self:python("client.drop_database(db.name)")
    return
  end
  local pid = self:pid()
  process.shell(("kill -%s %s; kill -CONT %s; for i in $(seq 500); do kill -0 %s || break; sleep 0.02; done")
    :format(signal or "TERM", pid, pid, pid))
end

local PRELUDE = [[
import os, sys, datetime, bson, pymongo
client = pymongo.MongoClient(sys.argv[1], serverSelectionTimeoutMS=5000)
db = client.get_default_database()
]]

-- Not by the end of the script: pymongo's threads take half a second for that.
local EPILOGUE = "\nsys.stdout.flush(); os._exit(0)"

--- What a piece of Python prints that has `client` and `db`, by pymongo.
function Server:python(code)
  local out = process.run({ "/usr/bin/python3", "-c", PRELUDE .. code .. EPILOGUE, self:url() })
  assert(out.code == 0, out.stderr)
  return (out.stdout:gsub("\n$", ""))
end

--- A fail point of test servers: the next `times` commands of these names fail.
---@param commands string  such as '["update"]'
---@param data string  such as '"errorCode": 10107'
function Server:fail(commands, data, times)
  self:python(([[client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": %d},
    "data": {"failCommands": %s, %s}})]]):format(times or 1, commands, data))
end

--- A stand-in that answers.  arguments: of mongowire.py, beyond the port; DIR stands for the server's folder.
---@param arguments? string
function M.standIn(arguments)
  local random, server = assert(io.open("/dev/urandom", "rb")), nil
  for _ = 1, 20 do
    local a, b = random:read(2):byte(1, 2)
    local dir = temp.directory()
    server = setmetatable({ port = 20000 + (a * 256 + b) % 12000, dir = dir, database = "spec",
      arguments = (arguments or ""):gsub("DIR", dir) }, Server)
    if server:start() then
      random:close()
      return server
    end
  end
  error("no stand-in could be started: " .. temp.readFile(server.dir .. "/log"))
end

--- The server that is named, or a stand-in; `says` is what it is.
function M.start()
  if not named then
    local server = M.standIn()
    server.says = "the stand-in tests/support/mongowire.py, which is not MongoDB"
    return server
  end
  local server = setmetatable({ base = named, database = "holdfast-spec-" .. os.time() }, Server)
  server.says = "the server that HOLDFAST_TEST_MONGO names"
  return server
end

--- For a whole spec file: a server from its first test to its last; nil, and the file is pending, where there is none.
---@return table? server  its fields are those of start(), from the first test on
function M.forSpec()
  local env = getfenv(2)
  if not M.isInstalled then
    env.pending("needs libmongoc-1.0-0 and python3-mongomock, python3-bson, python3-pymongo")
    return nil
  end
  local server = setmetatable({}, Server)
  env.setup(function()
    for name, value in pairs(M.start()) do server[name] = value end
    print("MongoDB: " .. server.says)
  end)
  env.teardown(function()
    server:stop()
    temp.removeAll()
  end)
  return server
end

return M
