-- SPDX-License-Identifier: MIT
--
-- Entities and predicates for what is asked of many, and what comes of that when it is done in plain Lua.

local core = require "holdfast.core"

local M = {}

--- How many entities there are: more than are asked before a predicate is read.
M.COUNT = 240

local SYMBOLS = { "BTCUSDT", "ETHUSDT", "BTC.D", "SOLUSDT" }
local ODD = { 7, "7", core.json.null, false, true, "" }

--- The entity of item-I.
---@param i integer
---@return table
function M.entity(i)
  return {
    n = i,
    side = i % 2 == 0 and "long" or "short",
    symbol = SYMBOLS[i % 4 + 1],
    price = i * 1.5,
    note = i % 5 == 0 and core.json.null or i % 5 == 1 and "checked" or nil,
    odd = ODD[i % 7], -- a number, a text, null, or nothing
    deep = { level = i % 9 },
    targets = { i, i + 1 },
  }
end

--- All entities by their ids.
---@return table<string, table>
function M.entities()
  local all = {}
  for i = 1, M.COUNT do all["item-" .. i] = M.entity(i) end
  return all
end

local function isInside(id, range)
  if range.prefix and id:sub(1, #range.prefix) ~= range.prefix then return false end
  local i = tonumber(id:match("%d+"))
  local from, to = range.from and tonumber(range.from:match("%d+")), range.to and tonumber(range.to:match("%d+"))
  return (not from or i >= from) and (not to or i <= to)
end

--- What a predicate is true of, found without a store.
---@param predicate function
---@param range holdfast.Range
---@return {ids: string[], values: any[]}
function M.wanted(predicate, range)
  local found, first, last, step = { ids = {}, values = {} }, 1, M.COUNT, 1
  if range.reverse then first, last, step = last, first, -1 end
  for i = first, last, step do
    local id, value = "item-" .. i, M.entity(i)
    if #found.ids < (range.limit or M.COUNT) and isInside(id, range) and predicate(value, id) then
      found.ids[#found.ids + 1], found.values[#found.values + 1] = id, value
    end
  end
  return found
end

local minimum, names = 100, { wanted = "BTCUSDT" }
local function isEven(v) return v.n % 2 == 0 end

--- {name=, predicate=}: what is understood wholly, in part, and not at all.
M.list = {
  { name = "comparisons", predicate = function(v) return v.symbol == "BTCUSDT" and v.price > 150 end },
  { name = "variables", predicate = function(v) return v.n >= minimum and v.symbol ~= names.wanted end },
  { name = "fields that are not there, and null", predicate = function(v)
    return v.note == core.json.null or v.note == nil and v.n > 200
  end },
  { name = "values of other types", predicate = function(v) return v.odd == 7 or v.odd == "" or not v.odd end },
  { name = "what is inside", predicate = function(v) return v.deep.level == 3 or v.targets[2] == 180 end },
  { name = "texts", predicate = function(v) return v.symbol:sub(-4) == "USDT" and v.symbol:find("TC", 1, true) end },
  { name = "arithmetic and types", predicate = function(v) return v.n % 10 == 7 and type(v.odd) ~= "string" end },
  { name = "the id", predicate = function(v, id) return id == "item-99" or v.n > 230 end },
  { name = "other functions", predicate = function(v) return v.n > 180 and isEven(v) end },
  { name = "a pattern", predicate = function(v) return v.symbol:lower():match("^[bs]") ~= nil and v.n > 190 end },
}

return M
