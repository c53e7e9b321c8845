-- SPDX-License-Identifier: MIT
--
-- Which functions are iterators over entities, as filter, values and the like give them: the prompt may call those, and
-- no other function, to print what they give.  They are told by where they were made, so that the loops themselves need
-- not be marked.

local asking = require "holdfast.asking"
local classes = require "holdfast.class"
local core = require "holdfast.core"
local holdfast = require "holdfast"

-- As they are now: what is typed may replace them.
local debug, ipairs, type =
  debug, ipairs, type

local M = {}

-- The files whose functions without parameters are iterators, once they have left them.
local SOURCES = {}
for _, fn in ipairs { asking.values, holdfast.PersistBase.take, classes.loop } do
  SOURCES[debug.getinfo(fn, "S").source] = true
end

local metatable -- of the userdata that the closures made in C have

local function isCursor(value)
  if type(value) ~= "userdata" then return false end
  if not metatable then
    local _, cursor = core.scan(holdfast.PersistBase("none", "memory:"), nil, "values")
    metatable = debug.getmetatable(cursor)
  end
  return debug.getmetatable(value) == metatable
end

--- Whether the value is an iterator over entities.
---@param value any
---@return boolean
function M.is(value)
  if type(value) ~= "function" then return false end
  local info = debug.getinfo(value, "Su")
  if info.what == "C" then
    local _, cursor = debug.getupvalue(value, 2)
    return isCursor(cursor)
  end
  return SOURCES[info.source] ~= nil and info.what == "Lua" and info.nparams == 0 and info.nups > 0
end

return M
