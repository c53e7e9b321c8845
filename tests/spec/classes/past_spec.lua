-- SPDX-License-Identifier: MIT
--
-- Watching, looking back and expiry on classes: what goes by their methods is right, and what would show what their
-- store keeps instead is refused, unless they have it themselves.

local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

-- Calls the function, which must raise this code, with this in its message.
local function refuses(code, piece, fn, ...)
  local err = raises.error(code, nil, fn, ...)
  assert.is_truthy(err.message:find(piece, 1, true), ("%q is not in: %s"):format(piece, err.message))
  return err
end

local counter = 0

-- A store that keeps all.
local function newBase()
  counter = counter + 1
  local base = "memory:past-" .. counter
  local store = holdfast.openStore(base)
  store:settings { changes = "1000", history = true }
  return base, store
end

-- A class whose store keeps its values turned round.
local function turned(Parent)
  local Turned = Parent:extend("Turned")
  function Turned:readValue(id) return Parent.readValue(self, id):reverse() end
  function Turned:writeValue(id, value, options) return Parent.writeValue(self, id, value:reverse(), options) end
  return Turned
end

after_each(function() stores.leaveNothing() end)

describe("a class around a store that keeps its history", function()
  it("reads as of a moment by its own methods", function()
    local base, store = newBase()
    local wrapped = turned(holdfast.MemoryPersist)("signal", base)
    wrapped:writeValue("a", "abc")
    local at = store:revision()
    wrapped:writeValue("a", "def")
    wrapped:writeValue("b", "ghi")
    assert.equal("cba", holdfast.MemoryPersist("signal", base):readValue("a", { at = at }))
    assert.equal("abc", wrapped:readValue("a", { at = at }))
    assert.equal("abc", wrapped:readEntry("a", { at = at }).value)
    wrapped:snapshot(function(s)
      assert.equal("abc", s:readValue("a"))
      for value in s:values() do assert.equal("abc", value) end
      assert.equal(1, s:count())
    end, { at = at })
    assert.equal("def", wrapped:readValue("a"))
    store:close()
  end)

  it("does not hand out what the store keeps", function()
    local base, store = newBase()
    local wrapped = turned(holdfast.MemoryPersist)("signal", base)
    wrapped:writeValue("a", "abc")
    assert.is_false(wrapped.supports.changes)
    assert.is_false(wrapped.supports.history)
    refuses("unsupported", "a class around a store may keep other values than it gives", wrapped.watch, wrapped)
    refuses("unsupported", "a class around a store may keep other values than it gives", wrapped.history, wrapped, "a")
    refuses("unsupported", "a class around a store may keep other values than it gives", wrapped.purge, wrapped, "a")
    store:close()
  end)

  it("has its own methods of those names called", function()
    local base, store = newBase()
    local Own = turned(holdfast.MemoryPersist)
    function Own:watch(to) return "watch " .. to .. self.entityName end
    function Own:history(id) return "history " .. id .. self.entityName end
    function Own:purge(id) return "purge " .. id .. self.entityName end
    local own = Own("signal", base)
    assert.equal("watch xsignal", own:watch("x"))
    assert.equal("history asignal", own:history("a"))
    assert.equal("purge asignal", own:purge("a"))
    store:close()
  end)

  it("cannot declare the log of another", function()
    for _, name in ipairs { "changes", "history" } do
      local Bold = turned(holdfast.MemoryPersist)
      Bold.supports = { [name] = true }
      local says = "declares supports." .. name .. ", which only stores in C can have"
      refuses("invalid_argument", says, Bold, "signal", "x")
    end
  end)
end)

describe("expiry of a class around a store", function()
  it("is refused, unless the class declares it", function()
    local base, store = newBase()
    local Old = turned(holdfast.MemoryPersist)
    local old = Old("signal", base)
    assert.is_false(old.supports.ttl)
    refuses("unsupported", "no expiry", old.writeValue, old, "a", "abc", { ttl = "1h" })
    assert.is_false(old:hasValue("a"))
    local New = turned(holdfast.MemoryPersist)
    New.supports = { ttl = true }
    local new = New("signal", base)
    new:writeValue("a", "abc", { ttl = "1h" })
    local plain = holdfast.MemoryPersist("signal", base):readEntry("a")
    assert.equal("cba", plain.value)
    assert.is_true(plain.expiresAt > plain.updatedAt)
    store:close()
  end)

  it("is the store's where the class leaves writing alone", function()
    local base, store = newBase()
    local Reads = holdfast.MemoryPersist:extend("Reads")
    function Reads:removeAll() holdfast.MemoryPersist.removeAll(self) end
    local reads = Reads("signal", base)
    assert.is_true(reads.supports.ttl)
    reads:writeValue("a", 1, { ttl = "1h" })
    assert.is_number(reads:readEntry("a").expiresAt)
    store:close()
  end)
end)
