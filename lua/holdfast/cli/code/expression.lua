-- SPDX-License-Identifier: MIT
--
-- The expression of `filter`: Lua in which `v` is the value and `id` its id.

local holdfast = require "holdfast"
local bytecode = require "holdfast.cli.code.bytecode"
local refuse = require "holdfast.cli.console.refuse"

local M = {}

local NO_VALUE = "the expression gives no value, so nothing could match: write a condition such as "
  .. "'v.x == 1' (== compares, = assigns), or end the statements with a return"

--- The expression as a function of the value and the id.  Raises for what is not Lua, and for what gives no value.
---@param expression string
---@return fun(v: any, id: string): any
function M.compile(expression)
  local head = "local v, id = ... "
  local chunk, message = loadstring(head .. "return " .. expression .. "\n", "=EXPR")
  if not chunk then
    local statements = loadstring(head .. expression .. "\n", "=EXPR")
    if not statements then refuse.call("the expression is not Lua: %s", message) end
    chunk = statements
  end
  if not bytecode.givesValue(chunk) then refuse.call(NO_VALUE) end
  return setfenv(chunk, setmetatable({ holdfast = holdfast, null = holdfast.null }, { __index = _G }))
end

return M
