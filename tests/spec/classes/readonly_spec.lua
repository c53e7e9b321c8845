-- SPDX-License-Identifier: MIT
--
-- Classes that are opened read-only, by an option or by their URL: every change is refused before the class hears of
-- it, and what the class does, when somebody reads, to the store around which it is, is refused as well.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

-- Every call of a method that changes something.
local log

-- What each class has.
local OVERRIDES = [[
  local function note(what, parent)
    return function(...)
      table.insert(package.loaded["readonly.log"], what)
      return parent(...)
    end
  end
  for _, name in ipairs { "writeValue", "removeValue", "removeAll", "writeMany", "removeMany" } do
    Class[name] = note(name, Base[name])
  end
  function Class:writeValue(id, value, options)
    table.insert(package.loaded["readonly.log"], "writeValue")
    return Base.writeValue(self, id, value, options)
  end
]]
local READS = [[
  function Class:readValue(id)
    if id == "writes" then Base.writeValue(self, "c", 3) end
    return Base.readValue(self, id)
  end
]]
local ALONE = [[
  local rows = { a = 1, b = 2 }
  for _, name in ipairs { "waitForInit", "values" } do Class[name] = function() end end
  for _, name in ipairs { "writeValue", "removeValue", "removeAll", "begin", "commit", "rollback" } do
    Class[name] = function() table.insert(package.loaded["readonly.log"], name) end
  end
  function Class:hasValue(id) return rows[id] ~= nil end
  function Class:readValue(id) return rows[id] end
  function Class:keys() return { "a", "b" } end
]]

local kinds = {
  ["a class without methods over lmdb"] = { parent = "LmdbPersist" },
  ["a class that writes over lmdb"] = { parent = "LmdbPersist", code = OVERRIDES },
  ["a class that reads over lmdb"] = { parent = "LmdbPersist", code = READS },
  ["a class that writes over file"] = { parent = "FilePersist", code = OVERRIDES },
  ["a class of one's own"] = { parent = "PersistBase", code = ALONE },
}

-- Makes the class in a new folder, with a store that has a and b.  Returns the folder, that of the store, and the URL.
local function prepare(kind)
  local dir = temp.quickDirectory()
  local base = dir .. "/store"
  temp.writeFile(dir .. "/class.lua", ([[
    local Base = require("holdfast").%s
    local Class = Base:extend("Class")
    %s
    return Class
  ]]):format(kind.parent, kind.code or ""))
  if kind.parent ~= "PersistBase" then
    local store = holdfast[kind.parent]("signal", base)
    store:writeMany { a = 1, b = 2 }
    store:close()
  end
  return dir, base, "lua:" .. dir .. "/class.lua?base=" .. base
end

local function everyChange(store)
  local changes = {
    function() store:writeValue("a", 5) end,
    function() store:writeValue("c", 5) end,
    function() store:removeValue("a") end,
    function() store:removeValue("none") end,
    function() store:removeAll() end,
    function() store:writeMany { a = 5, c = 6 } end,
    function() store:removeMany { "a", "b" } end,
    function() holdfast.transaction(function() store:writeValue("a", 5) end) end,
    function() holdfast.transaction(function() store:removeAll() end) end,
  }
  if store.supports.ifAbsent then
    changes[#changes + 1] = function() store:writeValue("c", 5, { ifAbsent = true }) end
  end
  if store.supports.quarantine then
    changes[#changes + 1] = function() core.quarantine(store, "b", "why") end
  end
  return changes
end

-- Closes a store, and those that its class has open.
local function closeAll(store)
  store:close()
  collectgarbage()
  collectgarbage()
end

local ways = {
  ["by an option"] = function(url) return holdfast.PersistBase("signal", url, { readOnly = true }) end,
  ["by the URL"] = function(url) return holdfast.PersistBase("signal", url .. "&readonly=1") end,
  ["by the URL, in front"] = function(url)
    return holdfast.PersistBase("signal", (url:gsub("%?", "?readonly=true&")))
  end,
  ["by an option and not by the URL"] = function(url)
    return holdfast.PersistBase("signal", url, { readOnly = true, create = false })
  end,
}

before_each(function()
  log = {}
  package.loaded["readonly.log"] = log
end)

after_each(function()
  stores.leaveNothing()
  package.loaded["readonly.log"] = nil
end)

for name, kind in pairs(kinds) do
  describe(name, function()
    for how, open in pairs(ways) do
      it("refuses every change when it is read-only " .. how, function()
        local _, base, url = prepare(kind)
        local store = open(url)
        for i, change in ipairs(everyChange(store)) do
          local err = raises.error("readonly", nil, change)
          assert.equal("signal", err.entityName, "change " .. i)
        end
        assert.same({}, log)
        assert.equal(1, store:readValue("a"))
        assert.same({ "a", "b" }, stores.list(store:keys()))
        closeAll(store)
        if kind.parent ~= "PersistBase" then
          assert.equal(2, holdfast[kind.parent]("signal", base):count())
        end
      end)
    end

    it("is written as ever when it is not", function()
      local _, _, url = prepare(kind)
      local store = holdfast.PersistBase("signal", url .. "&readonly=0")
      store:writeValue("a", 5)
      store:removeAll()
      assert.equal(kind.code ~= READS and kind.code and 2 or 0, #log)
    end)

    if kind.parent ~= "PersistBase" then
      it("makes no store", function()
        local dir, _, url = prepare(kind)
        local none = url:gsub("/store$", "/none")
        for _, base in ipairs { none .. "&readonly=1", (none:gsub("%?", "?readonly=1&")) } do
          raises.error("not_found", nil, function() holdfast.PersistBase("signal", base):readValue("a") end)
          local ok, raised = pcall(function()
            local store = holdfast.openStore(base)
            store:entities()
          end)
          assert.is_false(ok)
          assert.equal("not_found", raised.code)
        end
        collectgarbage()
        assert.is_nil(io.open(dir .. "/none"))
      end)
    end
  end)
end

it("a class over lmdb that writes when it is read cannot, where it is read-only", function()
  local _, _, url = prepare(kinds["a class that reads over lmdb"])
  local store = holdfast.PersistBase("signal", url, { readOnly = true })
  raises.error("readonly", nil, store.readValue, store, "writes")
  closeAll(store)
  store = holdfast.PersistBase("signal", url)
  raises.error("not_found", nil, store.readValue, store, "writes")
  assert.equal(3, store:readValue("c"))
end)

it("a class that is made with the option refuses every change", function()
  local dir, base = prepare(kinds["a class that writes over lmdb"])
  local store = dofile(dir .. "/class.lua")("signal", base, { readOnly = true })
  for _, change in ipairs(everyChange(store)) do raises.error("readonly", nil, change) end
  assert.same({}, log)
end)

it("what is damaged below a class that is read-only stays where it is", function()
  for _, name in ipairs { "a class without methods over lmdb", "a class that reads over lmdb" } do
    local _, base, url = prepare(kinds[name])
    local raw = holdfast.LmdbPersist("signal", base)
    raw:writeValue("d", "damaged")
    raw:close()
    assert.is_true(temp.patchFile(base .. "/data.mdb", "damaged", "dam4ged") > 0)
    local before = temp.readFile(base .. "/data.mdb")
    local store = holdfast.PersistBase("signal", url, { readOnly = true })
    raises.error("corrupt", nil, store.readValue, store, "d")
    raises.error("corrupt", nil, function() stores.list(store:values()) end)
    store:close()
    store = holdfast.openStore(url, { readOnly = true })
    assert.equal(1, store:verify().corrupt)
    closeAll(store)
    assert.equal(before, temp.readFile(base .. "/data.mdb"))
  end
end)

it("a verify that is to change nothing changes nothing below a class", function()
  local _, base, url = prepare(kinds["a class that reads over lmdb"])
  local raw = holdfast.LmdbPersist("signal", base)
  raw:writeValue("d", "damaged")
  raw:close()
  assert.is_true(temp.patchFile(base .. "/data.mdb", "damaged", "dam4ged") > 0)
  local store = holdfast.openStore(url .. "&readonly=1")
  assert.equal(1, store:verify().corrupt)
  closeAll(store)
  assert.equal(0, holdfast.LmdbPersist("signal", base):stat().quarantined)
end)
