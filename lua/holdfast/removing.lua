-- SPDX-License-Identifier: MIT
--
-- removeWhere: removing what a predicate is true of.  What it was true of when the loop came by may have changed since,
-- by other processes too; so it is asked again where nothing can change any more: in the transaction that removes.

local asking = require "holdfast.asking"
local check = require "holdfast.check"
local core = require "holdfast.core"

local M = {}

-- Entities that are read again at once.
local BATCH = 256

---@class holdfast.RemoveOptions: holdfast.Range  which are asked of; its limit is of those that are wanted
---@field race? boolean  also where the store cannot keep others from an entity: it has no transactions

local function takeOptions(self, options)
  if options == nil then return nil, false end
  if type(options) ~= "table" then
    check.misuse(self, 'removeWhere: the options must be a table such as {prefix="BTC"}, not a %s', type(options))
  end
  local range, race = {}, options.race
  if race ~= nil and type(race) ~= "boolean" then check.misuse(self, "removeWhere: race must be true or false") end
  for name, value in pairs(options) do range[name] = value end
  range.race = nil
  core.checkRange(self, range)
  return range, race
end

-- Which of the ids are there, and still wanted.
local function askAgain(self, ids, ask)
  local wanted, batch = {}, {}
  for first = 1, #ids, BATCH do
    for i = first, first + BATCH - 1 do batch[i - first + 1] = ids[i] end
    local values = core.readMany(self, batch)
    for _, id in ipairs(batch) do
      if values[id] ~= nil and ask(values[id], id) then wanted[#wanted + 1] = id end
    end
  end
  return wanted
end

local function removeFound(self, ids, ask)
  local wanted = askAgain(self, ids, ask)
  if #wanted == 0 then return 0 end
  return core.removeMany(self, wanted)
end

-- Without transactions, each by itself: read and asked of as late as can be.
local function removeOneByOne(self, found, ask)
  local removed = 0
  for _, id in ipairs(found) do
    local ok, entry = pcall(core.readEntry, self, id)
    if not ok and not core.isError(entry, "not_found") then error(entry, 0) end
    if ok and ask(entry.value, id) then
      local gone, raised = pcall(core.removeValue, self, id)
      if not gone and not core.isError(raised, "not_found") then error(raised, 0) end
      if gone then removed = removed + 1 end
    end
  end
  return removed
end

--- Removes what the predicate is true of.
---@param self PersistBase
---@param predicate function
---@param options? holdfast.RemoveOptions
---@return integer removed
function M.removeWhere(self, predicate, options)
  local range, race = takeOptions(self, options)
  local supports = core.supports(self)
  if not supports.transaction and not race then
    check.unsupported(self, "removeWhere: this store has no transactions, so what somebody changes meanwhile would be "
      .. "removed all the same: pass {race=true} if nobody does")
  end
  local ids = {}
  for id in asking.pairs(self, "removeWhere", predicate, range, "pairs") do ids[#ids + 1] = id end
  if #ids == 0 then return 0 end
  local ask = asking.asker(self, "removeWhere", predicate)
  if not supports.transaction then return removeOneByOne(self, ids, ask) end
  if core.inTransaction() then return removeFound(self, ids, ask) end
  return core.transaction(removeFound, self, ids, ask)
end

return M
