-- SPDX-License-Identifier: MIT
--
-- What scripts give to the host, looked at: how misuse is refused, and the checks that names, functions and tables have
-- in common.

local core = require "holdfast.core"

local M = {}

--- Raises invalid_argument with a message that says what to change.
---@param format string
---@param ... any
function M.refuse(format, ...) error(core.error("invalid_argument", string.format(format, ...)), 0) end

local refuse = M.refuse

--- Whether a name is one under which backtests store: see Backtest.
---@param name any
function M.isReserved(name) return type(name) == "string" and name:find("^backtest/") ~= nil end

local function isOneOf(list, name)
  for _, other in ipairs(list) do
    if other == name then return true end
  end
  return false
end

--- Raises unless it can be the name of something.
---@param what string  who is given it, for the error
---@param field string
---@param name any
---@raise invalid_argument
function M.name(what, field, name)
  if type(name) ~= "string" or name == "" or #name > 100 then
    refuse("%s: %s must be a string of 1 to 100 bytes, not %s", what, field,
      name == "" and "an empty one" or type(name) == "string" and "one of " .. #name or "a " .. type(name))
  end
end

--- Raises unless it is a function.
---@param what string
---@param field string
---@param fn any
---@param optional? boolean  nil will do
---@raise invalid_argument
function M.fn(what, field, fn, optional)
  if fn == nil and optional then return end
  if type(fn) ~= "function" then refuse("%s: %s must be a function, not a %s", what, field, type(fn)) end
end

--- Raises where a table has a field that nobody reads: it is misspelt.
---@param what string
---@param given table
---@param fields string[]  those that exist
---@raise invalid_argument
function M.fields(what, given, fields)
  for field in pairs(given) do
    if not isOneOf(fields, field) then
      refuse("%s: there is no field '%s': %s exist", what, tostring(field), table.concat(fields, ", "))
    end
  end
end

return M
