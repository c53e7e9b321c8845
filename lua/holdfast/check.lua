-- SPDX-License-Identifier: MIT
--
-- Checks of arguments, for the methods of stores that are written in Lua: those in C do the same by themselves.

local core = require "holdfast.core"

local M = {}

--- Raises `invalid_argument` with the text, naming the entity name of the instance.
---@param self table?  an instance, or nil
---@param ... any      a format and what goes into it
function M.misuse(self, ...)
  local name = type(self) == "table" and rawget(self, "entityName") or nil
  error(core.error("invalid_argument", string.format(...), { entityName = name }), 0)
end

--- Raises `unsupported` with the text, naming the entity name of the instance.
---@param self table
---@param message string
function M.unsupported(self, message)
  error(core.error("unsupported", message, { entityName = rawget(self, "entityName") }), 0)
end

--- Raises unless the method was called on an instance.
---@param self any
---@param method string
function M.instance(self, method)
  if type(self) == "table" and rawget(self, 0) then return end
  M.misuse(nil, "call %s with a colon on an instance: store:%s(...)", method, method)
end

-- What was given as an expression, as the function that it should be; for messages.
local function asFunction(value)
  local isShort = type(value) == "string" and #value <= 80 and not value:find("%c")
  if not isShort or not value:find("%f[%w_]v%f[^%w_]") or not loadstring("return " .. value) then return "" end
  return (": write function(v) return %s end"):format(value)
end

--- Raises that something is no predicate.
---@param self any
---@param what string  what had to be one, with the method
---@param value any
function M.noPredicate(self, what, value)
  M.misuse(self, "%s must be a function, not a %s%s", what, type(value), asFunction(value))
end

--- Raises unless a method was called on an instance, with a predicate.
---@param self any
---@param method string
---@param predicate any
function M.predicate(self, method, predicate)
  M.instance(self, method)
  if type(predicate) ~= "function" then M.noPredicate(self, method .. ": the predicate", predicate) end
end

--- Raises unless a range is a table, or left out.
---@param self any
---@param method string
---@param range any
function M.range(self, method, range)
  if range == nil or type(range) == "table" then return end
  M.misuse(self, "%s: the range must be a table such as {prefix=\"BTC\"}, not a %s%s", method, type(range),
    type(range) == "function" and ": a predicate is given as {where=predicate}" or "")
end

--- Raises unless a method was called on an instance, with a count.
---@param self any
---@param method string
---@param n any
function M.count(self, method, n)
  M.instance(self, method)
  if type(n) ~= "number" or n < 0 or n ~= math.floor(n) or n == math.huge then
    M.misuse(self, "%s: the count must be a whole number from 0 on, not %s", method,
      type(n) == "number" and core.json.encode(n == n and n or "NaN"):gsub('"', "") or "a " .. type(n))
  end
end

return M
