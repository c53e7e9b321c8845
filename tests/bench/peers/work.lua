-- SPDX-License-Identifier: MIT
--
-- What is measured of a peer in Lua: work.h says what there is.  The scripts beside this say how their store does it,
-- and this measures; Tarantool runs it, too.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../?.lua;" .. package.path

local clock = dofile(here .. "/../clock.lua") -- Tarantool has a module of this name
local o = require "arguments"(arg)
local random = require("signals").random

local function sizeOf(store)
  local size = store.size()
  return size > 0 and size or error("nothing is stored", 0)
end

-- The next n ids of those that all peers read.
local function ids(store)
  local following, count = random(o.seed), sizeOf(store)
  return function(n)
    local list = {}
    for i = 1, n do list[i] = "log-" .. following() % count + 1 end
    return list
  end
end

-- µs of an entity, and how many fn gave; a first time to warm up.
local function perEntity(store, fn)
  fn()
  local given
  local us = clock.perOperation(sizeOf(store), function() given = fn() end)
  return us, given
end

local works = {}

function works.load(store, decode)
  local entities = {}
  for line in io.lines(o.source) do entities[#entities + 1] = decode(line) end
  return clock.perOperation(#entities, function() store.load(entities) end), #entities
end

function works.get(store)
  return clock.perAccess(o.ops, function() return ids(store) end, function(list)
    for i = 1, #list do store.get(list[i]) end
  end)
end

-- Writes what was read before, of which no time is taken.
function works.put(store)
  local function prepare()
    local following = ids(store)
    return function(n)
      local list = {}
      for i, id in ipairs(following(n)) do list[i] = { id, store.get(id) } end
      return list
    end
  end
  return clock.perAccess(o.ops, prepare, function(list)
    for i = 1, #list do store.put(list[i][1], list[i][2]) end
  end)
end

-- Indexes over metadata.symbol, priceOpen and id.
function works.index(store)
  local size = sizeOf(store)
  return clock.perOperation(size, store.index)
end

-- One by an id that it has in itself, and no other.
function works.find(store)
  local function prepare()
    local following = ids(store)
    return function(n)
      local list = following(n)
      for i, id in ipairs(list) do list[i] = store.get(id).id end
      return list
    end
  end
  return clock.perAccess(o.ops, prepare, function(list)
    for i = 1, #list do store.find(list[i]) end
  end)
end

-- The ten that have the largest priceOpen.
function works.top(store)
  local given = store.top()
  return clock.perOperation(o.ops, function()
    for _ = 1, o.ops do store.top() end
  end), given
end

for _, name in ipairs { "values", "symbol", "sum", "substring", "count" } do
  works[name] = function(store) return perEntity(store, store[name]) end
end

--- Measures what the command line asks for, and prints it.
---@param open fun(dir: string, isDurable: boolean, isEmptied: boolean): table  a store: load(entities), get(id) and
---  put(id, entity); values(), symbol(), sum() and substring() read or ask all and give how many there were; count(),
---  of one symbol; size(), of all.  Those with indexes: index() makes them; find(value) gives one by its id inside;
---  top() reads ten, and gives how many
---@param decode fun(json: string): any
return function(open, decode)
  local work = assert(works[o.what], "nothing is called so")
  local us, given = work(open(o.dir, o.synced == true, o.what == "load"), decode)
  print(("%.6f %d"):format(us, given or 0))
end
