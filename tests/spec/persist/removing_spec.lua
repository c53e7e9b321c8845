-- SPDX-License-Identifier: MIT
--
-- removeWhere where a store has no transactions: each entity is removed at the revision at which it was asked of, so
-- that nothing goes that somebody has written since and that is not wanted any more.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local list = stores.list
local counter = 0

after_each(function() stores.leaveNothing() end)

-- A store that has revisions and removals at one, and no transactions; and another handle, by which others write.
local function open(methods, supports)
  local Apart = holdfast.MemoryPersist:extend("Apart")
  Apart.supports = supports or { transaction = false, snapshot = false, nested = false, atomicBatch = false }
  -- A class that has no methods is the store itself.
  function Apart:hasValue(id) return holdfast.MemoryPersist.hasValue(self, id) end
  for name, method in pairs(methods or {}) do Apart[name] = method end
  counter = counter + 1
  local base = "removing-" .. counter
  local store, others = Apart("signal", base), holdfast.MemoryPersist("signal", base)
  for i = 1, 100 do others:writeValue(i, { n = i, wanted = i % 2 == 0 }) end
  return store, others
end

describe("removeWhere without transactions", function()
  it("removes what it says", function()
    local store, others = open()
    assert.is_false(store.supports.transaction)
    assert.is_true(store.supports.removeIfRevision)
    assert.equal(50, store:removeWhere(function(v) return v.wanted end))
    assert.equal(50, others:count())
    assert.equal(0, others:count(function(v) return v.wanted end))
    assert.equal(3, store:removeWhere(function(_, id) return tonumber(id) > 50 end, { limit = 3, reverse = true }))
    assert.same({ "93", "91", "89" }, list(store:keys { reverse = true, limit = 3 }))
    assert.equal(0, store:removeWhere(function() return false end))
  end)

  it("leaves what was written meanwhile and is not wanted any more", function()
    local store, others = open()
    local asked = {}
    local removed = store:removeWhere(function(v)
      asked[v.n] = (asked[v.n] or 0) + 1
      if v.n == 100 then
        others:writeValue(10, { n = 10, wanted = false })
        others:writeValue(20, { n = 20, wanted = true, again = true })
        others:removeValue(30)
        others:writeValue(1, { n = 1, wanted = true }) -- the loop had come by
      end
      return v.wanted
    end)
    assert.equal(48, removed)
    assert.equal(2, asked[10])
    assert.equal(2, asked[20])
    assert.equal(1, asked[40])
    assert.same({ n = 10, wanted = false }, store:readValue(10))
    assert.is_false(store:hasValue(20))
    assert.is_true(store:hasValue(1))
    assert.equal(51, store:count())
  end)

  it("gives up on what is written each time before it can be removed, and says so", function()
    local others, store
    local left = 1000
    store, others = open { removeValue = function(self, id, options)
      if id == "50" and left > 0 then
        left = left - 1
        others:writeValue(id, { n = 50, wanted = true })
      end
      return holdfast.MemoryPersist.removeValue(self, id, options)
    end }
    assert.is_false(store.supports.removeIfRevision) -- which a method of its own has to declare
    store:close()
    local declared = { transaction = false, snapshot = false, nested = false, atomicBatch = false,
      removeIfRevision = true }
    local Apart = getmetatable(store).class
    Apart.supports = declared
    store = Apart("signal", others.baseDir)
    local err = raises.error("conflict", "^removeWhere: signal:50 was written by others each time",
      store.removeWhere, store, function(v) return v.wanted end)
    assert.is_true(err.retryable)
    assert.is_true(store:hasValue(50))
    left = 3
    assert.equal(26, store:removeWhere(function(v) return v.wanted end))
    assert.equal(0, store:count(function(v) return v.wanted end))
  end)

  it("ends where the predicate raises when it asks again, and what is removed stays removed", function()
    local store, others = open()
    local asked = 0
    raises.error("script", "^removeWhere: the predicate raised: .*enough", store.removeWhere, store, function(v)
      asked = asked + 1
      if asked == 100 then others:writeValue(60, { n = 60, wanted = true }) end
      if asked > 100 then error("enough") end
      return v.wanted
    end)
    assert.is_true(store:hasValue(60))
    assert.is_false(store:hasValue(58))
    assert.is_true(store:hasValue(62))
  end)

  it("is refused where there are no revisions either", function()
    local function write(self, id, value) return holdfast.MemoryPersist.writeValue(self, id, value) end
    for _, methods in ipairs({ { writeValue = write },
      { readValue = function(self, id) return holdfast.MemoryPersist.readValue(self, id) end },
      { removeValue = function(self, ...) return holdfast.MemoryPersist.removeValue(self, ...) end } }) do
      local store = open(methods)
      assert.is_false(store.supports.removeIfRevision)
      raises.error("unsupported", "^removeWhere: this store has neither transactions nor removals at a revision",
        store.removeWhere, store, function() return true end)
      raises.error("unsupported", "^lua stores cannot remove at a revision: ", store.removeValue, store, 1,
        { ifRevision = 1 })
      assert.equal(100, store:count())
      assert.equal(50, store:removeWhere(function(v) return v.wanted end, { race = true }))
    end
  end)
end)

describe("removeIfRevision", function()
  local function declaring(methods, supports)
    local Class = holdfast.PersistBase:extend("Own")
    for _, name in ipairs(holdfast.PersistBase.missingMethods(Class)) do Class[name] = function() end end
    for name, method in pairs(methods) do Class[name] = method end
    Class.supports = supports
    return pcall(Class, "signal", "own")
  end

  it("is declared by classes that have what it needs", function()
    local write = { writeValue = function(_, _, _, _) return 1 end }
    local ok, err = declaring(write, { removeIfRevision = true })
    assert.is_false(ok)
    assert.matches("declares supports.removeIfRevision, but not supports.revision", err.message, 1, true)
    ok, err = declaring(write, { removeIfRevision = true, revision = true })
    assert.is_false(ok)
    assert.matches("but removeValue takes no condition: function Own:removeValue(id, options)", err.message, 1, true)
    local got
    write.removeValue = function(_, id, options) got = { id, options } end
    local store
    ok, store = declaring(write, { removeIfRevision = true, revision = true })
    assert.is_true(ok)
    store:removeValue("a", { ifRevision = 2 ^ 53 })
    assert.same({ "a", { ifRevision = 2 ^ 53 } }, got)
    store:removeValue("a")
    assert.same({ "a" }, got)
    store:close()
    local Hidden = holdfast.MemoryPersist:extend("Hidden")
    function Hidden:readValue(id) return holdfast.MemoryPersist.readValue(self, id) end
    Hidden.supports = { removeIfRevision = true }
    raises.error("invalid_argument", "Hidden declares supports.removeIfRevision, but not supports.revision",
      Hidden, "signal", "removing")
  end)

  it("raises what the class raises, as conflict with words of its own", function()
    local code
    local _, store = declaring({
      writeValue = function(_, _, _, _) return 1 end,
      removeValue = function(_, _, _) error(holdfast.error(code), 0) end,
    }, { removeIfRevision = true, revision = true })
    code = "conflict"
    raises.error("conflict", "Entity signal:a is not at revision 7", store.removeValue, store, "a", { ifRevision = 7 })
    code = "not_found"
    raises.error("not_found", "Entity signal:a not found for deletion", store.removeValue, store, "a",
      { ifRevision = 7 })
    code = "unavailable"
    local err = raises.caught(store.removeValue, store, "a", { ifRevision = 7 })
    assert.is_true(core.isError(err, "unavailable"))
    store:close()
  end)
end)
