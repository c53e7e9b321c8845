-- SPDX-License-Identifier: MIT
--
-- Iterations in the order of an index, beside all entities sorted by what they have at its paths: by class, numbers by
-- their value, texts by their first bytes; what is the same in natural order.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local draws = require "support.asked.draws"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

local CLASSES = { "null", "false", "true", "number", "string", "table", "missing", "nowhere", "in null",
  "unwalkable" }
local RANK = {}
for i, class in ipairs(CLASSES) do RANK[class] = i end

-- Bytes of a text that an index over so many paths has, each NUL counting twice.
local ROOM = { 187, 91, 59, 43 }

-- What is in order as texts are: one that ends where others are cut comes before those.
local function cut(text, room)
  local i, used = 0, 0
  while i < #text do
    used = used + (text:byte(i + 1) == 0 and 2 or 1)
    if used > room then break end
    i = i + 1
  end
  return text:sub(1, i):gsub("%z", "\0\255") .. (i < #text and "\0\2" or "\0\1")
end

-- Class and value of what an entity has.
local function part(value, steps, room)
  for i, key in ipairs(steps) do
    if value == nil then return RANK.nowhere end
    if value == holdfast.null and i > 1 then return RANK["in null"] end
    if type(value) ~= "table" then return RANK.unwalkable end
    value = value[key]
  end
  if value == nil then return RANK.missing end
  if value == holdfast.null then return RANK.null end
  if type(value) == "boolean" then return RANK[tostring(value)] end
  if type(value) == "string" then return RANK.string, cut(value, room) end
  return RANK[type(value)], type(value) == "number" and value or nil
end

-- Of an entity: class, value, class, value, ...
local function keyOf(value, paths)
  local key = {}
  for i, steps in ipairs(paths) do key[2 * i - 1], key[2 * i] = part(value, steps, ROOM[#paths]) end
  return key
end

-- nil: neither is before the other.
local function isBefore(a, b, count)
  for i = 1, 2 * count do
    local x, y = a[i], b[i]
    if x ~= y then return x < y end
  end
end

-- The ids that an iteration has to give.
local function sorted(store, paths)
  local all = {}
  for id, value in store:entries() do
    local key = keyOf(value, paths)
    key.id, key.place = id, #all
    if key[1] <= RANK.string then all[#all + 1] = key end
  end
  table.sort(all, function(a, b)
    local before = isBefore(a, b, #paths)
    if before == nil then return a.place < b.place end
    return before
  end)
  local ids = {}
  for i, key in ipairs(all) do ids[i] = key.id end
  return ids
end

-- Those within the range, in its order.
local function within(ids, range)
  local out = {}
  local first, last, step = 1, #ids, 1
  if range.reverse then first, last, step = #ids, 1, -1 end
  for i = first, last, step do
    if #out == range.limit then break end
    if not range.prefix or ids[i]:sub(1, #range.prefix) == range.prefix then out[#out + 1] = ids[i] end
  end
  return out
end

local RANGES = { {}, { reverse = true }, { limit = 3 }, { reverse = true, limit = 2 }, { prefix = "e" },
  { prefix = "f", reverse = true, limit = 7 } }

--- What is wrong with an iteration in the order of one of the indexes of a store; nil: nothing.
---@param draw asked.Draw
---@param session asked.IndexedSession
---@param store PersistBase
---@return string?
function M.problem(draw, session, store)
  local list = core.indexes(store)
  if not list[1] or not oneIn(draw, 3) then return nil end
  local index = pick(draw, list)
  local range = { index = index.name }
  for name, value in pairs(pick(draw, RANGES)) do range[name] = value end
  local expected, n = within(sorted(store, session.steps[index.name]), range), 0
  session.walked = session.walked + 1
  for id in store:keys(range) do
    n = n + 1
    if id ~= expected[n] then
      return ("in the order of %s, place %d: %s, and not %s"):format(index.name, n, id, tostring(expected[n]))
    end
  end
  if n == #expected then return nil end
  return ("in the order of %s: %d ids, and not %d"):format(index.name, n, #expected)
end

return M
