-- SPDX-License-Identifier: MIT
--
-- What a script can do to Lua itself while a loop runs, so that what was understood of a predicate is no longer true:
-- replaced functions of the string library, metatables of strings, nil, numbers and holdfast.null.

local holdfast = require "holdfast"

local M = {}

local null = holdfast.null
local getmetatable, setmetatable, type = getmetatable, debug.setmetatable, type
local globals, library, find, sub, match = getfenv(0), string, string.find, string.sub, string.match

-- Replaces a field, and gives what puts it back.
local function replace(of, field, value)
  local before = rawget(of, field)
  of[field] = value
  return function() of[field] = before end
end

local function withMetatable(of, metatable)
  local before = getmetatable(of)
  setmetatable(of, metatable)
  return function() setmetatable(of, before) end
end

-- Functions that do, and give the function that undoes.
local WAYS = {
  function(note)
    return replace(globals, "type", function(x)
      note("type")
      return type(x) == "number" and "text" or type(x)
    end)
  end,
  function(note)
    return replace(library, "find", function(...)
      note("find")
      return not find(...)
    end)
  end,
  function(note)
    return replace(library, "sub", function(...)
      note("sub")
      return sub(...) .. "!"
    end)
  end,
  function(note)
    return replace(library, "match", function(...)
      note("match")
      return not match(...)
    end)
  end,
  function(note)
    return replace(getmetatable "", "__index", function(_, key)
      note("index ", tostring(key))
      return library[key] or 5
    end)
  end,
  function() return replace(getmetatable "", "__index", { find = function() return true end }) end,
  function(note) return withMetatable(nil, { __index = function() note("nil") end }) end,
  function() return withMetatable(0, { __index = { x = 1 } }) end,
  function() return withMetatable(null, { __index = function() return 1 end, __lt = function() return true end }) end,
  function() return withMetatable(true, { __lt = function() return true end, __add = function() return 1 end }) end,
  function() return replace(library, "len", function() return 1 end) end,
  function() return replace(globals, "string", { find = function() return 1 end, match = match, sub = sub }) end,
}

--- A function that does one of these things, by number, and one that undoes all that it did.
---@param note fun(...)
---@return fun(number: integer) tamper
---@return fun() undo
function M.new(note)
  local undone = {}
  local function tamper(number)
    note("tamper")
    undone[#undone + 1] = WAYS[(number - 1) % #WAYS + 1](note)
  end
  local function undo()
    for i = #undone, 1, -1 do
      undone[i]()
      undone[i] = nil
    end
  end
  return tamper, undo
end

return M
