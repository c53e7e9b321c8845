-- SPDX-License-Identifier: MIT
--
-- What a compiled function does, told from its bytecode: text cannot tell, since `return` may stand in a
-- string, a comment or an inner function.  The numbers of instructions are LuaJIT's own affair, so they are taken
-- from small functions that are compiled here.

local bit = require "bit"
local util = require "jit.util"

local OPERATION = 0xff -- the part of an instruction that says what it does

local M = {}

-- Every way to return something: as the last instruction of a function that does no more.
local RETURNS = { "return 1", "return 1, 2", "return ...", "return f()", "return f(...)" }

-- Iterates the operations of a function, not of those inside it.
local function operations(fn)
  local at = -1
  return function()
    at = at + 1
    local instruction = util.funcbc(fn, at)
    return instruction and bit.band(instruction, OPERATION)
  end
end

local returns = {}
for _, code in ipairs(RETURNS) do
  local last
  for operation in operations(loadstring(code)) do last = operation end
  returns[last] = true
end

--- Whether a function has a `return` with a value anywhere, reached or not.
---@param fn function
---@return boolean
function M.givesValue(fn)
  for operation in operations(fn) do
    if returns[operation] then return true end
  end
  return false
end

return M
