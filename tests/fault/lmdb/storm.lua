-- SPDX-License-Identifier: MIT
--
-- A writer of the kill storms (storm.h) whose steps are carried out by Lua.  storm.c runs this file in a runtime and
-- calls step() for each of them:
--
--   step(base, number, kind, { { entity name, id, value or null, group }, ... })

local holdfast = require "holdfast"
local core = require "holdfast.core"

local stores = {}

local function collection(base, name)
  stores[name] = stores[name] or holdfast.PersistBase(name, base)
  return stores[name]
end

local function remove(store, id)
  local ok, err = pcall(store.removeValue, store, id)
  if not ok and err.code ~= "not_found" then error(err, 0) end
end

local function applyAll(base, changes, group)
  for _, change in ipairs(changes) do
    local store, mine = collection(base, change[1]), change[4] == group
    if mine and change[3] == holdfast.null then
      remove(store, change[2])
    elseif mine then
      store:writeValue(change[2], change[3])
    end
  end
end

local function addOne(base)
  local counter = collection(base, "counter")
  counter:writeValue("n", (counter:hasValue "n" and counter:readValue "n" or 0) + 1)
end

local kinds = {}

function kinds.write(base, changes) applyAll(base, changes, 0) end

kinds.remove = kinds.write

function kinds.writeMany(base, changes)
  local values = {}
  for _, change in ipairs(changes) do values[change[2]] = change[3] end
  collection(base, changes[1][1]):writeMany(values)
end

function kinds.removeMany(base, changes)
  local ids = {}
  for i, change in ipairs(changes) do ids[i] = change[2] end
  collection(base, changes[1][1]):removeMany(ids)
end

function kinds.removeAll(base, changes) collection(base, changes[1][1]):removeAll() end

function kinds.transaction(base, changes)
  holdfast.transaction(function()
    applyAll(base, changes, 0)
    addOne(base)
  end)
end

function kinds.nested(base, changes)
  holdfast.transaction(function()
    applyAll(base, changes, 0)
    holdfast.transaction(function() applyAll(base, changes, 1) end)
    local undone, err = pcall(holdfast.transaction, function()
      applyAll(base, changes, 2)
      error "undo"
    end)
    assert(not undone)
    if type(err) == "table" and err.code == "full" then error(err, 0) end
    addOne(base)
  end)
end

function kinds.quarantine(base, changes, number)
  holdfast.transaction(function()
    for _, change in ipairs(changes) do
      local store = collection(base, change[1])
      remove(store, change[2])
      core.quarantine(store, change[2], "a storm", "?" .. number)
    end
  end)
end

function _G.step(base, number, kind, changes) kinds[kind](base, changes, ("%d"):format(number)) end
