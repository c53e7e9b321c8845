-- SPDX-License-Identifier: MIT
--
-- Other processes on the same store: they run a piece of Lua in which `store` is an instance for the check's entity
-- name and base, and `child` what child.lua has.  How a process ended it says in a file; what it has printed is shown
-- where it says nothing, and is no failure by itself.

local child = require "holdfast.conformance.child"
local core = require "holdfast.core"
local ffi = require "ffi"

ffi.cdef [[
long hf_conformance_readlink(const char *path, char *buffer, size_t size) __asm__("readlink");
]]

local M = {}

--- How many files and connections this process has open.
function M.openFiles()
  local buffer, n = ffi.new("char[8]"), 0
  for fd = 0, 1023 do
    if ffi.C.hf_conformance_readlink("/proc/self/fd/" .. fd, buffer, 8) > 0 then n = n + 1 end
  end
  return n
end

-- What runs a script as this process would: the command, or luajit with this process's modules.
local function interpreter()
  local buffer = ffi.new("char[4096]")
  local n = tonumber(ffi.C.hf_conformance_readlink("/proc/self/exe", buffer, 4096))
  local path = n > 0 and ffi.string(buffer, n) or "luajit"
  if path:match("/holdfast$") then return string.format("'%s' run", path), "" end
  -- By its name where the shell finds one: it may be a script that sets something up first.
  local named = path:match("/luajit[^/]*$") and os.execute("command -v luajit >/dev/null 2>&1") == 0
  return named and "luajit" or string.format("'%s'", path), string.format("LUA_PATH='%s' LUA_CPATH='%s' ",
    package.path, package.cpath)
end

local SCRIPT = [[
local holdfast = require "holdfast"
local child = require("holdfast.conformance.child").new(%g, %q, %q, %d)
local store = (%s)(%q, %q)
local function body()
%s
end
local ok, found = xpcall(body, require("holdfast.core").traceback)
child:leave()
if ok then child:say("returned", tostring(found)) else child:say("raised", found.code .. ": " .. found.message) end
]]

--- Whether other processes can open the target.
function M.possible(target) return target.source ~= nil end

local function take(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  os.remove(path)
  return text
end

-- One process that is to be run: its command, and the files that tell how it ended.
local function prepare(t, body, number, place, seconds)
  seconds = seconds or t.options.timeout
  local p = { seconds = seconds, script = os.tmpname(), result = os.tmpname(), out = os.tmpname() }
  local file = assert(io.open(p.script, "w"))
  file:write(SCRIPT:format(seconds, p.result, place, number, t.target.source, t.name, t.base, body))
  file:close()
  local program, environment = interpreter()
  p.command = string.format("%s%s '%s' >'%s' 2>&1", environment, program, p.script, p.out)
  return p
end

-- How it ended: a word, and what belongs to it.
local function outcome(p)
  os.remove(p.script)
  local word, text = take(p.result):match("^(%l+) (.*)\n$")
  local printed = take(p.out)
  if word == "killed" or word == "returned" then return word, text end
  if word == "raised" then error(core.error("script", "in another process: " .. text), 0) end
  error(core.error("script", string.format("another process ended within %g seconds without a result; it printed: %s",
    p.seconds, printed:find("%S") and printed or "nothing")), 0)
end

--- Runs the body in a process and gives what it returns, a text; nil if it killed itself.
---@param seconds? number  how long it may take; as long as a check
function M.run(t, body, seconds)
  local p = prepare(t, body, 1, "", seconds)
  os.execute(p.command)
  local word, text = outcome(p)
  return word == "returned" and text or nil
end

--- Runs the body in two processes at once; `child.me` is 1 and 2, and child:meet(n) has both go on at the same moment.
--- Gives what each returns, as numbers.
function M.race(t, body)
  local place, both = os.tmpname(), {}
  child.makeMeetingPlace(place)
  for i = 1, 2 do both[i] = prepare(t, body, i, place) end
  os.execute(both[1].command .. " &\n" .. both[2].command .. "\nwait")
  os.remove(place)
  local one = select(2, outcome(both[1]))
  local two = select(2, outcome(both[2]))
  return tonumber(one), tonumber(two)
end

return M
