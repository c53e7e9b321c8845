-- SPDX-License-Identifier: MIT
--
-- Backends that are classes in Lua: what the core does before and after an author's methods, what
-- each may return, what follows from methods that a class has or lacks, and classes that wrap a store.
-- The contract itself is checked by the conformance kit, and by tests/unit/lua/test_script.c from C.

local ScriptPersist = require("support.ScriptPersist")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local list = stores.list

local counter = 0
local function newBase()
  counter = counter + 1
  return "base-" .. counter
end

-- A class like ScriptPersist with some methods replaced.
local function variant(methods, supports)
  local Class = ScriptPersist:extend("Variant")
  for name, method in pairs(methods) do Class[name] = method end
  Class.supports = supports
  return Class
end

-- A store with three entities.
local function filled(Class)
  local store = (Class or ScriptPersist)("signal", newBase())
  store:writeMany({ ["log-10"] = { n = 10 }, ["log-2"] = { n = 2 }, LOG = { n = 0 } })
  ScriptPersist.forgetLog()
  return store
end

after_each(function() stores.leaveNothing() end)

describe("a class of one's own", function()
  it("has the whole contract", function()
    local store = ScriptPersist("signal", newBase())
    assert.is_nil(store:waitForInit(true))
    assert.is_nil(store:writeValue("log-10", { list = holdfast.array(), none = holdfast.null }))
    store:writeValue(2, -0.5)
    assert.is_true(store:hasValue("2"))
    assert.is_false(store:hasValue("3"))
    assert.is_true(holdfast.isArray(store:readValue("log-10").list))
    assert.equal(-0.5, store:readValue(2))
    assert.same({ "2", "log-10" }, list(store:keys()))
    assert.equal(2, store:count())
    assert.same({ -0.5 }, list(store:filter(function(v) return v == -0.5 end)))
    assert.same({ -0.5 }, list(store:take(1)))
    assert.same({}, list(store:take(0)))
    store:removeValue("2")
    raises.error("not_found", "Entity signal:2 not found", store.readValue, store, 2)
    raises.error("not_found", "Entity signal:2 not found for deletion", store.removeValue, store, 2)
    store:removeAll()
    assert.equal(0, store:count())
    assert.same({}, list(store:values()))
  end)

  it("is checked before its methods are called", function()
    local store = ScriptPersist("signal", newBase())
    raises.error("invalid_argument", nil, store.writeValue, store, "", 1)
    raises.error("invalid_argument", nil, store.readValue, store, {})
    raises.error("invalid_argument", nil, store.hasValue, store, ("x"):rep(251))
    raises.error("invalid_argument", nil, store.take, store, -1)
    raises.error("invalid_argument", nil, store.filter, store, 5)
    raises.error("invalid_argument", nil, store.values, store, { what = 1 })
    raises.error("invalid_value", "cannot store NaN at prices[2]", store.writeValue, store, "a", { prices = { 1,
      0 / 0 } })
    raises.error("invalid_value", nil, store.writeValue, store, "a", nil)
    raises.error("unsupported", nil, store.writeValue, store, "a", 1, { ifAbsent = true })
    raises.error("unsupported", nil, store.writeValue, store, "a", 1, { ifRevision = 1 })
    for _, called in ipairs(ScriptPersist.log) do assert.equal("waitForInit true", called) end
  end)

  it("gets ids as strings", function()
    local seen = {}
    local store = variant({
      writeValue = function(_, id) seen[#seen + 1] = id end,
      hasValue = function(_, id) seen[#seen + 1] = id return true end,
    })("signal", newBase())
    store:writeValue(1, true)
    store:writeValue(0.1, true)
    store:hasValue(-0)
    assert.same({ "1", "0.1", "0" }, seen)
  end)

  it("gets and gives copies", function()
    local kept = { list = { 1 } }
    local Keeping = variant({
      readValue = function() return kept end,
      writeValue = function(_, _, entity) kept = entity end,
      values = function() return { kept } end,
    })
    local store = Keeping("signal", newBase())
    local mine = { list = { 1 } }
    store:writeValue("a", mine)
    mine.list[1] = 2
    assert.equal(1, kept.list[1])
    store:readValue("a").list[1] = 3
    for value in store:values() do value.list[1] = 4 end
    assert.equal(1, kept.list[1])
  end)

  it("is initialised once, by whatever comes first, and again after a failure", function()
    local calls, broken = 0, true
    local Class = variant({
      waitForInit = function(_, initial)
        calls = calls + 1
        assert.is_true(initial)
        if broken then error(holdfast.error("unavailable", "not yet")) end
      end,
    })
    local store = Class("signal", newBase())
    assert.is_true(raises.error("unavailable", "not yet", store.waitForInit, store, true).retryable)
    raises.error("unavailable", "not yet", store.count, store)
    broken = false
    store:writeValue("a", 1)
    store:waitForInit(true)
    store:waitForInit()
    assert.equal(3, calls)
    assert.equal(1, store:readValue("a"))
  end)

  it("may encode while it is initialised by the first write", function()
    local Class = variant({ waitForInit = function() holdfast.json.encode({ ("x"):rep(5000) }) end })
    local store = Class("signal", newBase())
    store:writeValue("a", { n = 1 })
    assert.same({ n = 1 }, store:readValue("a"))
    store = Class("signal", newBase())
    store:writeMany({ a = { n = 1 }, b = { n = 2 } })
    assert.same({ n = 2 }, store:readValue("b"))
  end)

  it("may use its instance while it is initialised", function()
    local Class = variant({
      waitForInit = function(self)
        if not self:hasValue("made") then self:writeValue("made", true) end
      end,
    })
    assert.same({ "made" }, list(Class("signal", newBase()):keys()))
  end)

  it("needs no constructor of its own, and may forget its parent's", function()
    local function complete(class)
      for _, name in ipairs({ "waitForInit", "hasValue", "writeValue", "removeValue", "removeAll", "values",
        "keys" }) do
        class[name] = function() return {} end
      end
      function class:readValue() return self.entityName .. " " .. self.baseDir end
    end
    local Plain = holdfast.PersistBase:extend("Plain")
    complete(Plain)
    assert.equal("signal x", Plain("signal", "x"):readValue("a"))
    local Forgetful = holdfast.PersistBase:extend("Forgetful")
    complete(Forgetful)
    function Forgetful:init() self.early = rawget(self, "entityName") == nil end
    local store = Forgetful("signal", "x")
    assert.equal("signal x", store:readValue("a"))
    assert.is_true(store.early)
  end)

  it("takes any base, or none", function()
    assert.equal("redis://nowhere", ScriptPersist("signal", "redis://nowhere").baseDir)
    local Class = variant({ init = function(self, name) holdfast.PersistBase.init(self, name) self.texts = {} end })
    assert.equal(0, Class("signal"):count())
    raises.error("invalid_argument", nil, holdfast.PersistBase.init, setmetatable({}, getmetatable(Class("x"))), "x", 5)
    raises.error("invalid_argument", nil, ScriptPersist, "", "x")
    raises.error("invalid_argument", nil, ScriptPersist, nil, "x")
  end)

  it("has two instances with the same data where its author shares them", function()
    local base = newBase()
    local a, b = ScriptPersist("signal", base), ScriptPersist("signal", base)
    a:writeValue("x", 1)
    assert.equal(1, b:readValue("x"))
    a:close()
    assert.equal(1, b:readValue("x"))
    raises.error("closed", nil, a.readValue, a, "x")
    a:close()
  end)

  it("has its own close called once", function()
    local closed = 0
    local store = variant({ close = function() closed = closed + 1 end })("signal", newBase())
    store:writeValue("a", 1)
    store:close()
    store:close()
    assert.equal(1, closed)
  end)

  it("may close itself in each of its methods", function()
    local operations = {
      waitForInit = function(s) s:count() end,
      readValue = function(s) s:readValue("a") end,
      hasValue = function(s) s:hasValue("a") end,
      writeValue = function(s) s:writeMany({ a = 1, b = 2, c = 3 }) end,
      removeValue = function(s) s:removeMany({ "a", "b" }) end,
      removeAll = function(s) s:removeAll() end,
      keys = function(s) s:stat() end,
      count = function(s) s:stat() end,
      values = function(s) list(s:values()) end,
    }
    for method, operation in pairs(operations) do
      for _, raises_ in ipairs({ false, true }) do
        local store = variant({ [method] = function(self)
          self:close()
          if raises_ then error("Entity signal:a not found") end
          return method == "keys" and {} or method == "count" and 1 or method == "hasValue" or {}
        end })("signal", newBase())
        pcall(operation, store)
        raises.error("closed", nil, store.readValue, store, "a")
      end
    end
  end)

  it("keeps fields and methods of its own", function()
    local Class = variant({})
    function Class:double(id) return 2 * self:readValue(id) end
    local store = Class("signal", newBase())
    store:writeValue("a", 4)
    assert.equal(8, store:double("a"))
    store.note = "mine"
    assert.equal("mine", store.note)
    assert.equal(('Variant("signal", %q)'):format(store.baseDir), tostring(store))
  end)
end)

describe("a class that lacks methods", function()
  it("is refused with the list", function()
    local Half = holdfast.PersistBase:extend("Half")
    function Half.readValue() end
    function Half.keys() end
    local expected = "^Half lacks methods that every backend has: waitForInit, hasValue, writeValue, removeValue, "
      .. "removeAll, values%.  Define them with function Half:waitForInit%(.-%), or extend a concrete store$"
    raises.error("invalid_argument", expected, Half, "signal", "x")
    assert.same({ "waitForInit", "hasValue", "writeValue", "removeValue", "removeAll", "values" },
      holdfast.PersistBase.missingMethods(Half))
    assert.same({}, holdfast.PersistBase.missingMethods(ScriptPersist))
    assert.same({}, holdfast.PersistBase.missingMethods(holdfast.LmdbPersist:extend("X")))
    raises.error("invalid_argument", nil, holdfast.PersistBase.missingMethods, "x")
  end)

  it("or whose methods are none is too", function()
    raises.error("invalid_argument", "Variant has a number named readValue: a method is wanted",
      variant({ readValue = 5 }), "signal", "x")
  end)
end)

describe("what a method raises", function()
  local function failing(method, raised)
    return variant({ [method] = function() error(raised, 2) end })("signal", newBase())
  end

  it("becomes code script, with the method, the line and the traceback", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local store = variant({ readValue = function(self) return self.nothing.there end })("signal", newBase())
    local err = raises.error("script", nil, store.readValue, store, "a")
    local where = debug.getinfo(1, "S").short_src .. ":" .. line
    assert.equal("Variant:readValue raised: " .. where .. ": attempt to index field 'nothing' (a nil value)",
      err.message)
    assert.equal(where, err.where)
    assert.equal("signal", err.entityName)
    assert.equal("a", err.entityId)
    assert.equal("lua", err.backend)
    assert.truthy(err.cause:find("stack traceback:", 1, true))
    assert.truthy(err.cause:find(where, 1, true))
  end)

  it("keeps the code of error objects", function()
    for code in pairs(holdfast.codes) do
      if code ~= "not_found" then
        local store = failing("readValue", holdfast.error(code, "because"))
        local err = raises.error(code, nil, store.readValue, store, "a")
        assert.truthy(err.message:find("because", 1, true), err.message)
      end
    end
  end)

  it("keeps retryable", function()
    local store = failing("readValue", holdfast.error("io", "flaky", { retryable = true }))
    assert.is_true(raises.error("io", "flaky", store.readValue, store, "a").retryable)
  end)

  it("may be raised in hot loops, with compiled code before and after it", function()
    local store = filled()
    for _ = 1, 200 do
      local n, missing = 0, 0
      for i = 1, 60 do
        local ok, err = pcall(store.readValue, store, i % 2 == 0 and "LOG" or "none-" .. i)
        if ok then n = n + 1 elseif err.code == "not_found" then missing = missing + 1 end
      end
      assert.equal(30, n)
      assert.equal(30, missing)
      pcall(store.removeValue, store, "none")
      for value in store:filter(function(v) return v.n > 1 end) do assert.is_true(value.n > 1) end
    end
  end)

  it("is not_found only for the entity that was asked for", function()
    local store = failing("readValue", "Entity signal:b not found")
    raises.error("script", nil, store.readValue, store, "a")
    raises.error("not_found", "Entity signal:b not found", store.readValue, store, "b")
  end)

  it("comes from every operation", function()
    local operations = {
      { "waitForInit", function(s) s:waitForInit() end },
      { "hasValue", function(s) s:hasValue("a") end },
      { "writeValue", function(s) s:writeValue("a", 1) end },
      { "writeValue", function(s) s:writeMany({ a = 1 }) end },
      { "removeValue", function(s) s:removeValue("a") end },
      { "removeValue", function(s) s:removeMany({ "a" }) end },
      { "removeAll", function(s) s:removeAll() end },
      { "values", function(s) list(s:values()) end },
      { "values", function(s) list(s:take(1)) end },
      { "values", function(s) list(s:filter(print)) end },
      { "keys", function(s) list(s:keys()) end },
      { "keys", function(s) list(s:values({ prefix = "a" })) end },
      { "keys", function(s) s:count() end },
      { "count", function(s) s:count() end },
      { "readMany", function(s) s:readMany({ "a" }) end },
      { "stat", function(s) s:stat() end },
      { "filter", function(s) list(s:filter(print)) end },
      { "take", function(s) list(s:take(2)) end },
      { "entries", function(s) list(s:entries()) end },
      { "readEntry", function(s) s:readEntry("a") end },
    }
    for _, row in ipairs(operations) do
      local store = failing(row[1], "no luck")
      local err = raises.error("script", nil, row[2], store)
      assert.truthy(err.message:find("^Variant:" .. row[1] .. " raised: .*no luck$"), err.message)
    end
  end)

  it("comes out of the middle of a loop", function()
    local store = variant({
      values = function()
        local n = 0
        return function()
          n = n + 1
          return n < 3 and n or error("in the middle")
        end
      end,
    })("signal", newBase())
    local seen = {}
    local err = raises.error("script", nil, function()
      for value in store:values() do seen[#seen + 1] = value end
    end)
    assert.same({ 1, 2 }, seen)
    assert.truthy(err.message:find("Variant:values raised: .*in the middle"))
  end)

  it("from a predicate stays a predicate's, also through a filter of the class", function()
    local own = variant({ filter = function(self, predicate)
      local out = {}
      for value in self:values() do out[#out + 1] = predicate(value) and value or nil end
      return out
    end })
    for _, Class in ipairs({ ScriptPersist, own }) do
      local store = filled(Class)
      local err = raises.error("script", nil, function() list(store:filter(function(v) return v.x.y end)) end)
      assert.truthy(err.message:find("^filter: the predicate raised: "), err.message)
      assert.same({ { n = 2 } }, list(store:filter(function(v) return v.n == 2 end)))
    end
  end)
end)

describe("a method that calls itself through the core", function()
  it("ends in an error", function()
    local store = variant({ readValue = function(self, id) return self:readValue(id) end })("signal", newBase())
    local err = raises.error("script", nil, store.readValue, store, "a")
    assert.truthy(err.message:find("does one call itself?", 1, true), err.message)
    assert.is_false(store:hasValue("a"))
  end)
end)

describe("what a method returns", function()
  local function complains(method, returned, call, message)
    local store = variant({ [method] = function() return returned end })("signal", newBase())
    local err = raises.error("script", nil, call, store)
    assert.truthy(err.message:find(message, 1, true), err.message)
    assert.truthy(err.where and err.where:find("backend_spec.lua:%d+$"), err.where)
  end

  it("is blamed on it when it is wrong", function()
    local read = function(s) s:readValue("a") end
    complains("readValue", nil, read, "Variant:readValue returned nil for a: raise holdfast.error(\"not_found\")")
    complains("readValue", print, read, "Variant:readValue returned what is not an entity: cannot store a function")
    complains("readValue", { x = { 1, 0 / 0 } }, read, "cannot store NaN at x[2]")
    complains("hasValue", nil, function(s) s:hasValue("a") end,
      "Variant:hasValue returned a nil: true or false is wanted")
    complains("hasValue", 1, function(s) s:hasValue("a") end, "returned a number")
    complains("keys", 5, function(s) list(s:keys()) end,
      "Variant:keys must return an iterator function, a coroutine or a list, not a number")
    complains("keys", nil, function(s) s:count() end, "not a nil")
    complains("keys", { true }, function(s) list(s:keys()) end, "Variant:keys yielded a boolean: ids are wanted")
    complains("keys", { "" }, function(s) list(s:keys()) end, "not a valid id")
    complains("keys", { "b10", "b2" }, function(s) list(s:keys()) end,
      'Variant:keys yielded "b2" after "b10": ids must come in natural order, each once')
    complains("keys", { "a", "a" }, function(s) list(s:keys()) end, 'yielded "a" after "a"')
    complains("values", "x", function(s) list(s:values()) end,
      "Variant:values must return an iterator function, a coroutine or a list, not a string")
    complains("values", { print }, function(s) list(s:values()) end, "Variant:values yielded what is not an entity")
    complains("count", -1, function(s) s:count() end, "Variant:count must return a whole number, not -1")
    complains("count", "3", function(s) s:count() end, "must return a whole number")
    complains("stat", 3, function(s) s:stat() end, "Variant:stat must return a table, not a number")
    complains("readMany", 3, function(s) s:readMany({ "a" }) end,
      "Variant:readMany must return {[id]=entity}, not a number")
    complains("removeMany", nil, function(s) s:removeMany({ "a" }) end, "Variant:removeMany must return how many")
    complains("readEntry", 5, function(s) s:readEntry("a") end, "Variant:readEntry must return {id=")
  end)

  it("is JSON text where the class says so", function()
    local given = { readValue = '{"n":1}' }
    local Class = variant({
      readValue = function() return given.readValue end,
      writeValue = function(_, _, text) given.written = text end,
    })
    Class.encoding = "json"
    local store = Class("signal", newBase())
    assert.same({ n = 1 }, store:readValue("a"))
    store:writeValue("a", { 1, "x" })
    assert.equal('[1,"x"]', given.written)
    given.readValue = { n = 1 }
    local err = raises.error("script", nil, store.readValue, store, "a")
    assert.truthy(err.message:find("returned a table: JSON text is wanted", 1, true), err.message)
    given.readValue = '{"n":01}'
    raises.error("corrupt", nil, store.readValue, store, "a")
    Class.encoding = "xml"
    raises.error("invalid_argument", nil, Class, "signal", newBase())
    local Around = holdfast.MemoryPersist:extend("Around")
    function Around:readValue() return "1" end -- luacheck: ignore
    Around.encoding = "json"
    raises.error("invalid_argument", nil, Around, "signal", newBase())
  end)

  it("may be a stored null or false", function()
    local store = ScriptPersist("signal", newBase())
    store:writeValue("null", holdfast.null)
    store:writeValue("false", false)
    assert.equal(holdfast.null, store:readValue("null"))
    assert.is_false(store:readValue("false"))
    assert.same({ false, holdfast.null }, list(store:values()))
  end)
end)

describe("iterators", function()
  local ids = { "a", "b2", "b10" }
  local forms = {
    ["a list"] = function() return ids end,
    ["a marked array"] = function() return holdfast.array({ "a", "b2", "b10" }) end,
    ["a closure"] = function()
      local i = 0
      return function()
        i = i + 1
        return ids[i]
      end
    end,
    ["an iterator with state and control"] = function()
      return function(state, control)
        for i, id in ipairs(state) do
          if control == nil or control == state[i - 1] then return id end
        end
      end, ids, nil
    end,
    ["coroutine.wrap"] = function()
      return coroutine.wrap(function()
        for _, id in ipairs(ids) do coroutine.yield(id) end
      end)
    end,
    ["a coroutine"] = function()
      return coroutine.create(function()
        for _, id in ipairs(ids) do coroutine.yield(id) end
        return "not an id"
      end)
    end,
    ["a callable table"] = function()
      local i = 0
      return setmetatable({}, {
        __call = function()
          i = i + 1
          return ids[i]
        end,
      })
    end,
  }

  for name, form in pairs(forms) do
    it("may be " .. name, function()
      local store = variant({ keys = form, values = form, readValue = function(_, id) return id end })("x", newBase())
      assert.same(ids, list(store:keys()))
      assert.same(ids, list(store:values()))
      assert.same({ "a", "b2" }, list(store:take(2)))
      assert.same({ "b10", "b2", "a" }, list(store:keys({ reverse = true })))
      assert.same({ "b2", "b10" }, list(store:values({ prefix = "b" })))
      assert.equal(3, store:count())
    end)
  end

  it("that are coroutines raise what is raised in them", function()
    local function broken()
      return coroutine.create(function()
        coroutine.yield("a")
        error("inside")
      end)
    end
    local store = variant({ keys = broken })("x", newBase())
    local err = raises.error("script", nil, function() list(store:keys()) end)
    assert.truthy(err.message:find("inside", 1, true))
  end)

  it("are asked once for a scan of many pages, and not to the end of one that is left", function()
    local pulled, begun = 0, 0
    local Class = variant({
      keys = function()
        begun = begun + 1
        local n = 0
        return function()
          n, pulled = n + 1, pulled + 1
          return n <= 1000 and n or nil
        end
      end,
    })
    local store = Class("x", newBase())
    assert.equal(1000, #list(store:keys()))
    assert.equal(1, begun)
    pulled = 0
    for id in store:keys() do
      if id == "3" then break end
    end
    assert.is_true(pulled <= 16, pulled)
  end)

  it("of several scans do not disturb each other, even more of them than are kept", function()
    local store = ScriptPersist("x", newBase())
    local entities = {}
    for i = 1, 200 do entities[i] = i end
    for i, entity in pairs(entities) do store:writeValue(i, entity) end
    local scans = {}
    for w = 1, 12 do scans[w] = store:keys() end
    for i = 1, 200 do
      for w = 1, 12 do assert.equal(tostring(i), scans[w](), "scan " .. w) end
    end
    for w = 1, 12 do assert.is_nil(scans[w]()) end
  end)

  it("may be nested, left, and written into", function()
    local store = ScriptPersist("x", newBase())
    for i = 1, 60 do store:writeValue(i, i) end
    local seen = {}
    for a in store:keys() do
      for b in store:keys({ from = 50 }) do
        if b == "55" then break end
      end
      if tonumber(a) then
        seen[#seen + 1] = a
        store:writeValue("new-" .. a, 0)
        if tonumber(a) % 2 == 0 then store:removeValue(a) end
      end
    end
    assert.equal(60, #seen)
    for i = 1, 60 do assert.equal(tostring(i), seen[i]) end
    assert.equal(30 + 60, store:count())
  end)

  it("begun again see what was written since", function()
    local store = ScriptPersist("x", newBase())
    for i = 1, 40 do store:writeValue(i, i) end
    for id in store:keys() do
      if id == "16" then break end
    end
    store:writeValue("17.5", 0)
    assert.equal(41, #list(store:keys()))
    assert.equal(25, #list(store:keys({ from = "17" })))
  end)

  it("skip what was removed meanwhile", function()
    local store = ScriptPersist("x", newBase())
    for i = 1, 50 do store:writeValue(i, i) end
    local seen = {}
    for id in store:entries() do
      seen[#seen + 1] = id
      if id == "1" then
        for i = 20, 50 do store:removeValue(i) end
      end
    end
    assert.equal("19", seen[#seen])
  end)

  it("get the range where they take one", function()
    local ranges = {}
    local Class = variant({
      keys = function(_, range)
        ranges[#ranges + 1] = range
        return range.reverse and { "b9", "b1" } or { "b1", "b9" }
      end,
      readValue = function(_, id) return id end,
    })
    local store = Class("x", newBase())
    assert.is_true(store.supports.ranges)
    assert.is_false(filled().supports.ranges)
    assert.same({ "b1", "b9" }, list(store:keys({ prefix = "b", from = "b0", to = "b99" })))
    assert.same({ prefix = "b", from = "b0", to = "b99" }, ranges[1])
    assert.same({ "b9" }, list(store:keys({ reverse = true, limit = 1 })))
    assert.same({ reverse = true }, ranges[2])
    assert.equal(2, store:count())
    assert.same({}, ranges[3])
    list(store:keys())
    assert.same({}, ranges[4])
  end)

  it("of values get the range where they take one, and are cut in any case", function()
    local got
    local Class = variant({
      values = function(_, range)
        got = range
        return { 1, 2, 3 }
      end,
    })
    local store = Class("x", newBase())
    assert.same({ 1, 2 }, list(store:values({ limit = 2, prefix = "a" })))
    assert.same({ limit = 2, prefix = "a" }, got)
    assert.same({ 1, 2, 3 }, list(store:values()))
    assert.is_nil(got)
  end)

  it("of a class that is closed in the loop say so", function()
    local store = filled()
    raises.error("closed", nil, function()
      for _ in store:values() do store:close() end
    end)
  end)

  it("read pages of values at once where the class has readMany", function()
    local batches = {}
    local Class = variant({
      readMany = function(self, wanted)
        batches[#batches + 1] = #wanted
        local out = {}
        for _, id in ipairs(wanted) do out[id] = self.texts[id] and holdfast.json.decode(self.texts[id]) end
        return out
      end,
    })
    local store = Class("x", newBase())
    for i = 1, 100 do store:writeValue(i, i) end
    local n = 0
    for id, value in store:entries() do
      n = n + 1
      assert.equal(tonumber(id), value)
    end
    assert.equal(100, n)
    assert.is_true(#batches <= 5, #batches)
    assert.same({ ["1"] = 1 }, store:readMany({ "1", "x" }))
    assert.is_true(store.supports.readMany)
  end)

  it("may give ids with their values by entries()", function()
    local Class = variant({
      entries = function(self)
        return coroutine.wrap(function()
          for _, id in ipairs(ScriptPersist.keys(self)) do coroutine.yield(id, holdfast.json.decode(self.texts[id])) end
        end)
      end,
      readValue = function() error("not needed") end,
    })
    local store = filled(Class)
    local got = {}
    for id, value in store:entries() do got[#got + 1] = id .. value.n end
    assert.same({ "LOG0", "log-22", "log-1010" }, got)
  end)
end)

describe("what a class promises", function()
  it("is what it declares, and what follows from its methods", function()
    local plain = filled().supports
    for name, promised in pairs(plain) do assert.is_false(promised, name) end
    local Class = variant({ writeValue = function(_, _, _, options) return options and 7 or 6 end },
      { durable = true, ifAbsent = true, revision = true })
    local store = Class("x", newBase())
    assert.is_true(store.supports.durable)
    assert.is_true(store.supports.ifAbsent)
    assert.equal(7, store:writeValue("a", 1, { ifAbsent = true }))
    assert.equal(6, store:writeValue("a", 1))
  end)

  it("is refused when it cannot be so", function()
    local function refused(methods, supports, message)
      local err = raises.error("invalid_argument", nil, variant(methods, supports), "x", "y")
      assert.truthy(err.message:find(message, 1, true), err.message)
    end
    refused({}, { ifAbsent = true }, "declares supports.ifAbsent, but writeValue takes no options")
    refused({}, { revision = true }, "declares supports.revision, but writeValue takes no options")
    refused({}, { transaction = true }, "has no methods begin, commit and rollback")
    refused({ begin = print, commit = print }, nil, "must have all of begin, commit and rollback, or none")
    refused({}, { quick = true }, "supports.quick: there is no such capability; there are durable, transaction")
    refused({}, { durable = 1 }, "supports.durable must be true or false")
    refused({}, { quarantine = true }, "which only stores in C can have")
  end)

  it("is kept: conflicts are reported, revisions required", function()
    local Class = variant({
      writeValue = function(self, id, entity, options)
        if options and options.ifAbsent and self.texts[id] then error(holdfast.error("conflict")) end
        if options and options.ifRevision
          and options.ifRevision ~= #self.texts[id] then error(holdfast.error("conflict")) end
        self.texts[id] = holdfast.json.encode(entity)
        return #self.texts[id]
      end,
      readEntry = function(self, id)
        return { id = id, value = holdfast.json.decode(self.texts[id]), revision = #self.texts[id], updatedAt = 5 }
      end,
    }, { ifAbsent = true, revision = true })
    local store = Class("signal", newBase())
    assert.equal(2, store:writeValue("a", 10, { ifAbsent = true }))
    raises.error("conflict", "Entity signal:a exists already", store.writeValue, store, "a", 1, { ifAbsent = true })
    raises.error("conflict", "Entity signal:a is not at revision 9", store.writeValue, store, "a", 1,
      { ifRevision = 9 })
    assert.equal(3, store:writeValue("a", 100, { ifRevision = 2 }))
    assert.same({ id = "a", value = 100, revision = 3, updatedAt = 5 }, store:readEntry("a"))
    local silent = variant({ writeValue = function(_, _, _, _) end }, { revision = true })("signal", newBase())
    local err = raises.error("script", nil, silent.writeValue, silent, "a", 1)
    assert.truthy(err.message:find("must return the entity's new revision", 1, true))
  end)
end)

describe("a revision or a count from a class", function()
  local given
  local store = variant({ writeValue = function(_, _, _, _) return given end, count = function() return given end },
    { revision = true })("signal", newBase())

  it("may be 2^53, which can be a condition, too, and no more", function()
    given = 2 ^ 53
    assert.equal(given, store:writeValue("a", 1, { ifRevision = given }))
    assert.equal(given, store:count())
    given = 2 ^ 53 + 2
    raises.error("script", nil, store.writeValue, store, "a", 1)
    raises.error("script", nil, store.count, store)
    raises.error("invalid_argument", nil, store.writeValue, store, "a", 1, { ifRevision = given })
  end)
end)

describe("transactions of a class of one's own", function()
  local function transactional(log)
    local saved = {}
    return variant({
      begin = function(self, kind, depth)
        log[#log + 1] = ("begin %s %d"):format(kind, depth)
        for name, texts in pairs(ScriptPersist.bases[self.baseDir]) do
          saved[name] = {}
          for id, text in pairs(texts) do saved[name][id] = text end
        end
      end,
      commit = function() log[#log + 1] = "commit" end,
      rollback = function(self)
        log[#log + 1] = "rollback"
        for name, texts in pairs(ScriptPersist.bases[self.baseDir]) do
          for id in pairs(texts) do texts[id] = nil end
          for id, text in pairs(saved[name]) do texts[id] = text end
        end
      end,
    }, { snapshot = true })
  end

  it("are begun by the first operation, and end once", function()
    local log = {}
    local store = transactional(log)("signal", newBase())
    assert.is_true(store.supports.transaction)
    holdfast.transaction(function()
      assert.same({}, log)
      store:writeValue("a", 1)
      store:writeValue("b", 2)
    end)
    assert.same({ "begin write 1", "commit" }, log)
    raises.caught(holdfast.transaction, function()
      store:writeValue("a", 5)
      error("no")
    end)
    assert.same({ "begin write 1", "commit", "begin write 1", "rollback" }, log)
    assert.equal(1, store:readValue("a"))
    store:snapshot(function(s) assert.equal(1, s:readValue("a")) end)
    assert.equal("begin read 1", log[5])
  end)

  it("make batches of single operations one", function()
    local log = {}
    local store = transactional(log)("signal", newBase())
    store:writeMany({ a = 1, b = 2 })
    assert.same({ "begin write 1", "commit" }, log)
    assert.same({ a = 1 }, store:readMany({ "a" }))
    assert.same({ "begin write 1", "commit", "begin read 1", "rollback" }, log)
  end)

  it("cover the instances on one base, and no other store", function()
    local log, base = {}, newBase()
    local Class = transactional(log)
    local a, b, other = Class("a", base), Class("b", base), Class("a", newBase())
    holdfast.transaction(function()
      a:writeValue("x", 1)
      b:writeValue("x", 2)
    end)
    assert.same({ "begin write 1", "commit" }, log)
    local err = raises.error("unsupported", nil, holdfast.transaction, function()
      a:writeValue("x", 3)
      other:writeValue("x", 3)
    end)
    assert.truthy(err.message:find(a.baseDir, 1, true))
    assert.truthy(err.message:find(other.baseDir, 1, true))
    assert.equal(1, a:readValue("x"))
  end)

  it("are refused where there are none", function()
    local store = ScriptPersist("signal", newBase())
    raises.error("unsupported", nil, holdfast.transaction, function() store:writeValue("a", 1) end)
    raises.error("unsupported", nil, store.snapshot, store, function() end)
  end)

  it("report a commit that failed", function()
    local Class = transactional({})
    Class.commit = function() error(holdfast.error("unavailable", "gone")) end
    local store = Class("signal", newBase())
    raises.error("unavailable", "gone", holdfast.transaction, function() store:writeValue("a", 1) end)
  end)
end)

describe("a class that wraps a store", function()
  local Boxed = holdfast.LmdbPersist:extend("Boxed")
  function Boxed:readValue(id) return holdfast.LmdbPersist.readValue(self, id).boxed end
  function Boxed:writeValue(id, entity, options)
    return holdfast.LmdbPersist.writeValue(self, id, { boxed = entity }, options)
  end

  local function open(Class)
    local base = temp.directory() .. "/store"
    return (Class or Boxed)("signal", base), holdfast.LmdbPersist("signal", base), base
  end

  it("has what it overrides everywhere, and the rest of the store", function()
    local store, raw = open()
    store:writeValue("a", 1)
    store:writeMany({ b2 = 2, b10 = 10 })
    assert.same({ boxed = 1 }, raw:readValue("a"))
    assert.same({ boxed = 10 }, raw:readValue("b10"))
    assert.equal(1, store:readValue("a"))
    assert.same({ 1, 2, 10 }, list(store:values()))
    assert.same({ 10 }, list(store:filter(function(v) return v > 5 end)))
    assert.same({ 1, 2 }, list(store:take(2)))
    assert.same({ a = 1, b2 = 2 }, store:readMany({ "a", "b2", "c" }))
    local entries = {}
    for id, value in store:entries({ prefix = "b", reverse = true }) do entries[#entries + 1] = id .. "=" .. value end
    assert.same({ "b10=10", "b2=2" }, entries)
    assert.same({ "a", "b2", "b10" }, list(store:keys()))
    assert.equal(3, store:count())
    assert.is_true(store:hasValue("a"))
    assert.equal(2, store:removeMany({ "a", "b2", "c" }))
    store:removeAll()
    assert.equal(0, raw:count())
    assert.equal("lmdb", store:stat().backend)
  end)

  it("keeps the store's promises that it can keep", function()
    local store = open()
    assert.is_true(store.supports.transaction)
    assert.is_true(store.supports.ifAbsent)
    assert.is_true(store.supports.durable)
    assert.is_true(store.supports.atomicBatch)
    assert.is_false(store.supports.revision) -- readValue is its own, and tells no revision
    store:writeValue("a", 1, { ifAbsent = true })
    raises.error("conflict", "Entity signal:a exists already", store.writeValue, store, "a", 2, { ifAbsent = true })
    raises.error("unsupported", nil, store.writeValue, store, "a", 2, { ifRevision = 1 })
    local Deaf = holdfast.LmdbPersist:extend("Deaf")
    function Deaf:writeValue(id, entity) return holdfast.LmdbPersist.writeValue(self, id, entity) end
    local deaf = open(Deaf)
    assert.is_false(deaf.supports.ifAbsent)
    raises.error("unsupported", nil, deaf.writeValue, deaf, "a", 1, { ifAbsent = true })
  end)

  it("takes part in the store's transactions", function()
    local store, raw, base = open()
    local other = holdfast.LmdbPersist("other", base)
    raises.caught(holdfast.transaction, function()
      store:writeValue("a", 1)
      other:writeValue("a", 1)
      assert.equal(1, store:readValue("a"))
      error("undo")
    end)
    assert.equal(0, raw:count())
    assert.equal(0, other:count())
    holdfast.transaction(function()
      store:writeMany({ a = 1, b = 2 })
      holdfast.transaction(function() other:writeValue("a", 1) end)
    end)
    assert.same({ boxed = 1 }, raw:readValue("a"))
    store:snapshot(function(s)
      assert.equal(2, s:readValue("b"))
      raises.error("readonly", nil, s.writeValue, s, "b", 3)
    end)
  end)

  it("may decline the store's transactions", function()
    local Apart = Boxed:extend("Apart")
    Apart.supports = { transaction = false, snapshot = false, nested = false, atomicBatch = false }
    local store, raw = open(Apart)
    assert.is_false(store.supports.transaction)
    raises.error("unsupported", nil, holdfast.transaction, function() store:writeValue("a", 1) end)
    raises.error("unsupported", nil, store.snapshot, store, function(s) return s:count() end)
    assert.equal(0, raw:count())
    store:writeMany({ a = 1, b = 2 })
    assert.same({ 1, 2 }, list(store:values()))
  end)

  it("writes a batch whole or not at all", function()
    local Picky = Boxed:extend("Picky")
    function Picky:writeValue(id, entity, options)
      if entity == 13 then error("not 13") end
      return Boxed.writeValue(self, id, entity, options)
    end
    local store, raw = open(Picky)
    raises.error("script", nil, store.writeMany, store, { a = 1, b = 13, c = 3 })
    assert.equal(0, raw:count())
    store:writeMany({ a = 1, c = 3 })
    assert.same({ 1, 3 }, list(store:values()))
  end)

  it("reports the errors of the store as they are", function()
    local store = open()
    raises.error("not_found", "Entity signal:x not found", store.readValue, store, "x")
    raises.error("not_found", "Entity signal:x not found for deletion", store.removeValue, store, "x")
    local full = Boxed("signal", temp.directory() .. "/full?maxsize=1", { maxSize = 65536 })
    local err = raises.error("full", nil, full.writeValue, full, "a", ("x"):rep(100000))
    assert.equal("lmdb", err.backend)
  end)

  it("may wrap a memory store, and a store that a URL names", function()
    for _, Class in ipairs({ holdfast.MemoryPersist, holdfast.NullPersist }) do
      local Twice = Class:extend("Twice")
      function Twice:writeValue(id, entity, options)
        Class.writeValue(self, id .. "-copy", entity)
        return Class.writeValue(self, id, entity, options)
      end
      local store = Twice("signal", "twice")
      store:writeValue("a", 1)
      if Class == holdfast.MemoryPersist then assert.same({ "a", "a-copy" }, list(store:keys())) end
      store:close()
    end
  end)

  it("may initialise itself before or after the store, or not at all", function()
    local order = {}
    local Class = holdfast.LmdbPersist:extend("Init")
    function Class:waitForInit(initial)
      order[#order + 1] = "before"
      holdfast.LmdbPersist.waitForInit(self, initial)
      order[#order + 1] = "after"
    end
    open(Class):writeValue("a", 1)
    assert.same({ "before", "after" }, order)
    local Lazy = holdfast.LmdbPersist:extend("Lazy")
    function Lazy:waitForInit() self.initialised = true end
    local store = open(Lazy)
    store:writeValue("a", 1)
    assert.is_true(store.initialised)
  end)

  it("can be wrapped again", function()
    local Shouting = Boxed:extend("Shouting")
    function Shouting:writeValue(id, entity, options) return Boxed.writeValue(self, id, entity:upper(), options) end
    local store, raw = open(Shouting)
    store:writeValue("a", "x")
    assert.same({ boxed = "X" }, raw:readValue("a"))
    assert.equal("X", store:readValue("a"))
  end)

  it("leaves a class without methods of its own as fast as the store", function()
    local Plain = holdfast.LmdbPersist:extend("Plain")
    function Plain:hello() return "hello " .. self.entityName end
    local store = open(Plain)
    assert.equal("hello signal", store:hello())
    assert.is_nil(rawget(store, -1))
    assert.is_true(store.supports.revision)
  end)

  it("moves what is unreadable to the store's quarantine and says so once", function()
    local Noted = holdfast.LmdbPersist:extend("Noted")
    function Noted:readValue(id) return holdfast.LmdbPersist.readValue(self, id) end
    local store, raw, base = open(Noted)
    raw:writeValue("a", "some text to damage")
    raw:writeValue("b", 2)
    raw:close()
    store:close()
    assert.is_true(temp.patchFile(base .. "/data.mdb", "text to damage", "text to d4mage") > 0)
    store = Noted("signal", base)
    local err = raises.error("corrupt", nil, store.readValue, store, "a")
    assert.truthy(err.message:find("^Entity signal:a is corrupt: [^:]*moved to quarantine$"), err.message)
    assert.same({ 2 }, list(store:values()))
  end)
end)

describe("lua: URLs", function()
  local function adapterFile(text)
    local path = temp.directory() .. "/adapter.lua"
    temp.writeFile(path, text)
    return path
  end

  it("open a class of a module, or of a file", function()
    local store = holdfast.PersistBase("signal", "lua:support.ScriptPersist?base=" .. newBase())
    store:writeValue("a", { n = 1 })
    assert.same({ n = 1 }, store:readValue("a"))
    assert.same({ "a" }, list(store:keys()))
    assert.same({ { n = 1 } }, list(store:values()))
    assert.equal("lua:ScriptPersist?base=base-" .. counter, store.url)
    local path = adapterFile([[
      local holdfast = require "holdfast"
      local Class = holdfast.MemoryPersist:extend("FromFile")
      function Class:readValue(id) return "read " .. holdfast.MemoryPersist.readValue(self, id) end
      return Class]])
    local other = holdfast.PersistBase("signal", "lua:" .. path .. "?base=from%2Dfile")
    other:writeValue("a", "x")
    assert.equal("read x", other:readValue("a"))
    assert.equal("memory:from-file", other.url)
    assert.is_true(other.supports.transaction)
    other:close()
    store:close()
  end)

  it("say what is wrong with the file", function()
    local function refused(code, url, message)
      local err = raises.error(code, nil, holdfast.PersistBase, "signal", url)
      assert.truthy(err.message:find(message, 1, true), err.message)
    end
    refused("not_found", "lua:./nowhere.lua", "there is no adapter file ./nowhere.lua")
    refused("script", "lua:no.such.module", "module 'no.such.module' not found")
    refused("invalid_argument", "lua:", "Give a module or a file")
    refused("invalid_argument", "lua:support.temp", "'support.temp' returned a table: an adapter returns its class")
    refused("invalid_argument", "lua:" .. adapterFile("return 5"), "returned a number")
    refused("script", "lua:" .. adapterFile("return +"), "unexpected symbol")
    refused("script", "lua:" .. adapterFile("error('at load')"), "at load")
    refused("invalid_argument", "lua:" .. adapterFile("return require('holdfast').PersistBase:extend('Empty')"),
      "Empty lacks methods")
    refused("invalid_argument", "lua:support.ScriptPersist?what=1", "lua stores have no option 'what'")
  end)

  it("keep the instance while the handle is open, and no longer", function()
    local collected = setmetatable({}, { __mode = "k" })
    local path = adapterFile([[
      local Class = require("support.ScriptPersist"):extend("Counted")
      function Class:init(...)
        require("support.ScriptPersist").init(self, ...)
        INSTANCES[self] = true
      end
      function Class:close() CLOSED = (CLOSED or 0) + 1 end
      return Class]])
    _G.INSTANCES, _G.CLOSED = collected, nil
    local store = holdfast.PersistBase("signal", "lua:" .. path .. "?base=" .. newBase())
    collectgarbage()
    store:writeValue("a", 1)
    collectgarbage()
    assert.equal(1, store:readValue("a"))
    store:close()
    assert.equal(1, _G.CLOSED)
    store = holdfast.PersistBase("signal", "lua:" .. path .. "?base=" .. newBase())
    store:writeValue("a", 1)
    store = nil -- luacheck: ignore 311
    jit.flush()
    collectgarbage()
    collectgarbage()
    assert.equal(1, _G.CLOSED) -- not by the collector
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(collected))
    _G.INSTANCES, _G.CLOSED = nil, nil
  end)

  it("open whole stores", function()
    local base = temp.directory() .. "/store"
    local path = adapterFile([[
      local holdfast = require "holdfast"
      local Class = holdfast.LmdbPersist:extend("Wrapped")
      function Class:readValue(id) return holdfast.LmdbPersist.readValue(self, id) end
      return Class]])
    local url = "lua:" .. path .. "?base=" .. base
    holdfast.PersistBase("signal", url):writeValue("a", 1)
    holdfast.PersistBase("risk", url):writeValue("b", 2)
    local store = holdfast.openStore(url)
    assert.same({ "risk", "signal" }, store:entities())
    assert.equal("lua", store:stat().backend)
    local report = store:verify()
    assert.equal(2, report.entities)
    store:close()
    local own, entityNames = holdfast.openStore("lua:support.ScriptPersist?base=x"), ScriptPersist.entityNames
    ScriptPersist.entityNames = function(baseDir) return { "b" .. baseDir, "a" } end
    assert.same({ "a", "bx" }, own:entities())
    ScriptPersist.entityNames = nil
    raises.error("unsupported", nil, own.entities, own)
    ScriptPersist.entityNames = entityNames
    assert.same({ backend = "lua", module = "support.ScriptPersist" }, own:stat())
    ScriptPersist.storeStat = function(baseDir) return { backend = "mine", base = baseDir } end
    assert.same({ backend = "mine", base = "x" }, own:stat())
    ScriptPersist.storeStat = function() return 1 end
    raises.error("invalid_argument", "storeStat must return a table, not a number", own.stat, own)
    ScriptPersist.storeStat = nil
    own:close()
  end)
end)

describe("naturalOrder", function()
  it("sorts ids as stores do", function()
    local ids = { "log-10", "LOG-3", "log-2", 10, 9, "log" }
    table.sort(ids, holdfast.naturalOrder)
    assert.same({ 9, 10, "log", "log-2", "LOG-3", "log-10" }, ids)
    raises.error("invalid_argument", nil, holdfast.naturalOrder, "a", "")
    raises.error("invalid_argument", nil, holdfast.naturalOrder, {}, "a")
  end)
end)

describe("an instance", function()
  it("is collected with what its iterators hold", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local store = ScriptPersist("x", newBase())
      for i = 1, 40 do store:writeValue(i, i) end
      store:keys()()
      store:values()()
      weak[store] = true
    end
    jit.flush()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("serves a coroutine as well as the main program", function()
    local store = filled()
    local co = coroutine.wrap(function()
      for id in store:keys() do coroutine.yield(store:readValue(id).n) end
    end)
    assert.same({ 0, 2, 10 }, { co(), co(), co() })
  end)

  it("goes through the core's own functions too", function()
    local store = filled()
    assert.equal('{"n":2}', core.readText(store, "log-2"))
    core.writeText(store, "t", "[1, 2]")
    assert.same({ 1, 2 }, store:readValue("t"))
  end)
end)
