-- SPDX-License-Identifier: MIT
--
-- The expression of `filter` and of --where: Lua in which `v` is the value and `id` its id.

local holdfast = require "holdfast"
local bytecode = require "holdfast.cli.code.bytecode"
local refuse = require "holdfast.cli.console.refuse"
local spelling = require "holdfast.cli.code.spelling"

local M = {}

local NO_VALUE = "the expression gives no value, so nothing could match: write a condition such as "
  .. "'v.x == 1' (== compares, = assigns), or end the statements with a return"

-- The expression as a function with names for both of its parameters, so that it is called with both everywhere.
local function functionOf(body)
  return assert(loadstring("return function(v, id, ...) " .. body .. "\nend", "=EXPR"))()
end

--- The expression as a function of the value and the id.  Raises for what is not Lua, for what gives no value, and
--- for what would be the same for all entities by mistake: a function, and a variable that is nowhere set.
---@param expression string
---@return fun(v: any, id: string): any
function M.compile(expression)
  local head = "local v, id = ... "
  local body = "return " .. expression
  local chunk, message = loadstring(head .. body .. "\n", "=EXPR") -- told as what it is: what is wrong with it, too
  if not chunk then
    body = expression
    if not loadstring(head .. body .. "\n", "=EXPR") then
      refuse.call("the expression is not Lua: %s%s%s", message, message:find "near '='$" and "; == compares, = assigns"
        or "", spelling.hint(expression))
    end
  end
  local predicate = functionOf(body)
  if not bytecode.givesValue(predicate) then refuse.call(NO_VALUE) end
  if body ~= expression and expression:find "^%s*function%s*%(" then
    refuse.call "the expression is a function, which is true of every entity: write what it returns, such as 'v.x == 1'"
  end
  local environment = setmetatable({ holdfast = holdfast, null = holdfast.null }, { __index = _G })
  local missing = bytecode.missingGlobal(predicate, environment)
  if missing then
    refuse.call("the expression reads '%s', which is nowhere set: a field is v.%s, a text '\"%s\"', JSON's null null",
      missing, missing, missing)
  end
  return setfenv(predicate, environment)
end

return M
