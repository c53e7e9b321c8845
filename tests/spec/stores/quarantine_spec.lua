-- SPDX-License-Identifier: MIT
--
-- Quarantine as programs see it that move entities from store to store: core.quarantined() lists it,
-- core.quarantine() puts an id there that is damaged elsewhere.  How records get there by reading is in the specs of
-- the stores.

local command = require("support.command")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local ffi = require("ffi")

ffi.cdef [[
int hf_spec_open(const char *path, int flags, ...) __asm__("open");
int hf_spec_flock(int fd, int operation) __asm__("flock");
int hf_spec_close(int fd) __asm__("close");
]]

local LOCK_EX = 2

local KINDS = { "lmdb", "memory", "file", "wrapper" }

-- What is in quarantine: a list of {id, problem, bytes}.
local function content(store, range)
  local out = {}
  for id, problem, bytes, at in core.quarantined(store, range) do
    assert.is_true(at > 1e12 and at < 1e14, "when it came there")
    out[#out + 1] = { id, problem, bytes }
  end
  return out
end

local function bytesOf(i) return tostring(i):rep(i % 7 == 0 and 5000 or 1) end

local function ids(store, range)
  local out = {}
  for id in core.quarantined(store, range) do out[#out + 1] = id end
  return table.concat(out, " ")
end

stores.each(function(kind)
  describe("an id that was put into quarantine", function()
    it("is damaged and not missing, until it is written or removed", function()
      local store = kind.open()
      assert.same({}, content(store))
      for _, id in ipairs { "a", "b", "c" } do
        core.quarantine(store, id, "its checksum does not match", "\0\255 " .. id)
      end
      store:writeValue("sound", 1)
      for _, read in ipairs { "readValue", "readEntry", "hasValue" } do
        local err = raises.error("corrupt", nil, store[read], store, "a")
        assert.equal("a", err.entityId)
        assert.equal("Entity signal:a is corrupt: it is in quarantine (its checksum does not match); "
          .. "write or remove it to go on", err.message)
      end
      raises.error("corrupt", nil, store.readMany, store, { "sound", "a" })
      if store.supports.ifAbsent then
        raises.error("corrupt", nil, store.writeValue, store, "a", 1, { ifAbsent = true })
      end
      assert.same({ "sound" }, stores.list(store:keys()))
      assert.equal(1, store:count())
      assert.equal(3, store:stat().quarantined)
      store:writeValue("a", 2)
      assert.equal(2, store:readValue("a"))
      store:removeValue("b")
      raises.error("not_found", nil, store.readValue, store, "b")
      raises.error("not_found", nil, store.removeValue, store, "b")
      assert.same({ { "c", "its checksum does not match", "\0\255 c" } }, content(store))
      store:removeAll()
      raises.error("not_found", nil, store.readValue, store, "c")
      assert.same({}, content(store))
      assert.equal(0, store:stat().quarantined)
    end)

    it("never replaces a sound entity", function()
      local store = kind.open()
      store:writeValue("a", { n = 1 })
      local err = raises.error("conflict", "Entity signal:a is sound here and stays: what is damaged elsewhere does "
        .. "not replace it", core.quarantine, store, "a", "why", "bytes")
      assert.equal("a", err.entityId)
      assert.same({ n = 1 }, store:readValue("a"))
      assert.same({}, content(store))
    end)

    it("changes nothing when it is put there once more, and keeps the newest bytes", function()
      local store = kind.open()
      for _ = 1, 3 do core.quarantine(store, "a", "first", "\n{}\n") end
      assert.same({ { "a", "first", "\n{}\n" } }, content(store))
      core.quarantine(store, "a", "second", "other")
      core.quarantine(store, "a", "third", "\n{}\n")
      assert.same({ { "a", "third", "\n{}\n" } }, content(store))
      core.quarantine(store, "b", "no bytes at all")
      core.quarantine(store, "b", "no bytes at all", "")
      assert.same({ "b", "no bytes at all", "" }, content(store)[2])
      assert.equal(2, store:stat().quarantined)
    end)

    it("keeps any problem as one line, and any bytes", function()
      local store = kind.open()
      core.quarantine(store, "a", 'a "quoted\\" line\nand\tanother\1', ("x"):rep(200000))
      core.quarantine(store, 'b "}\n' and 'b "}', ("é"):rep(200), '{"entityName":"signal","entityId":"a","at":')
      local found = content(store)
      assert.same({ "a", 'a "quoted\\" line and another ', ("x"):rep(200000) }, found[1])
      assert.same({ 'b "}', ("é"):rep(125), '{"entityName":"signal","entityId":"a","at":' }, found[2])
      assert.matches('(a "quoted\\" line and another )', raises.caught(store.readValue, store, "a").message, 1, true)
    end)

    it("is listed in natural order, by pages, in any range", function()
      local store = kind.open()
      local function fill()
        for i = 300, 1, -1 do core.quarantine(store, "k" .. i, "p" .. i, bytesOf(i)) end
        for i = 1, 20 do store:writeValue("k" .. i * 10 .. "-sound", i) end
      end
      if store.supports.transaction then holdfast.transaction(fill) else fill() end
      local found = content(store)
      assert.equal(300, #found)
      for i, entry in ipairs(found) do
        assert.same({ "k" .. i, "p" .. i, bytesOf(i) }, entry)
      end
      found = content(store, { reverse = true })
      for i, entry in ipairs(found) do assert.equal("k" .. 301 - i, entry[1]) end
      assert.equal(300, #found)
      assert.equal("k8 k9 k10 k11", ids(store, { from = "k8", to = "k11" }))
      assert.equal("k11 k10 k9 k8", ids(store, { from = "k8", to = "k11", reverse = true }))
      assert.equal("k29 k290 k291 k292", ids(store, { prefix = "k29", limit = 4 }))
      assert.equal("k299 k298", ids(store, { prefix = "k29", limit = 2, reverse = true }))
      assert.equal("k300", ids(store, { from = "k299.5" }))
      assert.equal("k1", ids(store, { to = "k1.5", reverse = true }))
      assert.equal("", ids(store, { prefix = "x" }))
      assert.equal("", ids(store, { limit = 0 }))
    end)

    it("belongs to its entity name, which the store then has", function()
      local store, other = kind.open("one"), kind.open("two")
      core.quarantine(store, "a", "why", "one's")
      core.quarantine(other, "b", "why", "two's")
      assert.equal("a", ids(store))
      assert.equal("b", ids(other))
      if kind.name == "lua" then return end
      local whole = holdfast.openStore(kind.base)
      assert.same({ "one", "two" }, whole:entities())
      assert.equal(2, whole:verify().quarantined)
      whole:close()
    end)

    it("comes with the transaction that put it there", function()
      local store = kind.open()
      if not store.supports.transaction then
        return raises.error("unsupported", nil, holdfast.transaction, core.quarantine, store, "a", "why")
      end
      store:writeValue("before", 1)
      pcall(holdfast.transaction, function()
        core.quarantine(store, "a", "why")
        store:removeValue("before")
        core.quarantine(store, "before", "why")
        assert.equal("a before", ids(store))
        error("undone")
      end)
      assert.equal("", ids(store))
      assert.equal(1, store:readValue("before"))
      holdfast.transaction(function()
        core.quarantine(store, "a", "why")
        -- What cannot be put there undoes nothing else.
        raises.error("conflict", nil, core.quarantine, store, "before", "why")
        store:writeValue("after", 2)
      end)
      assert.equal("a", ids(store))
      assert.equal(2, store:readValue("after"))
      store:snapshot(function()
        assert.equal("a", ids(store))
        raises.error("readonly", nil, core.quarantine, store, "b", "why")
      end)
    end)

    it("is still there when the store is opened again", function()
      local store = kind.open()
      core.quarantine(store, "a", "why", "bytes")
      if kind.name == "memory" then return end
      store:close()
      store = kind.open()
      raises.error("corrupt", nil, store.readValue, store, "a")
      assert.same({ { "a", "why", "bytes" } }, content(store))
      store:close()
      if kind.name == "lua" then return end -- the class of the test takes no options
      store = kind.open("signal", { readOnly = true })
      assert.same({ { "a", "why", "bytes" } }, content(store))
      raises.error("readonly", nil, core.quarantine, store, "b", "why")
    end)

    it("must be a valid id", function()
      local store = kind.open()
      raises.error("invalid_argument", nil, core.quarantine, store, "", "why")
      raises.error("invalid_argument", nil, core.quarantine, store, ("x"):rep(251), "why")
      core.quarantine(store, 7, "why")
      assert.equal("7", ids(store))
    end)
  end)
end, KINDS)

describe("quarantine", function()
  after_each(function()
    jit.flush()
    collectgarbage()
    collectgarbage()
    assert.same({}, temp.openFiles(), "handles are left open")
    temp.removeAll()
  end)

  it("lists the bytes of a record as they were found, and what came there later in front of them", function()
    local base = temp.directory() .. "/store"
    local store = holdfast.PersistBase("signal", base)
    store:writeValue("a", "needle in a haystack")
    local file = base .. "/data.mdb"
    local function damage()
      store:close()
      assert.is_true(temp.patchFile(file, "needle", "nEedle") > 0)
      store = holdfast.PersistBase("signal", base)
    end
    damage()
    raises.error("corrupt", nil, store.readValue, store, "a")
    local found = content(store)
    assert.same({ "a", "its checksum does not match" }, { found[1][1], found[1][2] })
    assert.equal('"nEedle in a haystack"', found[1][3]:sub(25)) -- after the record's header
    core.quarantine(store, "a", "from elsewhere", "other\nbytes")
    assert.same({ { "a", "from elsewhere", "other\nbytes" } }, content(store))
  end)

  it("takes an unreadable record out of the way first", function()
    local base = temp.directory() .. "/store"
    local store = holdfast.PersistBase("signal", base)
    store:writeValue("a", "needle in a haystack")
    store:close()
    assert.is_true(temp.patchFile(base .. "/data.mdb", "needle", "nEedle") > 0)
    store = holdfast.PersistBase("signal", base)
    core.quarantine(store, "a", "from elsewhere", "bytes")
    assert.equal(0, store:count())
    assert.same({ { "a", "from elsewhere", "bytes" } }, content(store))
    assert.is_true(temp.readFile(base .. "/data.mdb"):find("nEedle", 1, true) ~= nil)
    base = temp.directory()
    store = holdfast.FilePersist("signal", base)
    store:writeValue("b", 1)
    temp.writeFile(base .. "/signal/a.json", "{")
    os.execute("touch -d '1 minute ago' " .. temp.quote(base .. "/signal/a.json"))
    core.quarantine(store, "a", "from elsewhere", "bytes")
    assert.same({ { "a", "from elsewhere", "bytes" } }, content(store))
    assert.equal(1, store:stat().quarantined)
  end)

  it("never becomes an entity again, however whole the bytes look that came from elsewhere", function()
    local base = temp.directory()
    local store = holdfast.FilePersist("signal", base)
    core.quarantine(store, "a", "its checksum does not match", '{"price":1}')
    os.execute("touch -d '1 minute' " .. temp.quote(base .. "/.quarantine/signal/a.json"))
    raises.error("corrupt", nil, store.readValue, store, "a")
    for _ in store:values() do error("it is an entity") end
    assert.equal(0, store:count())
    assert.same({ { "a", "its checksum does not match", '{"price":1}' } }, content(store))
  end)

  it("of files knows what came from elsewhere also below a path of any length", function()
    local base = temp.directory() .. ("/" .. ("d"):rep(250)):rep(15)
    local store = holdfast.FilePersist("signal", base)
    core.quarantine(store, "a", ("why "):rep(60), '{"price":1}')
    raises.error("corrupt", nil, store.readValue, store, "a")
  end)

  it("of files is changed by one process at a time", function()
    local base = temp.directory()
    local store = holdfast.FilePersist("signal", base)
    core.quarantine(store, "a", "first", "1")
    local fd = ffi.C.hf_spec_open(base .. "/.quarantine/signal", 0)
    assert.equal(0, ffi.C.hf_spec_flock(fd, LOCK_EX))
    local err = raises.error("busy", nil, core.quarantine, store, "a", "second", "2")
    ffi.C.hf_spec_close(fd)
    assert.is_true(err.retryable)
    assert.same({ { "a", "first", "1" } }, content(store))
    core.quarantine(store, "a", "second", "2")
    assert.same({ { "a", "second", "2" } }, content(store))
  end)

  it("is what a store that has none has nothing of, and takes nothing into", function()
    local store = holdfast.NullPersist("signal", "null:")
    assert.same({}, content(store))
    raises.error("unsupported", "null stores have no quarantine for what is damaged elsewhere", core.quarantine, store,
      "a", "why")
    local Own = require("support.ScriptPersist")
    store = Own("signal", "quarantine")
    assert.same({}, content(store))
    raises.error("unsupported", nil, core.quarantine, store, "a", "why")
    Own.bases = {}
  end)
end)

-- A store in LMDB looks whether anything is in quarantine only where it cannot know that.
describe("a write after many others", function()
  local dir, store

  -- Whether an id is in quarantine still, though it was written and removed.
  local function stays(id)
    store:writeValue(id, 2)
    store:removeValue(id)
    return not pcall(store.hasValue, store, id) or ids(store) ~= ""
  end

  before_each(function()
    dir = temp.directory()
    store = holdfast.LmdbPersist("signal", dir)
    for i = 1, 3 do store:writeValue("other", i) end
  end)

  after_each(function() store:close() end)

  it("settles what was put into quarantine since", function()
    core.quarantine(store, "a", "it is damaged", "bytes")
    assert.is_false(stays("a"))
    for i = 1, 3 do store:writeValue("other", i) end
    core.quarantine(store, "b", "it is damaged", "bytes")
    store:writeValue("other", 1)
    assert.is_false(stays("b"))
  end)

  it("settles what another process has put there", function()
    local script = temp.directory() .. "/put.lua"
    local file = assert(io.open(script, "w"))
    file:write [[
      local core, holdfast = require "holdfast.core", require "holdfast"
      core.quarantine(holdfast.LmdbPersist("signal", arg[1]), "a", "it is damaged", "bytes")
    ]]
    file:close()
    for _ = 1, 2 do
      command.ok { "run", script, dir }
      assert.is_false(stays("a"))
      store:writeValue("other", 1)
    end
  end)

  it("settles what came there in the same transaction, and in one that was undone in part", function()
    local function damage(id) core.quarantine(store, id, "it is damaged", "bytes") end
    local function undone(...)
      pcall(holdfast.transaction, function(...)
        damage(...)
        error("undo it")
      end, ...)
    end
    undone("a")
    store:writeValue("other", 1)
    assert.equal("", ids(store))
    holdfast.transaction(function()
      store:writeValue("other", 2)
      undone("a")
      damage("b")
      pcall(holdfast.transaction, function()
        store:writeValue("b", 1) -- settled, and put back into quarantine
        store:writeValue("other", 3)
        error("undo it")
      end)
      store:writeValue("other", 4)
    end)
    assert.equal("b", ids(store))
    assert.is_false(stays("b"))
  end)
end)
