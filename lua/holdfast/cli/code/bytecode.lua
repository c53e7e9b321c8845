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

local READ = bit.band(util.funcbc(loadstring("return x"), 1), OPERATION)
local SET = bit.band(util.funcbc(loadstring("x = ..."), 2), OPERATION)

-- Notes the globals that a function reads and sets, and those inside it too, in the order of its instructions.
local function noteGlobals(fn, read, set)
  local at = 1
  for operation in operations(fn) do
    if operation == READ or operation == SET then
      local name = util.funck(fn, -bit.rshift(util.funcbc(fn, at - 1), 16) - 1)
      if operation == READ then read[#read + 1] = name else set[name] = true end
    end
    at = at + 1
  end
  at = -1
  while util.funck(fn, at) ~= nil do
    if type(util.funck(fn, at)) == "proto" then noteGlobals(util.funck(fn, at), read, set) end
    at = at - 1
  end
end

--- The first global that a function reads, that it never sets, and that is not in its environment.
---@param fn function
---@param environment table
---@return string?
function M.missingGlobal(fn, environment)
  local read, set = {}, {}
  noteGlobals(fn, read, set)
  for _, name in ipairs(read) do
    if not set[name] and environment[name] == nil then return name end
  end
  return nil
end

return M
