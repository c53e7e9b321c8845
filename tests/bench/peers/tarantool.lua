-- SPDX-License-Identifier: MIT
--
-- Tarantool in its own process, memtx: a tuple for each entity, its fields as a map, and paths into it for questions.
-- Run by tarantool; see work.lua.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path

-- luacheck: read globals box

local fio = require "fio"
local json = require "json"
local work = require "work"

local AT_ONCE = 1000 -- entities of a transaction

-- What it does once it has indexes.
local function useIndexes(peer, space)
  local index = space.index
  function peer.symbol()
    local n = 0
    for _, tuple in index.symbol:pairs("BTCUSDT") do
      if tuple[2] then n = n + 1 end
    end
    return n
  end
  function peer.count() return index.symbol:count("BTCUSDT") end
  function peer.find(value) return index.own:select(value)[1][2] end
  function peer.top()
    local n = 0
    for _, tuple in ipairs(index.price:select({}, { iterator = "REQ", limit = 10 })) do
      if tuple[2] then n = n + 1 end
    end
    return n
  end
end

local function makeIndexes(space)
  local function make(name, path, kind)
    space:create_index(name, { parts = { { field = "data", path = path, type = kind } }, unique = false })
  end
  make("symbol", "metadata.symbol", "string")
  make("price", "priceOpen", "number")
  make("own", "id", "string")
end

local function open(dir, isDurable, isEmptied)
  if isEmptied then fio.rmtree(dir) end
  fio.mktree(dir)
  box.cfg {
    work_dir = dir, log = dir .. "/log", wal_mode = isDurable and "fsync" or "write",
    memtx_memory = 4 * 1024 ^ 3, checkpoint_interval = 0,
  }
  local space = box.space.e
  if not space then
    space = box.schema.space.create("e", { format = { { "id", "string" }, { "data", "map" } } })
    space:create_index("pk", { parts = { "id" } })
  end

  -- A function that gives how many are wanted, each of which it decodes.
  local function ask(isWanted)
    return function()
      local n = 0
      for _, tuple in space:pairs() do
        if isWanted(tuple) and tuple[2] then n = n + 1 end
      end
      return n
    end
  end

  local peer = {
    size = function() return space:len() end,
    get = function(id) return space:get(id)[2] end,
    put = function(id, entity) space:replace { id, entity } end,
    values = ask(function() return true end),
    symbol = ask(function(tuple) return tuple["data.metadata.symbol"] == "BTCUSDT" end),
    sum = ask(function(tuple) return tuple["data.priceTakeProfit"] - tuple["data.priceOpen"] > 1746.3 end),
    substring = ask(function(tuple) return tuple["data.symbol"]:find("BTC", 1, true) end),
  }
  function peer.load(entities)
    for first = 1, #entities, AT_ONCE do
      box.begin()
      for i = first, math.min(first + AT_ONCE - 1, #entities) do peer.put("log-" .. i, entities[i]) end
      box.commit()
    end
  end
  function peer.count()
    local n = 0
    for _, tuple in space:pairs() do
      if tuple["data.metadata.symbol"] == "BTCUSDT" then n = n + 1 end
    end
    return n
  end
  function peer.index() makeIndexes(space) end
  if space.index.own then useIndexes(peer, space) end
  -- It goes on with the log of the process before, opened so that nothing is flushed; a new log is begun after a
  -- snapshot, which is made if something was written.
  if isDurable and not isEmptied then
    peer.put("log-1", peer.get "log-1")
    box.snapshot()
  end
  return peer
end

work(open, json.decode)
os.exit(0)
