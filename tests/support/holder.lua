-- SPDX-License-Identifier: MIT
--
-- Another process that runs Lua code and then waits, so that what the code took stays taken until the process is
-- killed.  It must be ended with kill().

local temp = require("support.temp")

local Holder = {}
Holder.__index = Holder

local M = {}

local WAITING = [[
local ready = assert(io.open(arg[1] .. "/ready", "w"))
ready:close()
local ffi = require("ffi")
ffi.cdef("int pause(void); unsigned alarm(unsigned seconds);")
ffi.C.alarm(100) -- should nobody kill it
while true do ffi.C.pause() end
]]

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function lineOf(path) return temp.readFile(path):match("^[^\n]*") end

--- Starts it, and returns when the code has run.
---@param code string
---@param folder? string  the working directory
---@return {pid: integer, script: string}
function M.start(code, folder)
  local dir = temp.directory()
  local script = dir .. "/holder.lua"
  temp.writeFile(script, code .. "\n" .. WAITING)
  os.execute(("cd %s && LUA_CPATH=%s LUA_PATH=%s luajit %s %s </dev/null >%s/out 2>&1 & echo $! >%s/pid"):format(
    temp.quote(folder or "."), temp.quote(package.cpath), temp.quote(package.path), temp.quote(script),
    temp.quote(dir), temp.quote(dir), temp.quote(dir)))
  for _ = 1, 1000 do
    if exists(dir .. "/ready") then
      return setmetatable({ pid = tonumber(lineOf(dir .. "/pid")), script = script }, Holder)
    end
    if os.execute("kill -0 $(cat " .. temp.quote(dir) .. "/pid) 2>/dev/null") ~= 0 then break end
    os.execute("sleep 0.02")
  end
  error("the other process ended: " .. temp.readFile(dir .. "/out"), 2)
end

--- Ends it as nothing can prevent.
function Holder:kill() os.execute("kill -9 " .. self.pid) end

return M
