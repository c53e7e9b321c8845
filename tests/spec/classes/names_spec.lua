-- SPDX-License-Identifier: MIT
--
-- A class's own methods keep their names, whatever methods and fields the library has, or will have in a later version.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local raises = require "support.raises"

-- What the library may offer some day, and what it has today beside the contract.
local PLANNED = { "index", "at", "settings", "follow" }
local TODAY = { "snapshot", "history", "purge", "watch", "first", "explain", "removeWhere" }
local NAMES = { unpack(TODAY) }
for _, name in ipairs(PLANNED) do NAMES[#NAMES + 1] = name end

-- Loads the classes again as a version would have them that offers all of NAMES, the odd ones of them in Lua.
local function laterVersion()
  local names = { "holdfast.class", "holdfast.PersistBase", "holdfast.store_classes" }
  local loaded = {}
  for _, name in ipairs(names) do loaded[name], package.loaded[name] = package.loaded[name], nil end
  local inherited = require("holdfast.class").inherited
  for i, name in ipairs(PLANNED) do
    if i % 2 == 0 then
      core[name] = core.count
      inherited[#inherited + 1] = name
    end
  end
  local PersistBase, stores = require "holdfast.PersistBase", require "holdfast.store_classes"
  for i, name in ipairs(PLANNED) do
    if i % 2 == 1 then PersistBase[name] = function() return "the library's" end end
    core[name] = nil
  end
  for _, name in ipairs(names) do package.loaded[name] = loaded[name] end
  return { PersistBase = PersistBase, MemoryPersist = stores.MemoryPersist }
end

-- The eight methods over a table.  `texts`: entities are JSON texts in them.
local function complete(Class, texts)
  Class.kept, Class.encoding = {}, texts and "json" or nil
  function Class:waitForInit() end
  function Class:readValue(id) return self.kept[id] or error(holdfast.error("not_found")) end
  function Class:hasValue(id) return self.kept[id] ~= nil end
  function Class:writeValue(id, entity) self.kept[id] = entity end
  function Class:removeValue(id) self.kept[id] = nil end
  function Class:removeAll() for id in pairs(self.kept) do self.kept[id] = nil end end
  function Class:values()
    return coroutine.wrap(function() for _, entity in pairs(self.kept) do coroutine.yield(entity) end end)
  end
  function Class:keys() return coroutine.wrap(function() for id in pairs(self.kept) do coroutine.yield(id) end end) end
  return Class
end

-- Classes of each kind, by what they are.
local kinds = {
  ["a class of its own"] = function(library) return complete(library.PersistBase:extend("Own")) end,
  ["a class of texts"] = function(library) return complete(library.PersistBase:extend("Texts"), true) end,
  ["a store as it is"] = function(library) return library.MemoryPersist:extend("Plain") end,
  ["a store with a method changed"] = function(library)
    local Class = library.MemoryPersist:extend("Changed")
    function Class:writeValue(id, entity, options)
      self.written = (self.written or 0) + 1
      return library.MemoryPersist.writeValue(self, id, entity, options)
    end
    return Class
  end,
}

local versions = { today = function() return holdfast end, ["a later version"] = laterVersion }

for version, load in pairs(versions) do
  for kind, make in pairs(kinds) do
    describe(("in %s, %s"):format(version, kind), function()
      local library = load()

      it("is asked by the methods that it has itself", function()
        local Class = make(library)
        for _, name in ipairs(NAMES) do
          Class[name] = function(self, given) return name .. " of " .. self.entityName, given end
        end
        for _, of in ipairs { Class, Class:extend("Child") } do
          local store = of("signal", "names")
          for _, name in ipairs(NAMES) do
            assert.same({ name .. " of signal", 7 }, { store[name](store, 7) })
          end
          store:writeValue("a", { n = 1 })
          assert.same({ n = 1 }, store:readValue("a"))
          assert.equal(1, store:count())
          store:close()
        end
      end)

      it("has those of the library where it has none", function()
        local store = make(library)("signal", "names")
        for _, name in ipairs(TODAY) do assert.equal(library.PersistBase[name], store[name], name) end
        for _, name in ipairs(PLANNED) do
          assert.equal(library.PersistBase[name], store[name], name)
          assert.equal(version ~= "today", store[name] ~= nil)
        end
        store:close()
      end)

      it("may call a method as the library calls what it knows of a class", function()
        local Class = make(library)
        local internal = { "native", "parent", "instances", "scripts", "textScripts", "super", "scheme", "urlOf",
          "closed", "url", "record", "class", "conditions", "source" }
        for _, name in ipairs(internal) do Class[name] = function() return "mine: " .. name end end
        local store = Class("signal", "names")
        for _, name in ipairs(internal) do assert.equal("mine: " .. name, store[name](store), name) end
        store:writeValue("a", { n = 1 })
        assert.same({ n = 1 }, store:readValue("a"))
        if kind == "a store with a method changed" then assert.equal(1, store.written) end
        Class:extend("Child")("signal", "names"):close()
        store:close()
        assert.equal("mine: closed", store:closed())
      end)

      it("has strings alone for keys, so that they can be sorted", function()
        for key in pairs(make(library)) do assert.equal("string", type(key)) end
      end)

      it("is refused with a method that is a field of every instance", function()
        for _, name in ipairs { "entityName", "baseDir", "supports" } do
          local Class = make(library)
          Class[name] = function() end
          local err = raises.error("invalid_argument", nil, Class, "signal", "names")
          assert.truthy(err.message:find(name, 1, true), err.message)
          assert.truthy(err.message:find("give the method another name", 1, true), err.message)
        end
      end)
    end)
  end
end

describe("a class's own close()", function()
  it("is called once, also where the class calls a field of its own `closed`", function()
    local Class, calls = kinds["a class of its own"](holdfast), 0
    function Class:init(...)
      holdfast.PersistBase.init(self, ...)
      self.closed = "not yet"
    end
    function Class:close() calls = calls + 1 end
    local store = Class("signal", "names")
    store:close()
    store:close()
    assert.equal(1, calls)
  end)
end)
