-- SPDX-License-Identifier: MIT
--
-- Other processes on the same store: they run a piece of Lua in which `store` is an instance for the check's entity
-- name and
-- base, and kill() ends the process with SIGKILL.

local core = require "holdfast.core"
local ffi = require "ffi"

ffi.cdef [[
long hf_conformance_readlink(const char *path, char *buffer, size_t size) __asm__("readlink");
]]

local M = {}

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

local PRELUDE = [[
local holdfast = require "holdfast"
local ffi = require "ffi"
ffi.cdef "int hf_conformance_kill(int pid, int signal) __asm__(\"kill\");"
ffi.cdef "int hf_conformance_getpid(void) __asm__(\"getpid\");"
local function kill() ffi.C.hf_conformance_kill(ffi.C.hf_conformance_getpid(), 9) end
local me, won = %d, 0
local store = (%s)(%q, %q)
]]

--- Whether other processes can open the target.
function M.possible(target) return target.source ~= nil end

local function start(t, number, body, out)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(PRELUDE:format(number, t.target.source, t.name, t.base), body)
  file:close()
  local program, environment = interpreter()
  return path, string.format("%s%s '%s' > '%s' 2>&1", environment, program, path, out)
end

local function read(path)
  local file = io.open(path)
  local text = file and file:read("*a") or ""
  if file then file:close() end
  os.remove(path)
  return text
end

--- Runs the body in a process, which must end by kill().
function M.run(t, body)
  local out = os.tmpname()
  local path, command = start(t, 1, body, out)
  os.execute(command)
  os.remove(path)
  -- The shell reports the signal in words of its own; whatever else there is, is the script's.
  local said = read(out):gsub("[^\n]*[Kk]illed[^\n]*\n?", "")
  if said:find("%S") then error(core.error("script", "the other process failed: " .. said), 0) end
end

--- Runs the body in two processes at once; `me` is 1 and 2, and the sum of their `won` comes back.
function M.race(t, _, body)
  local outs, paths, commands = {}, {}, {}
  for i = 1, 2 do
    outs[i] = os.tmpname()
    paths[i], commands[i] = start(t, i, body .. "\nio.write('won ', won, '\\n')\n", outs[i])
  end
  os.execute(commands[1] .. " & " .. commands[2] .. "; wait")
  local sum = 0
  for i = 1, 2 do
    os.remove(paths[i])
    local said = read(outs[i])
    local won = said:match("^won (%d+)\n$")
    if not won then error(core.error("script", "the other process failed: " .. said), 0) end
    sum = sum + tonumber(won)
  end
  return sum
end

return M
