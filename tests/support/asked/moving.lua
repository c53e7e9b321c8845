-- SPDX-License-Identifier: MIT
--
-- Loops by an index, and in its order, whose bodies write and remove what they go over.  An entity that nobody changes
-- is given exactly once if it is wanted; one that is changed at most once, with a value that it had meanwhile and that
-- is wanted, and surely where all that it had are; everything in the order of the loop.  In the order of an index one
-- that is changed may move: it is given where it is, so also twice or never.

local holdfast = require "holdfast"
local collections = require "support.asked.collections"
local draws = require "support.asked.draws"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

local MOST, KEYS = 1500, 400

-- What is wanted, by the keys; `low` and `high` are set for each loop.
local low, high = 0, 0

local WANTED = {
  function(v) return v.key == low end,
  function(v) return v.key == low or v.key == high end,
  function(v) return v.key >= low and v.key < low + 4 end,
  function(v) return v.key > low and v.key <= low + 3 and v.n % 2 == 0 end,
}

local function value(draw, near)
  local key = draw(KEYS)
  if near and not oneIn(draw, 3) then key = math.min(KEYS, low + draw(6) - 1) end
  return { key = key, n = draw(10) }
end

-- ---- changes

---@class asked.Moving
---@field store PersistBase
---@field now table<string, table>    what each id has
---@field had table<string, table[]>  all that the ids that were changed had since the loop began; false: nothing

local function note(state, id, new)
  state.had[id] = state.had[id] or { state.now[id] or false }
  table.insert(state.had[id], new or false)
  state.now[id] = new or nil
end

local function change(draw, state)
  local way, ids = draw(8), {}
  for i = 1, draw(4) do ids[i] = collections.id(draw(MOST)) end
  if way <= 3 then
    local new = value(draw, true)
    state.store:writeValue(ids[1], new)
    note(state, ids[1], new)
  elseif way <= 5 then
    local batch = {}
    for _, id in ipairs(ids) do batch[id] = value(draw, true) end
    state.store:writeMany(batch)
    for id, new in pairs(batch) do note(state, id, new) end
  elseif way <= 7 then
    state.store:removeMany(ids)
    for _, id in ipairs(ids) do note(state, id, nil) end
  else
    pcall(holdfast.transaction, function()
      state.store:removeMany(ids)
      state.store:writeValue(ids[1], value(draw, true))
      error("undo", 0)
    end)
  end
end

-- ---- judging

local function same(a, b) return a and b and a.key == b.key and a.n == b.n end

-- Whether an id has to be given, and whether it may be.
local function expected(state, wanted, id)
  local all, some = true, false
  for _, had in ipairs(state.had[id] or { state.now[id] or false }) do
    local is = had and wanted(had)
    all, some = all and is, some or is
  end
  return all, some
end

local function problemOf(state, wanted, given, mayMove)
  for id, new in pairs(given) do
    local found = false
    for _, had in ipairs(state.had[id] or { state.now[id] or false }) do found = found or same(had, new) end
    if not found then return id .. " was given as it never was" end
    if not wanted(new) then return id .. " was given and is not wanted" end
  end
  local ids = {}
  for id in pairs(state.now) do ids[id] = true end
  for id in pairs(state.had) do ids[id] = true end
  for id in pairs(ids) do
    local must, may = expected(state, wanted, id)
    if must and not given[id] and not (mayMove and state.had[id]) then return id .. " was not given" end
    if given[id] and not may then return id .. " was given" end
  end
end

-- ---- loops

-- Whether an entry comes after the one before it.
local function isAfter(range, before, new)
  if not before then return true end
  if not range.index then return true end
  if range.reverse then before, new = new, before end
  return before.key <= new.key
end

local function walk(draw, state, range, wanted)
  local given, last, lastId, place = {}, nil, nil, {}
  for i, id in ipairs(state.order) do place[id] = i end
  for id, new in state.store:entries(range) do
    if given[id] and not (range.index and state.had[id]) then return id .. " was given twice" end
    if not isAfter(range, last, new) then return id .. " was given out of order" end
    local isBack = not range.index and lastId and place[id] < place[lastId]
    if not range.index and lastId and (isBack == not range.reverse) then return id .. " was given out of order" end
    given[id], last, lastId = new, new, id
    while oneIn(draw, 2) do change(draw, state) end
  end
  return problemOf(state, wanted, given, range.index)
end

-- The natural order of all ids.
local function natural()
  local store, ids = holdfast.PersistBase("order", "memory:asked-order"), {}
  local batch = {}
  for i = 1, MOST do batch[collections.id(i)] = i end
  store:writeMany(batch)
  for id in store:keys() do ids[#ids + 1] = id end
  store:close()
  return ids
end

local function always() return true end

local function loop(draw, state)
  low, high = draw(KEYS), draw(KEYS)
  state.had = {}
  if oneIn(draw, 4) then
    return walk(draw, state, { index = "key", reverse = oneIn(draw, 2) }, always)
  end
  local wanted = pick(draw, WANTED)
  return walk(draw, state, { where = wanted, reverse = oneIn(draw, 2) }, wanted)
end

--- Loops over a new store of a kind.
---@param seed integer
---@param kind string
---@param count integer  of loops
---@return string? problem
function M.problem(seed, kind, count)
  local draw = draws.fresh(seed)
  local state = { store = collections.open(kind), now = {}, order = natural() }
  for i = 1, MOST do state.now[collections.id(i)] = value(draw) end
  state.store:writeMany(state.now)
  state.store:createIndex "key"
  local found
  for number = 1, count do
    found = loop(draw, state)
    if found then found = ("seed %d, loop %d in %s: %s"):format(seed, number, kind, found) break end
  end
  state.store:removeAll()
  state.store:close()
  return found
end

return M
