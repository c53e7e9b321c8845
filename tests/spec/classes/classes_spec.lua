-- SPDX-License-Identifier: MIT
--
-- Classes: instances, subclasses that override and call their parent, and misuse.

local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

stores.each(function(kind)
  local Parent = holdfast[kind.class]

  local function base()
    return (kind.base:gsub("^memory:", ""))
  end

  it("the class of a store takes its base with and without the scheme", function()
    local store = Parent("signal", base())
    store:writeValue("a", 1)
    assert.equal(1, holdfast.PersistBase("signal", kind.name .. ":" .. base()):readValue("a"))
    assert.equal(1, Parent("signal", kind.name .. ":" .. base()):readValue("a"))
    assert.equal(base(), store.baseDir)
    assert.equal("signal", store.entityName)
  end)

  it("a subclass has everything of its parent", function()
    local Class = Parent:extend("Mine")
    local store = Class("signal", base())
    store:writeValue("a", { n = 1 })
    assert.same({ n = 1 }, store:readValue("a"))
    assert.same({ { n = 1 } }, stores.list(store:filter(function(v) return v.n == 1 end)))
    assert.is_true(store.supports.transaction)
    assert.equal(("Mine(%q, %q)"):format("signal", base()), tostring(store))
    assert.equal("class Mine", tostring(Class))
    assert.equal("Mine", Class.className)
    assert.equal(Parent, Class.super)
  end)

  it("a subclass without a name is called like its parent", function()
    assert.equal(kind.class, Parent:extend().className)
  end)

  it("overriding methods call their parent's", function()
    local audit = {}
    local Audited = Parent:extend("Audited")
    function Audited:writeValue(id, entity, options)
      audit[#audit + 1] = "write " .. id
      return Parent.writeValue(self, id, entity, options)
    end
    function Audited:removeValue(id)
      audit[#audit + 1] = "remove " .. id
      return Audited.super.removeValue(self, id)
    end
    local store = Audited("signal", base())
    local revision = store:writeValue("a", 1)
    assert.is_true(revision > 0)
    raises.error("conflict", nil, store.writeValue, store, "a", 2, { ifAbsent = true })
    store:removeValue("a")
    raises.error("not_found", "Entity signal:a not found for deletion", store.removeValue, store, "a")
    assert.same({ "write a", "write a", "remove a", "remove a" }, audit)
  end)

  it("a constructor may add to the instance", function()
    local Class = Parent:extend("Counting")
    function Class:init(entityName, baseDir)
      Parent.init(self, entityName .. "-v2", baseDir)
      self.reads = 0
    end
    function Class:readValue(id)
      self.reads = self.reads + 1
      return Parent.readValue(self, id)
    end
    local a, b = Class("signal", base()), Class("other", base())
    a:writeValue("x", 1)
    a:readValue("x")
    a:readValue("x")
    assert.equal(2, a.reads)
    assert.equal(0, b.reads)
    assert.equal("signal-v2", a.entityName)
  end)

  it("filter and take use overridden values", function()
    local Shouting = Parent:extend("Shouting")
    local ranges = {}
    function Shouting:values(range)
      ranges[#ranges + 1] = range or "none"
      local nextValue = Parent.values(self, range)
      return function()
        local value = nextValue()
        return value and value:upper()
      end
    end
    local store = Shouting("signal", base())
    store:writeMany({ a = "x", b = "y", c = "z" })
    assert.same({ "X", "Y", "Z" }, stores.list(store:values()))
    assert.same({ "Y" }, stores.list(store:filter(function(v) return v == "Y" end)))
    assert.same({ "X", "Y" }, stores.list(store:take(2)))
    assert.equal("y", store:readValue("b"))
    assert.same({ limit = 2 }, ranges[3])
  end)

  it("filter and take work over a values() that is a triple of an iterator, a state and a control", function()
    local List = Parent:extend("List")
    function List:values(range)
      local list = { "a", "b", "c", "d" }
      local limit = range and range.limit or #list
      local index = 0
      return function(state)
        index = index + 1
        return index <= limit and state[index] or nil
      end, list, nil
    end
    local store = List("signal", base())
    assert.same({ "b", "d" }, stores.list(store:filter(function(v) return v == "b" or v == "d" end)))
    assert.same({ "a", "b" }, stores.list(store:take(2)))
  end)

  it("take stops by itself over a values() that knows no ranges", function()
    local Endless = Parent:extend("Endless")
    function Endless:values() -- luacheck: ignore self
      local n = 0
      return function()
        n = n + 1
        return n <= 9 and n or nil
      end
    end
    local store = Endless("signal", base())
    assert.same({ 1, 2, 3 }, stores.list(store:take(3)))
    assert.same({}, stores.list(store:take(0)))
  end)

  it("subclasses of subclasses find every level", function()
    local A = Parent:extend("A")
    local B = A:extend("B")
    local C = B:extend("C")
    function A:readValue(id) return "A" .. Parent.readValue(self, id) end
    function C:readValue(id) return "C" .. B.readValue(self, id) end
    local store = C("signal", base())
    store:writeValue("x", "x")
    assert.equal("CAx", store:readValue("x"))
    assert.equal("Ax", B("signal", base()):readValue("x"))
    assert.equal(B, C.super)
  end)

  it("methods that are added later are found by instances that exist", function()
    local Class = Parent:extend("Late")
    local store = Class("signal", base())
    assert.is_nil(store.double)
    function Class:double(id) return 2 * self:readValue(id) end
    store:writeValue("x", 4)
    assert.equal(8, store:double("x"))
    assert.is_nil(Parent.double)
  end)

  it("a constructor that leaves its parent's out gets it called after", function()
    local Class = Parent:extend("Forgetful")
    function Class:init() self.forgot = true end
    local store = Class("signal", base())
    store:writeValue("a", 1)
    assert.equal(1, Parent("signal", base()):readValue("a"))
    assert.is_true(store.forgot)
  end)
end)

describe("extend", function()
  it("is called on a class, with a name or nothing", function()
    local store = holdfast.MemoryPersist("a", "extend")
    local misuses = {
      function() holdfast.PersistBase.extend("X") end,
      function() holdfast.PersistBase.extend() end,
      function() holdfast.PersistBase.extend({}) end,
      function() store:extend("X") end,
      function() holdfast.PersistBase:extend(5) end,
      function() holdfast.PersistBase:extend({}) end,
    }
    for _, misuse in ipairs(misuses) do
      raises.error("invalid_argument", nil, misuse)
    end
    store:close()
  end)
end)

describe("the class of a store", function()
  it("refuses a base that is not a string", function()
    for _, name in ipairs({ "LmdbPersist", "MemoryPersist", "NullPersist" }) do
      for _, base in ipairs({ 5, {}, true }) do
        raises.error("invalid_argument", ("^%s: the base must be a string.*$"):format(name), holdfast[name], "a", base)
      end
    end
    raises.error("invalid_argument", "LmdbPersist: the base must be a string, not a nil", holdfast.LmdbPersist, "a")
  end)

  it("takes every character of a path as it is", function()
    local kind = stores.kind("lmdb")
    kind.base = kind.newBase()
    local path = kind.base .. "/100% a?b=c&d#e:f"
    local store = holdfast.LmdbPersist("signal", path)
    store:writeValue("x", 1)
    store:close()
    assert.is_truthy(io.open(path .. "/data.mdb", "rb"))
    assert.equal(1, holdfast.PersistBase("signal", path):readValue("x"))
    collectgarbage()
    collectgarbage()
    require("support.temp").removeAll()
  end)

  it("makes memory stores that last while a handle is open", function()
    local a = holdfast.MemoryPersist("signal", "lasting")
    a:writeValue("x", 1)
    local b = holdfast.MemoryPersist("signal", "lasting")
    b:waitForInit()
    a:close()
    assert.equal(1, b:readValue("x"))
    b:close()
    local c = holdfast.MemoryPersist("signal", "lasting")
    assert.equal(0, c:count())
    c:close()
  end)
end)
