-- SPDX-License-Identifier: MIT
--
-- Holdfast by a script, as its peers are measured: see work.lua.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path

local holdfast = require "holdfast"
local work = require "work"
local questions = require "questions"

local function open(dir, isDurable, isEmptied)
  if isEmptied then os.execute("rm -rf '" .. dir .. "'") end
  local store = holdfast.PersistBase("signal", dir, { durability = isDurable and "sync" or "nosync" })
  store:waitForInit(true)

  local function length(iterator)
    local n = 0
    for _ in iterator do n = n + 1 end
    return n
  end

  local peer = {
    size = function() return store:count() end,
    get = function(id) return store:readValue(id) end,
    put = function(id, entity) store:writeValue(id, entity) end,
    values = function() return length(store:values()) end,
  }
  function peer.load(entities)
    local batch = {}
    for i, entity in ipairs(entities) do batch["log-" .. i] = entity end
    store:writeMany(batch)
  end
  for _, name in ipairs { "symbol", "sum", "substring" } do
    peer[name] = function() return length(store:filter(questions[name])) end
  end
  function peer.index()
    for _, path in ipairs { "metadata.symbol", "priceOpen", "v.id" } do store:createIndex(path) end
  end
  local sought
  local function isSought(v) return v.id == sought end
  function peer.find(value)
    sought = value
    return assert((store:first(isSought)))
  end
  function peer.top() return length(store:values { index = "priceOpen", reverse = true, limit = 10 }) end
  peer.count = function() return store:count(questions.symbol) end
  return peer
end

work(open, holdfast.json.decode)
