-- SPDX-License-Identifier: MIT
--
-- Unique indexes beside a plain model, at random: single writes, batches, removals, transactions that are undone,
-- values of each kind, texts that differ only at their ends, two paths.  A write is refused exactly where another
-- entity has the same values, changes nothing then, and the index agrees with the entities all the while.

local assert = require("luassert")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local temp = require("support.temp")

local null = holdfast.null
local rounds = tonumber(os.getenv "HOLDFAST_ROUNDS") or 1
local long = ("x"):rep(300)

-- What entities have at the path.  Texts are cut in an index: some are the same up to there.
local VALUES = {
  function() return nil end, function() return null end, function() return false end, function() return true end,
  function() return 0 end, function() return -0 end, function() return 1 end, function() return 1.5 end,
  function() return 2 ^ 53 end, function() return "a" end, function() return "b" end, function() return "" end,
  function() return "0" end, function() return "a\0" end, function() return long .. "a" end,
  function() return long .. "b" end, function() return long end, function() return {} end,
  function() return { 1 } end, function() return { x = 1 } end,
}

local KINDS = { boolean = true, number = true, string = true }

-- What makes two entities the same: nil where one of the values is of a kind that does not count.
local function keyOf(value, paths)
  local parts = {}
  for i, path in ipairs(paths) do
    local found = type(value) == "table" and value[path] or nil
    if type(value) == "table" and value[path] == false then found = false end
    if not KINDS[type(found)] then return nil end
    if found == 0 then found = 0 end -- of either sign
    parts[i] = type(found) .. ":" .. (found == 0 and "0" or tostring(found):gsub("%%", "%%%%"):gsub("|", "%%p"))
  end
  return table.concat(parts, "|")
end

-- Whether no two entities of a model are the same.
local function isUnique(model, paths)
  local holder = {}
  for id, value in pairs(model) do
    local key = keyOf(value, paths)
    if key and holder[key] then return false end
    if key then holder[key] = id end
  end
  return true
end

local function with(model, changes)
  local copy = {}
  for id, value in pairs(model) do copy[id] = value end
  for id, value in pairs(changes) do copy[id] = value end
  return copy
end

local function without(model, ids)
  local copy = with(model, {})
  for _, id in ipairs(ids) do copy[id] = nil end
  return copy
end

local function draw()
  if math.random(30) == 1 then return math.random(2) == 1 and 5 or "text" end -- an entity without fields
  return { a = VALUES[math.random(#VALUES)](), b = VALUES[math.random(8)](), n = math.random(3) }
end

local function idOf() return "id-" .. math.random(14) end

local counts

local UNDO = "undo"

-- A change that a unique index may refuse.  A transaction in which a batch was refused can only be undone.
local function attempt(model, paths, changed, write, breaks)
  local ok, raised = pcall(write)
  if isUnique(changed, paths) then
    if not ok then error(raised, 0) end
    counts.done = counts.done + 1
    return changed
  end
  assert.False(ok, "a second one was written")
  assert.equal("duplicate", raised.code)
  counts.refused = counts.refused + 1
  if breaks then error(UNDO, 0) end
  return model
end

local function step(store, model, paths, depth)
  local way = math.random(10)
  if way <= 4 then
    local id, value = idOf(), draw()
    return attempt(model, paths, with(model, { [id] = value }), function() store:writeValue(id, value) end)
  elseif way <= 6 then
    local batch = {}
    for _ = 1, math.random(5) do batch[idOf()] = draw() end
    return attempt(model, paths, with(model, batch), function() store:writeMany(batch) end, depth > 0)
  elseif way == 7 then
    -- Two entities change places.
    local one, other = idOf(), idOf()
    local batch = { [one] = model[other], [other] = model[one] }
    return attempt(model, paths, with(model, batch), function() store:writeMany(batch) end, depth > 0)
  elseif way == 8 or depth > 2 then
    local ids = { idOf(), idOf() }
    store:removeMany(ids)
    return without(model, ids)
  end
  local inner = model
  local ok, raised = pcall(holdfast.transaction, function()
    for _ = 1, math.random(5) do inner = step(store, inner, paths, depth + 1) end
    if math.random(2) == 1 then error(UNDO, 0) end
  end)
  if not ok and raised ~= UNDO then error(raised, 0) end
  return ok and inner or model
end

local function check(store, model)
  local count, first = core.checkIndexes(store, false)
  assert.equal(0, count, first[1] and first[1].problem)
  local seen = {}
  for id, value in store:entries() do seen[id] = value end
  assert.same(model, seen)
end

for _, kind in ipairs { "lmdb", "memory" } do
  describe("a unique index of a store of kind " .. kind, function()
    local store

    before_each(function()
      counts = { done = 0, refused = 0 }
      local base = kind == "memory" and "memory:unique" or "lmdb:" .. temp.quickDirectory() .. "/s?durability=nosync"
      store = holdfast.PersistBase("unique", base)
      store:removeAll()
      for _, index in ipairs(store:indexes()) do store:dropIndex(index.paths) end
    end)

    after_each(function()
      store:close()
      temp.removeAll()
    end)

    for _, paths in ipairs { { "a" }, { "a", "b" } } do
      it("refuses what would be there twice, and nothing else, over " .. table.concat(paths, ","), function()
        math.randomseed(tonumber(os.getenv "HOLDFAST_SEED") or 1)
        store:createIndex(paths, { unique = true })
        local model = {}
        for i = 1, 1200 * rounds do
          model = step(store, model, paths, 0)
          if i % 20 == 0 then check(store, model) end
        end
        check(store, model)
        assert(counts.done > 200 and counts.refused > 100, counts.done .. " done, " .. counts.refused .. " refused")
      end)
    end

    it("is not made over two that are the same, and names them", function()
      store:writeMany { one = { a = long .. "1" }, other = { a = long .. "1" }, third = { a = long .. "2" } }
      local ok, raised = pcall(store.createIndex, store, "a", { unique = true })
      assert.False(ok)
      assert.equal("duplicate", raised.code)
      local said = raised.message .. " " .. raised.entityId
      assert(said:find("one", 1, true) and said:find("other", 1, true), said)
      assert.same({}, store:indexes())
      store:removeValue("other")
      store:createIndex("a", { unique = true })
      ok, raised = pcall(store.writeValue, store, "third", { a = long .. "1" })
      assert.False(ok)
      assert.equal("duplicate", raised.code)
      assert.equal("third", raised.entityId)
      assert(raised.message:find("one", 1, true), raised.message)
    end)
  end)
end
