-- SPDX-License-Identifier: MIT
--
-- Conditions of predicates.  A predicate is a Lua function; what it does is read from its instructions, once for all
-- closures of the same function, and becomes an expression that C evaluates on the JSON text of an entity.  The
-- condition is a necessary one: what it refuses, the function would refuse without an error and without an effect.
--
-- A loop takes a condition with of(), and asks it before each entity that it has found ahead whether what it uses from
-- outside has changed since.

local bytecode = require "holdfast.condition.bytecode"
local core = require "holdfast.core"
local outside = require "holdfast.condition.outside"
local reader = require "holdfast.condition.reader"

local ipairs, pcall, rawequal, setmetatable, tostring, type =
  ipairs, pcall, rawequal, setmetatable, tostring, type
local new, set, isUseless, plainStrings =
  core.condition.new, core.condition.set, core.condition.isUseless, core.condition.plainStrings

local M = {}

local READINGS_MAX = 4 -- of one function: for closures in which what guards expect is different

---@class holdfast.Reading
---@field expression table
---@field parameters holdfast.Parameter[]
---@field guards holdfast.Guard[]
---@field why? string why there is no expression, and so no condition
---@field spare? userdata a condition that no loop has

-- Readings by function (its prototype) and number of arguments.  Nothing in them refers to a closure.
local cache = setmetatable({}, { __mode = "k" })

-- The prototypes of functions that were read.
local prototypes = setmetatable({}, { __mode = "k" })

local function prototypeOf(f)
  local known = prototypes[f]
  if known or not outside.isSupported() then return known end
  known = bytecode.identity(f)
  prototypes[f] = known
  return known
end

local function nothing(why)
  return { expression = { "unknown", why }, parameters = {}, guards = {}, why = why }
end

local function holds(reading, f, strings)
  for number = 1, #reading.guards do
    if not reading.uses:holds(f, number, strings) then return false end
  end
  return true
end

local function readAgain(f, count)
  local ok, read, why = pcall(reader.read, f, count)
  if not ok then return nothing("reading it failed: " .. tostring(read)) end
  if not read then return nothing(why) end
  return {
    expression = read.expression,
    parameters = read.uses.parameters,
    guards = read.uses.guards,
    uses = read.uses,
  }
end

--- Reads a predicate, or finds what was read of it before.
---@param f function
---@param count? integer with how many arguments it is called: 1 (the value, the default), or 2 (the value and its id)
---@return holdfast.Reading
function M.read(f, count)
  count = count or 1
  local prototype = prototypeOf(f)
  if not prototype then return nothing "its instructions cannot be read here" end
  local strings = plainStrings()
  if not strings then return nothing "a hook sees every call, or plain values have been given metatables" end
  local known = cache[prototype] or {}
  cache[prototype] = known
  local readings = known[count] or {}
  known[count] = readings
  for _, reading in ipairs(readings) do
    if holds(reading, f, strings) then return reading end
  end
  local reading = readAgain(f, count)
  if #readings == READINGS_MAX then table.remove(readings, 1) end
  readings[#readings + 1] = reading
  return reading
end

-- A prototype is no value that scripts have, so it may be none that the trace compiler has been tried with.
local jit = rawget(_G, "jit")
if type(jit) == "table" and type(jit.off) == "function" then
  jit.off(M.read)
  jit.off(prototypeOf)
  jit.off(bytecode.identity)
end

--- A condition for one loop.
---@class holdfast.Asked
---@field condition userdata for the loop alone: its parameters are those of this closure
---@field expression table
---@field reading holdfast.Reading
local Asked = {}
Asked.__index = Asked

-- Sets a parameter, if it is not what it was.  Nil: it cannot be had any more, and the predicate may raise where the
-- condition does not look at it; or there is no condition any more, in a finalizer that comes after its own.
local function update(self, number)
  local value = outside.look(self.predicate, self.reading.parameters[number].outside)
  if rawequal(value, outside.UNREADABLE) then return nil end
  if self.isSet and outside.isSame(value, self.values[number]) then return false end
  self.values[number] = value
  return set(self.condition, number, value) or nil
end

--- Looks at what the predicate uses from outside.
---@return boolean? changed false: all is as it was.  true: parameters have changed, and are set: what was found with
---the old ones has to be found once more.  nil: the condition holds no longer, and every entity is to be decoded.
function Asked:changed()
  local reading, strings, any = self.reading, plainStrings(), false
  if not strings or not holds(reading, self.predicate, strings) then return nil end
  for number, parameter in ipairs(reading.parameters) do
    local updated = not parameter.fixed and update(self, number)
    if updated == nil then return nil end
    any = any or updated
  end
  return any
end

--- The values of the parameters, as they were looked at last; what a condition cannot have is a table there.
---@return any[] values
---@return integer count
function Asked:parameters() return self.values, #self.reading.parameters end

--- Gives the condition up, once no loop has it any more: the next one of the same function takes it.
function Asked:release() self.reading.spare, self.condition = self.condition, nil end

--- A condition of a predicate, for one loop.
---@param predicate function
---@param count? integer with how many arguments it is called: 1 (the value, the default), or 2 (the value and its id)
---@return holdfast.Asked? asked nil: there is none that could refuse an entity
function M.of(predicate, count)
  if type(predicate) ~= "function" then return nil end
  local reading = M.read(predicate, count)
  if reading.why or reading.expression[1] == "unknown" then return nil end
  local asked = setmetatable({ predicate = predicate, reading = reading, expression = reading.expression,
    condition = reading.spare or new(reading.expression), values = {} }, Asked)
  reading.spare = nil
  for number = 1, #reading.parameters do
    if update(asked, number) == nil then return nil end
  end
  asked.isSet = true
  return not isUseless(asked.condition) and asked or nil
end

return M
