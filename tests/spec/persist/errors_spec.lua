-- SPDX-License-Identifier: MIT
--
-- What bad input gets: an error object with the right code, a message that tells what is wrong, the entity, the
-- script's own line, and a store in which nothing has changed.

local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local here = raises.here

local cyclic = {}
cyclic.self = { cyclic }

-- Values that cannot be stored: what, the message.
local badValues = {
  { 0 / 0, "cannot store NaN" },
  { { metadata = { prices = { 1, 2, 0 / 0 } } }, "cannot store NaN at metadata.prices[3]" },
  { print, "cannot store a function" },
  { { callback = print }, "cannot store a function at callback" },
  { { { co = coroutine.create(print) } }, "cannot store a coroutine at [1].co" },
  { { 1, 2, x = 3 }, "^cannot store a table with both .*$" },
  { { a = { [1] = 1, [3] = 3 } }, "^cannot store .* at a.*$" },
  { { [1.5] = 1 }, "^cannot store .*$" },
  { { [true] = 1 }, "^cannot store .*$" },
  { cyclic, "^cannot store .*cyc.*$" },
  { "\200", "^cannot store .*UTF%-8.*$" },
  { { name = "a\237\160\128" }, "^cannot store .*UTF%-8.* at name.*$" },
  { { ["\200"] = 1 }, "^cannot store .*UTF%-8.*$" },
}

-- Ids that cannot be: what, the end of the message.
local badIds = {
  { "", "signal id is empty: give 1 to 250 bytes" },
  { ("x"):rep(251), "signal id is 251 bytes long: at most 250 are allowed" },
  { "a\0b", "signal id has a control character (byte 0x00 at offset 1)" },
  { "a\nb", "signal id has a control character (byte 0x0a at offset 1)" },
  { "\127", "signal id has a control character (byte 0x7f at offset 0)" },
  { "ab\194\133", "^signal id has a control character .*$" },
  { "a\255", "signal id is not valid UTF-8 (byte 0xff at offset 1)" },
  { "\237\160\128", "^signal id is not valid UTF%-8 .*$" },
  { "\192\128", "^signal id is not valid UTF%-8 .*$" },
  { "\226\130", "^signal id is not valid UTF%-8 .*$" },
  { {}, "^.*must be a string or a number, not a table$" },
  { true, "^.*must be a string or a number, not a boolean$" },
  { print, "^.*must be a string or a number, not a function$" },
  { 0 / 0, "^.*must be a finite number, not NaN$" },
  { math.huge, "^.*must be a finite number, not infinity$" },
}

stores.each(function(kind)
  -- A store with some content, and a check that it is still the same.
  local function filled()
    local store = kind.open("signal")
    store:writeMany({ a = { n = 1 }, b = "two", c = holdfast.null })
    local other = kind.open("other")
    other:writeValue("a", 1)
    local before, otherBefore = stores.content(store), stores.content(other)
    return store, function()
      assert.same(before, stores.content(store))
      assert.same(otherBefore, stores.content(other))
    end
  end

  describe("a bad id", function()
    it("is refused by every operation, with the reason, and changes nothing", function()
      local store, unchanged = filled()
      local operations = {
        function(id) store:readValue(id) end,
        function(id) store:readEntry(id) end,
        function(id) store:hasValue(id) end,
        function(id) store:writeValue(id, 1) end,
        function(id) store:removeValue(id) end,
        function(id) store:readMany({ "a", id }) end,
        function(id) store:removeMany({ "a", id }) end,
      }
      for _, bad in ipairs(badIds) do
        for _, operation in ipairs(operations) do
          raises.error("invalid_argument", bad[2], operation, bad[1])
        end
        if bad[1] == bad[1] then
          raises.error("invalid_argument", bad[2], store.writeMany, store, { a = 9, [bad[1]] = 9 })
        end
        unchanged()
      end
      raises.error("invalid_argument", nil, store.readValue, store)
      raises.error("invalid_argument", nil, store.writeValue, store)
      unchanged()
    end)

    it("names the collection", function()
      local store = kind.open("signal")
      assert.equal("signal", raises.error("invalid_argument", nil, store.readValue, store, "").entityName)
    end)
  end)

  describe("a bad entity name", function()
    it("is refused when the instance is made", function()
      for _, name in ipairs({ "", ("n"):rep(251), "a\1", "\255", 5, {}, true }) do
        raises.error("invalid_argument", nil, holdfast.PersistBase, name, kind.base)
      end
      raises.error("invalid_argument", "entityName must be a string, not a nil", holdfast.PersistBase)
      raises.error("invalid_argument", "the entity name is empty: give 1 to 250 bytes", holdfast.PersistBase, "", "x")
    end)
  end)

  describe("a value that JSON cannot hold", function()
    it("is refused with its path and the entity, and changes nothing", function()
      local store, unchanged = filled()
      for i, bad in ipairs(badValues) do
        for _, id in ipairs({ "a", "new" }) do
          local err = raises.error("invalid_value", bad[2], store.writeValue, store, id, bad[1])
          assert.equal("signal", err.entityName, i)
          assert.equal(id, err.entityId, i)
        end
        local err = raises.error("invalid_value", nil, store.writeMany, store, { new = 1, [7] = bad[1] })
        assert.equal("7", err.entityId)
        local ok, alone = pcall(store.writeValue, store, "7", bad[1])
        assert.is_false(ok)
        assert.equal(alone.message .. " (of the entity with id 7)", err.message)
      end
      raises.error("invalid_value", "^cannot store nil.*$", store.writeValue, store, "a", nil)
      unchanged()
    end)

    it("too deep is refused", function()
      local store, unchanged = filled()
      local deep = 1
      for _ = 1, 100000 do
        deep = { deep }
      end
      raises.error("invalid_value", "^cannot store .*128.*$", store.writeValue, store, "a", deep)
      unchanged()
    end)
  end)

  it("take refuses what is not a count", function()
    local store, unchanged = filled()
    raises.error("invalid_argument", "take: the count must be a whole number from 0 on, not -1", store.take, store, -1)
    raises.error("invalid_argument", "take: the count must be a whole number from 0 on, not 1.5",
      store.take, store, 1.5)
    for _, n in ipairs({ 0 / 0, math.huge, -math.huge, "5", {}, true }) do
      raises.error("invalid_argument", "^take: the count must be a whole number from 0 on.*$", store.take, store, n)
    end
    raises.error("invalid_argument", nil, store.take, store)
    unchanged()
  end)

  it("ranges refuse what they do not know", function()
    local store = filled()
    local bad = {
      "BTC", 5, { from = {} }, { to = true }, { prefix = 5 }, { limit = -1 }, { limit = 1.5 }, { limit = "1" },
      { limit = 0 / 0 }, { reverse = 1 }, { form = "a" }, { 1 }, { from = "" }, { to = ("x"):rep(251) },
      { prefix = "\255" }, { from = "a\0" }, { from = 0 / 0 },
    }
    for i, range in ipairs(bad) do
      for _, method in ipairs({ "values", "keys", "entries" }) do
        local err = raises.error("invalid_argument", nil, store[method], store, range)
        assert.is_truthy(err.message:find("range"), i .. ": " .. err.message)
      end
    end
  end)

  it("write options refuse what they do not know", function()
    local store, unchanged = filled()
    for _, options in ipairs({ 5, "ifAbsent", true, { ifabsent = true }, { ifAbsent = 1 }, { ifRevision = -2 },
      { ifRevision = 1.5 }, { ifRevision = "1" }, { ifAbsent = true, ifRevision = 1 }, { true } }) do
      raises.error("invalid_argument", nil, store.writeValue, store, "new", 1, options)
    end
    unchanged()
  end)

  it("batches refuse what is not a batch", function()
    local store, unchanged = filled()
    for _, bad in ipairs({ 5, "a", true }) do
      raises.error("invalid_argument", nil, store.readMany, store, bad)
      raises.error("invalid_argument", nil, store.removeMany, store, bad)
      raises.error("invalid_argument", nil, store.writeMany, store, bad)
    end
    raises.error("invalid_argument", nil, store.writeMany, store)
    unchanged()
  end)

  it("functions are asked for where a function belongs", function()
    local store, unchanged = filled()
    for _, bad in ipairs({ 5, "a", true, {} }) do
      raises.error("invalid_argument", "^filter: the predicate must be a function.*$", store.filter, store, bad)
      raises.error("invalid_argument", nil, holdfast.transaction, bad)
      raises.error("invalid_argument", nil, store.snapshot, store, bad)
    end
    raises.error("invalid_argument", nil, store.filter, store)
    raises.error("invalid_argument", nil, holdfast.transaction)
    raises.error("invalid_argument", nil, store.snapshot, store)
    unchanged()
  end)

  it("a call with a dot instead of a colon says so", function()
    local store, unchanged = filled()
    for _, method in ipairs({ "readValue", "hasValue", "writeValue", "removeValue", "removeAll", "values", "keys",
      "count", "readMany", "writeMany", "removeMany", "snapshot", "stat", "close", "waitForInit" }) do
      local err = raises.error("invalid_argument", nil, store[method], "a", 1)
      assert.is_truthy(err.message:find("colon"), err.message)
      raises.error("invalid_argument", nil, store[method], { 1 }, 1)
      raises.error("invalid_argument", nil, store[method], { [0] = io.stdout }, 1)
      raises.error("invalid_argument", nil, store[method], { [0] = newproxy(true) }, 1)
      raises.error("invalid_argument", nil, store[method])
      raises.error("invalid_argument", nil, store[method], holdfast.PersistBase, "x")
    end
    unchanged()
  end)

  describe("a predicate that raises", function()
    it("ends the loop with `script`, the message, the collection and a traceback", function()
      local store, unchanged = filled()
      local line
      local err = raises.error("script", "^filter: the predicate raised: .*attempt to index.*$", function()
        for _ in store:filter(function(v)
          line = here()
          return v.metadata.symbol == "BTC"
        end) do
        end
      end)
      assert.equal("signal", err.entityName)
      assert.is_truthy(err.traceback:find("errors_spec.lua", 1, true), err.traceback)
      assert.matches("^tests/spec/persist/errors_spec.lua:%d+$", err.where)
      assert.equal(tonumber(line:match("%d+$")) + 1, tonumber(err.where:match("%d+$")))
      unchanged()
    end)

    it("passes error objects on as they are", function()
      local store = filled()
      local thrown = holdfast.error("conflict", "mine")
      local caught = raises.caught(function()
        for _ in store:filter(function() error(thrown) end) do
        end
      end)
      assert.equal(thrown, caught)
      assert.equal("mine", caught.message)
      thrown = holdfast.error("script", "mine too")
      caught = raises.caught(function()
        for _ in store:filter(function() error(thrown) end) do
        end
      end)
      assert.equal(thrown, caught)
      assert.equal("mine too", caught.message)
    end)

    it("may raise anything", function()
      local store = filled()
      local custom = setmetatable({}, { __tostring = function() return "custom" end })
      for _, thrown in ipairs({ "text", 5, { x = 1 }, custom }) do
        local err = raises.error("script", nil, function()
          for _ in store:filter(function() error(thrown, 0) end) do
          end
        end)
        assert.equal(thrown, err.cause)
      end
      raises.error("script", nil, function()
        for _ in store:filter(function() error() end) do
        end
      end)
    end)
  end)

  describe("where", function()
    it("is the script's own line, not one of the library", function()
      local store = kind.open()
      local expected, err
      expected, err = here(), raises.caught(function() store:readValue("none") end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() store:writeValue("x", 0 / 0) end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() store:take(-1) end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() store:filter(5) end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() holdfast.PersistBase("", kind.base) end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() holdfast.MemoryPersist("a", 5) end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() holdfast.openStore(5) end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() store.extend(5) end)
      assert.equal(expected, err.where)
      expected, err = here(), raises.caught(function() holdfast.transaction() end)
      assert.equal(expected, err.where)
      local function remove() store:removeValue("none") end local line = here()
      err = raises.caught(holdfast.transaction, remove)
      assert.equal(line, err.where)
      expected, err = here(), raises.caught(function() store:snapshot(5) end)
      assert.equal(expected, err.where)
    end)

    it("is right inside a coroutine", function()
      local store = kind.open()
      local expected, _, err
      expected, _, err = here(), coroutine.resume(coroutine.create(function() store:readValue("none") end))
      assert.equal(expected, err.where)
    end)
  end)

  describe("use after close", function()
    it("raises `closed` in every operation", function()
      local store = kind.open("signal")
      store:writeValue("a", 1)
      local nextKey = store:keys()
      store:close()
      local operations = {
        function() store:waitForInit(true) end, function() store:readValue("a") end,
        function() store:readEntry("a") end, function() store:hasValue("a") end,
        function() store:writeValue("a", 2) end, function() store:removeValue("a") end,
        function() store:removeAll() end, function() store:values() end, function() store:keys() end,
        function() store:entries() end, function() store:filter(function() end) end, function() store:take(1) end,
        function() store:count() end, function() store:readMany({ "a" }) end,
        function() store:writeMany({ a = 2 }) end, function() store:removeMany({ "a" }) end,
        function() store:snapshot(function() end) end, function() store:stat() end, function() nextKey() end,
        function() holdfast.transaction(function() store:writeValue("a", 2) end) end,
      }
      for _, operation in ipairs(operations) do
        local err = raises.error("closed", "signal is closed: make a new one", operation)
        assert.equal("signal", err.entityName)
      end
    end)
  end)
end, stores.all)

describe("a base that is not a store", function()
  it("says what to write instead", function()
    local PersistBase = holdfast.PersistBase
    raises.error("invalid_argument", "the base is empty: give a directory such as ./data, or a store URL",
      PersistBase, "a", "")
    local err = raises.error("invalid_argument", nil, PersistBase, "a", "redis9:host")
    assert.is_truthy(err.message:find("there is no 'redis9' store (there are: ", 1, true))
    assert.is_truthy(err.message:find("lmdb", 1, true))
    for _, base in ipairs({ 5, {}, true, "x\0y" }) do
      raises.error("invalid_argument", nil, PersistBase, "a", base)
    end
    raises.error("invalid_argument", nil, PersistBase, "a")
    for _, query in ipairs({ "durability=none", "durability", "mapsize=big", "mapsize=-1", "maxsize=1x", "readonly=2",
      "unknown=1", "=1", "&" }) do
      raises.error("invalid_argument", nil, PersistBase, "a", "lmdb:./x?" .. query)
    end
    raises.error("invalid_argument", nil, PersistBase, "a", "lmdb:./a%zz")
    raises.error("invalid_argument", nil, PersistBase, "a", "lmdb:./a%00")
  end)

  it("without a path is refused as empty", function()
    for _, base in ipairs({ "lmdb:", "lmdb:?readonly=1" }) do
      raises.error("invalid_argument", nil, function() holdfast.PersistBase("a", base):waitForInit() end)
    end
  end)

  it("options refuse what they do not know", function()
    for _, options in ipairs({ 5, "sync", { durability = "none" }, { durability = 1 }, { mapSize = "1m" },
      { mapSize = -1 }, { mapSize = 0.5 }, { maxSize = 0 / 0 }, { readOnly = 1 }, { create = "no" }, { networkFs = 0 },
      { readonly = true }, { 1 } }) do
      raises.error("invalid_argument", nil, holdfast.PersistBase, "a", "./x", options)
    end
  end)
end)

describe("an error object", function()
  it("is made by holdfast.error and raised like any value", function()
    local err = raises.caught(function() error(holdfast.error("conflict", "someone was faster")) end)
    assert.is_true(holdfast.isError(err))
    assert.is_true(holdfast.isError(err, "conflict"))
    assert.is_false(holdfast.isError(err, "io"))
    assert.equal("someone was faster", tostring(err))
    assert.equal("someone was faster", err.message)
    assert.is_true(err.retryable)
    assert.is_false(holdfast.error("not_found", "x").retryable)
  end)

  it("takes further fields", function()
    local cause = {}
    local err = holdfast.error("io", "x", { entityName = "signal", entityId = "BTC", backend = "mine", cause = cause,
      retryable = true, where = "a.lua:1" })
    assert.same({ "signal", "BTC", "mine", "a.lua:1" }, { err.entityName, err.entityId, err.backend, err.where })
    assert.equal(cause, err.cause)
    assert.is_true(err.retryable)
  end)

  it("knows where it was made", function()
    local expected, err = here(), holdfast.error("io", "x")
    assert.equal(expected, err.where)
  end)

  it("needs a code that exists", function()
    raises.error("invalid_argument", "^holdfast.error: there is no code 'oops'; the codes are: .*not_found.*$",
      holdfast.error, "oops", "x")
    for _, code in ipairs({ "ok", "", 5, {}, true }) do
      raises.error("invalid_argument", nil, holdfast.error, code, "x")
    end
    raises.error("invalid_argument", nil, holdfast.error)
  end)

  it("has one of the codes in holdfast.codes, each with a meaning", function()
    local expected = { "not_found", "invalid_argument", "invalid_value", "corrupt", "conflict", "full", "io",
      "unavailable", "timeout", "unsupported", "closed", "busy", "readonly", "script",
      "no_memory", "duplicate", "compacted" }
    local n = 0
    for code, meaning in pairs(holdfast.codes) do
      n = n + 1
      assert.is_true(#meaning > 5)
      assert.equal(meaning, holdfast.error(code).message)
    end
    assert.equal(#expected, n)
    for _, code in ipairs(expected) do
      assert.is_string(holdfast.codes[code])
    end
  end)

  it("says whether the same call may succeed later", function()
    local retryable = { conflict = true, full = true, unavailable = true, timeout = true, busy = true }
    for code in pairs(holdfast.codes) do
      assert.equal(retryable[code] or false, holdfast.error(code, "x").retryable, code)
    end
  end)

  it("is told from everything else", function()
    for _, value in ipairs({ 5, "x", true, {}, print, { code = "io", message = "x" }, setmetatable({}, {}) }) do
      assert.is_false(holdfast.isError(value))
    end
    assert.is_false(holdfast.isError(nil))
    assert.is_false(holdfast.isError())
  end)
end)
