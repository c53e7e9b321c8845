-- SPDX-License-Identifier: MIT
--
-- Calling the code of users, for run and repl: what it raises says where and how it got there, and nothing of us.

local core = require "holdfast.core"

-- As they are now: the script that raises an error may have replaced them.
local collectgarbage, select, string, table, type, unpack, xpcall =
  collectgarbage, select, string, table, type, unpack, xpcall

local M = {}

local function isOurs(line) return line:find("[holdfast ", 1, true) or line:find("/lua/holdfast/", 1, true) end

-- Without the frames of our modules, and of what they call in C.
local function withoutOurs(lines)
  local kept, dropping = {}, false
  for i = #lines, 1, -1 do
    local isC = lines[i]:find("^%s*%[C%]") ~= nil
    dropping = isOurs(lines[i]) or (isC and dropping)
    if not dropping then table.insert(kept, 1, lines[i]) end
  end
  return kept
end

-- The traceback without the frames of the command itself, and, unless the fault is in one of them, of our modules.
local function own(message, traceback)
  local kept = {}
  for line in traceback:gmatch("[^\n]+") do
    if line:find("holdfast.cli", 1, true) or line:find("holdfast/cli/", 1, true) then break end
    if not line:find("[builtin", 1, true) then kept[#kept + 1] = line end
  end
  if kept[1] and kept[#kept]:find("^%s*%[C%]") then kept[#kept] = nil end -- xpcall
  return table.concat(isOurs(message:match("^[^\n]*")) and kept or withoutOurs(kept), "\n")
end

-- What was raised as an error object; without memory for one it was a text, and what the script has used is free now.
local function settle(ok, ...)
  if ok then return ok, ... end
  local raised = ...
  if core.isError(raised) then return ok, raised end
  collectgarbage()
  return ok, core.toError(raised)
end

--- Calls the code of users.  What it raises comes back as an error object that says where and how it got there.
---@param chunk function
---@return boolean ok, any ...
function M.call(chunk, ...)
  local words, count = { ... }, select("#", ...)
  return settle(xpcall(function() return chunk(unpack(words, 1, count)) end, core.traceback))
end

--- Makes the error of user code say all a person wants to know.
---@param err table  as M.call returned it
---@return table
function M.explain(err)
  -- What a script has changed so that it cannot be shown.
  if type(err.code) ~= "string" then err.code = "script" end
  if type(err.message) ~= "string" then err.message = core.codes[err.code] or core.codes.script end
  local where = type(err.where) == "string" and err.where or nil
  -- Plain Lua errors say where they are by themselves; misuse found by Holdfast has it apart.
  if err.code ~= "script" and where and err.message:sub(1, #where) ~= where then
    err.message = string.format("%s: %s", where, err.message)
  end
  if err.code ~= "script" then err.message = string.format("%s [%s]", err.message, err.code) end
  err.traceback = own(err.message, type(err.traceback) == "string" and err.traceback or "")
  err.showTraceback = err.traceback:find("\n%s*[^%s%[]") ~= nil -- there are frames, and not of C only
  err.exit = 1
  return err
end

return M
