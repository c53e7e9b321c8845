-- SPDX-License-Identifier: MIT
--
-- Loops that ask a predicate of each entity, and how most of that is spared.
--
-- A predicate is a Lua function: it says which entities are wanted, and nothing else does.  But most of those that are
-- not can be told without decoding them, by a condition that is read out of the function (holdfast.condition) and
-- evaluated where they are stored.  A loop begins as if there were none: a predicate is read only when the first pages
-- were not enough, since small collections and early breaks would not get that back; but where the collection has
-- indexes it is read at once, since those may lead to what is wanted.  From then on the store leaves out what the
-- condition is a sure no to, and the function is asked of the rest.  So results, their order, errors and side effects
-- are what they would be without it.
--
-- A condition's parameters are variables of the script, which the loop's body may change.  So they are compared before
-- each further entity, and when one has changed, what was found ahead is found again.

local core = require "holdfast.core"

local huge, xpcall, error, rawget, require, select = math.huge, xpcall, error, rawget, require, select
local debug = type(debug) == "table" and debug or {} -- a host may leave it out
local getinfo, getlocal = debug.getinfo, debug.getlocal

local M = {}

-- Entities that are asked as they come before the predicate is read: the first two pages of a loop (core/iterate.c).
local PLAIN = 48

-- A condition that refuses less than one in eight of the entities costs more than it spares.  That is looked at each
-- time that so many were handed out.
local TRIAL = 448

-- How many arguments the predicate is called with: 2, with the id as the second, where it names two parameters; so what
-- takes any number, as functions in C do, gets the entity alone.
local function argumentsOf(predicate)
  if not getlocal or not getinfo then return 1 end
  if getlocal(predicate, 2) then return 2 end
  if getlocal(predicate, 1) then return 1 end
  return getinfo(predicate, "u").nparams >= 2 and 2 or 1 -- code whose names were stripped has parameters all the same
end

-- Makes what a predicate raises an error object.
local function explain(raised)
  local wrapped = core.traceback(raised)
  wrapped.isOfPredicate = not core.isError(raised) or nil
  return wrapped
end

-- Raises it, saying so, with the entity for which it was raised, where that is known.
local function raiseFor(wrapped, self, method, id)
  if wrapped.isOfPredicate then
    wrapped.message = method .. ": the predicate raised: " .. wrapped.message
    wrapped.entityName, wrapped.entityId, wrapped.isOfPredicate = self.entityName, wrapped.entityId or id, nil
  end
  error(wrapped, 0)
end

-- What the predicate gives for an entity.
local function ask(self, method, predicate, arguments, value, id)
  local ok, wanted
  if arguments == 2 then
    ok, wanted = xpcall(predicate, explain, value, id)
  else
    ok, wanted = xpcall(predicate, explain, value)
  end
  if not ok then raiseFor(wanted, self, method, id) end
  return wanted
end

-- The iterators over classes that know conditions.  How many entities those leave out is not known.
local knowing = setmetatable({}, { __mode = "k" })

-- Whether the condition goes on being worth its time.
local function isWorthIt(asked, iterator)
  asked.steps = asked.steps + 1
  if asked.steps % TRIAL ~= 0 or knowing[iterator] then return true end
  local _, lookedAt, byIndex = core.counted(iterator)
  return byIndex or asked.steps * 8 < lookedAt * 7
end

-- What is done before an entity that may have been found by a condition: nil as `asked` reads the predicate, later ones
-- look for changes.  Returns after how many entities it is to be done again, and what to give it then.
local function attend(asked, iterator, predicate, arguments, count)
  if not asked then
    asked = require "holdfast.condition".of(predicate, arguments) -- loaded when the first loop is long enough
    if not asked then return huge end
    asked.steps = 0
  else
    local changed = asked:changed()
    if changed == nil or not isWorthIt(asked, iterator) then
      core.ask(iterator, nil)
      return huge
    end
    if not changed then return 0, asked end
  end
  core.ask(iterator, asked.condition, count, asked)
  return 0, asked
end

-- After how many entities the predicate of a loop is read.
local function patience(iterator, isIndexed)
  if not iterator then return huge end
  return isIndexed and 0 or PLAIN
end

-- Ends a loop, so that the next one of the same predicate finds its condition made.
local function finish(asked, iterator)
  if not asked or knowing[iterator] then return end
  core.endIteration(iterator)
  asked:release()
end

-- For the loops of the command, which asks of texts.
M.attend, M.patience = attend, patience

-- The entities of an instance whose own field `values` stands in for the method.
local function ownField(self, range)
  local step, state, control = self:values(range)
  return function()
    control = step(state, control)
    return control
  end
end

-- The entities of an instance: a function that gives the next, and, where the store may leave some out, its iterator;
-- and after how many the predicate is to be read.
local function open(self, range, kind)
  if kind == "values" and rawget(self, "values") then return ownField(self, range), nil, huge end
  local face = getmetatable(self)
  local step, iterator, isIndexed = face.source(self, range, kind)
  if iterator and select(2, core.evaluates(self)) then
    knowing[iterator] = true
    isIndexed = isIndexed or self.supports.index
  end
  return step, iterator, patience(iterator, isIndexed)
end

-- Iterates the values for which a predicate of one argument is true.
local function overValues(self, method, predicate, range, limit)
  local step, iterator, left = open(self, range, "values")
  local asked
  return function()
    if limit <= 0 then return nil end
    while true do
      left = left - 1
      if left < 0 then left, asked = attend(asked, iterator, predicate, 1) end
      local value = step()
      if value == nil then return nil end
      local ok, wanted = xpcall(predicate, explain, value)
      if not ok then raiseFor(wanted, self, method) end
      if wanted then
        limit = limit - 1
        return value
      end
    end
  end
end

-- Iterates id, value and what else `kind` has of those for which a predicate is true.
local function overPairs(self, method, predicate, range, limit, kind)
  local step, iterator, left = open(self, range, kind)
  local arguments = argumentsOf(predicate)
  local asked
  return function()
    if limit <= 0 then return nil end
    while true do
      left = left - 1
      if left < 0 then left, asked = attend(asked, iterator, predicate, arguments) end
      local id, value, revision, updatedAt, expiresAt = step()
      if id == nil then return nil end
      if ask(self, method, predicate, arguments, value, id) then
        limit = limit - 1
        return id, value, revision, updatedAt, expiresAt
      end
    end
  end
end

-- A range without its limit, which is of those that are wanted, and that limit.
local function withoutLimit(self, range)
  if range == nil then return nil, huge end
  core.checkRange(self, range)
  if range.limit == nil then return range, huge end
  local rest = {}
  for name, value in pairs(range) do rest[name] = value end
  rest.limit = nil
  return rest, range.limit
end

--- Iterates the values for which the predicate is true.
---@param self PersistBase
---@param method string  that was called, for what the predicate raises
---@param predicate function
---@param range? holdfast.Range
---@return fun(): any
function M.values(self, method, predicate, range)
  local limit
  range, limit = withoutLimit(self, range)
  if argumentsOf(predicate) == 1 then return overValues(self, method, predicate, range, limit) end
  local step = overPairs(self, method, predicate, range, limit, "pairs")
  return function()
    local _, value = step()
    return value
  end
end

--- The first entity for which the predicate is true, and its id; nothing where there is none.
---@param self PersistBase
---@param predicate function
---@param range? holdfast.Range
---@return any value, string? id
function M.first(self, predicate, range)
  local rest, limit = withoutLimit(self, range)
  if limit <= 0 then return nil end
  local step, iterator, left = open(self, rest, "pairs")
  local arguments, asked = argumentsOf(predicate), nil
  while true do
    left = left - 1
    if left < 0 then left, asked = attend(asked, iterator, predicate, arguments) end
    local id, value = step()
    if id == nil or ask(self, "first", predicate, arguments, value, id) then
      finish(asked, iterator)
      return value, id
    end
  end
end

--- Iterates ids and values for which the predicate is true; of "entries" also revision and time.
---@param self PersistBase
---@param method string
---@param predicate function
---@param range? holdfast.Range
---@param kind "pairs"|"entries"
---@return fun(): string, any, integer?, integer?
function M.pairs(self, method, predicate, range, kind)
  local limit
  range, limit = withoutLimit(self, range)
  return overPairs(self, method, predicate, range, limit, kind)
end

-- How many there are of which the predicate is true, where no limit stops the counting: those that the condition is
-- sure of are counted where they are stored.
local function countAll(self, method, predicate, range)
  local arguments = argumentsOf(predicate)
  local step, iterator, left = open(self, range, arguments == 2 and "pairs" or "values")
  local total, asked = 0
  while true do
    left = left - 1
    if left < 0 then left, asked = attend(asked, iterator, predicate, arguments, true) end
    local value, id = step()
    if value == nil then
      if iterator then total = total + core.counted(iterator) end
      finish(asked, iterator)
      return total
    end
    if arguments == 2 then value, id = id, value end
    if ask(self, method, predicate, arguments, value, id) then total = total + 1 end
  end
end

--- How many there are of which the predicate is true.
---@param self PersistBase
---@param predicate function
---@param range? holdfast.Range
---@return integer
function M.count(self, predicate, range)
  local rest, limit = withoutLimit(self, range)
  if limit == huge then return countAll(self, "count", predicate, rest) end
  local total = 0
  for _ in overPairs(self, "count", predicate, rest, limit, "pairs") do total = total + 1 end
  return total
end

--- Whether what a condition refuses can be left out of loops over the instance: not where a class's own values() or an
--- own field of the instance gives the entities.
---@param self PersistBase
---@param predicate function
---@return boolean
function M.canLeaveOut(self, predicate)
  local kind = argumentsOf(predicate) == 2 and "pairs" or "values"
  return not (kind == "values" and rawget(self, "values")) and getmetatable(self).leavesOut(self, kind)
end

--- With how many arguments the predicate is called: the value, or the value and its id.
---@param predicate function
---@return 1|2
function M.argumentsOf(predicate) return argumentsOf(predicate) end

--- Calls the predicate for one entity.
---@param self PersistBase
---@param method string
---@param predicate function
---@return fun(value: any, id: string): any  what the predicate gives
function M.asker(self, method, predicate)
  local arguments = argumentsOf(predicate)
  return function(value, id) return ask(self, method, predicate, arguments, value, id) end
end

return M
