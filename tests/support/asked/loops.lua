-- SPDX-License-Identifier: MIT
--
-- The ways to ask a store, each beside what it has to be the same as: a loop over everything that decodes each entity
-- and calls the function, as `filter` was before conditions.

local core = require "holdfast.core"
local record = require "support.asked.record"

local M = {}

local xpcall, error, pairs = xpcall, error, pairs
local isError, traceback = core.isError, core.traceback

local function explain(raised)
  if isError(raised) then return traceback(raised) end
  return traceback(raised)
end

--- Whether a predicate is given the id, too: one that names two parameters.
---@param predicate function
---@return boolean
function M.withId(predicate) return debug.getinfo(predicate, "u").nparams >= 2 end

-- id, value, revision and time of each entity for which the function gives something true.
local function asked(store, predicate, range)
  local ids = M.withId(predicate)
  local nextEntry = store:entries(range)
  return function()
    while true do
      local id, value, revision, time = nextEntry()
      if id == nil then return nil end
      local ok, wanted = xpcall(predicate, explain, value, ids and id or nil)
      if not ok then
        if not isError(wanted) then error(wanted, 0) end
        wanted.entityName = store.entityName
        error(wanted, 0)
      end
      if wanted then return id, value, revision, time end
    end
  end
end

-- The range with the limit of hits apart, since a loop that decodes everything looks at more.
local function withoutLimit(range)
  local out = {}
  for name, value in pairs(range or {}) do out[name] = value end
  local limit = out.limit
  out.limit = nil
  return out, limit
end

local function limited(store, predicate, range, give)
  local all, limit = withoutLimit(range)
  local nextEntry, n = asked(store, predicate, all), 0
  return function()
    if n == limit then return nil end
    local id, value, revision, time = nextEntry()
    if id == nil then return nil end
    n = n + 1
    return give(id, value, revision, time)
  end
end

local function withPredicate(predicate, range)
  local out = { where = predicate }
  for name, value in pairs(range or {}) do out[name] = value end
  return out
end

local function value(_, v) return v end
local function id(i) return i end
local function entry(i, v, revision, time) return i, v, revision, time end

---@class asked.Loop
---@field old fun(store: PersistBase, predicate: function, range: table?, body: function, note: fun(...))
---@field new fun(store: PersistBase, predicate: function, range: table?, body: function, note: fun(...))

-- A loop that gives what `give` gives, and the method that makes it with a range.
local function loop(method, give)
  return {
    old = function(store, predicate, range, body, note)
      record.walk(limited(store, predicate, range, give), body, note)
    end,
    new = function(store, predicate, range, body, note)
      record.walk(store[method](store, withPredicate(predicate, range)), body, note)
    end,
  }
end

local function countOld(store, predicate, range, _, note)
  record.call(note, function()
    local n = 0
    for _ in limited(store, predicate, range, id) do n = n + 1 end
    return n
  end)
end

---@type table<string, asked.Loop>
M.ways = {
  filter = {
    old = function(store, predicate, range, body, note)
      record.walk(limited(store, predicate, range, value), body, note)
    end,
    new = function(store, predicate, range, body, note) record.walk(store:filter(predicate, range), body, note) end,
  },
  values = loop("values", value),
  keys = loop("keys", id),
  entries = loop("entries", entry),
  count = {
    old = countOld,
    new = function(store, predicate, range, _, note)
      record.call(note, store.count, store, range and withPredicate(predicate, range) or predicate)
    end,
  },
  first = {
    old = function(store, predicate, range, _, note)
      record.call(note, limited(store, predicate, range, function(i, v) return v, i end))
    end,
    new = function(store, predicate, range, _, note) record.call(note, store.first, store, predicate, range) end,
  },
}

return M
