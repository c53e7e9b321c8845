-- SPDX-License-Identifier: MIT
--
-- The settings that a store keeps: from scripts and from the command, and obeyed by every process that has the store
-- open.  tests/unit/test_lmdb_settings.c has what other programs may do to them.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local command = require("support.command")
local holder = require("support.holder")
local process = require("support.process")
local raises = require("support.raises")
local temp = require("support.temp")

local json = require("cjson")

describe("the settings of a store", function()
  local dir, base

  before_each(function()
    dir = temp.quickDirectory()
    base = dir .. "/store"
  end)

  after_each(function()
    collectgarbage()
    collectgarbage()
    temp.removeAll()
  end)

  it("have their standard values at first, and raise nothing by being looked at", function()
    local store = holdfast.openStore(base)
    local standard = { changes = "off", durability = "sync", format = 1, history = false, maxsize = 0, note = "" }
    assert.same(standard, store:settings())
    assert.same(standard, store:settings({ note = "", maxsize = "0", durability = "sync", format = 1 }))
    assert.same(standard, store:settings({ changes = "off", history = false }))
    assert.equal(1, store:stat().formatVersion)
    assert.is_nil(store:stat().settings)
    store:close()
  end)

  it("are set together, shown, and there when the store is opened again", function()
    local store = holdfast.openStore(base)
    local all = store:settings({ note = 'the "live" bot', maxsize = "4g" })
    assert.same({ changes = "off", durability = "sync", format = 2, history = false, maxsize = 4294967296,
      note = 'the "live" bot' }, all)
    store:close()
    store = holdfast.openStore(base)
    assert.same(all, store:settings())
    assert.same({ maxsize = 4294967296, note = 'the "live" bot' }, store:stat().settings)
    assert.equal(1048576, store:settings({ maxsize = 1048576, note = holdfast.null }).maxsize)
    assert.same({ maxsize = 1048576 }, store:stat().settings)
    store:close()
  end)

  it("are set all or none", function()
    local store = holdfast.openStore(base)
    for _, case in ipairs({
      { { note = "x", nosuch = 1 }, "no setting 'nosuch' (lmdb stores have: changes, durability, format" },
      { { note = "x", maxsize = "much" }, "the setting maxsize must be bytes such as 1048576, 64m or 4g; 0: no limit" },
      { { note = "x", maxsize = -1 }, "the setting maxsize must be" },
      { { note = "x", maxsize = 1.5 }, "the setting maxsize must be" },
      { { note = "x", maxsize = 2 ^ 54 }, "the setting maxsize must be" },
      { { note = "x", durability = "some" }, "the setting durability must be sync, nometasync or nosync, not 'some'" },
      { { note = ("x"):rep(501) }, "the setting note must be a line of at most 500 bytes" },
      { { note = "two\nlines" }, "the setting note must be a line" },
      { { note = "\255" }, "the setting note must be a line" },
      { { note = "x", format = 3 }, "the setting format must be 1 or 2, not '3'" },
      { { note = "x\0y" }, "NUL" },
      { { ["note\0x"] = "y" }, "NUL" },
      { { note = true }, "note must be a string, a number, or holdfast.null" },
      { { "x" }, "names are strings" },
      { "note=x", "give a table" },
    }) do
      local err = raises.error("invalid_argument", nil, store.settings, store, case[1])
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
    end
    assert.equal("", store:settings().note)
    assert.equal(1, store:settings().format)
    store:close()
  end)

  it("are not changed inside a transaction or snapshot, nor in a store that was opened read-only", function()
    local signals = holdfast.PersistBase("signal", base)
    signals:writeValue("a", 1)
    local store = holdfast.openStore(base)
    holdfast.transaction(function()
      signals:writeValue("a", 2)
      raises.error("unsupported", nil, store.settings, store, { note = "x" })
      assert.equal("", store:settings().note)
    end)
    signals:snapshot(function() raises.error("unsupported", nil, store.settings, store, { note = "x" }) end)
    store:close()
    signals:close()
    store = holdfast.openStore(base, { readOnly = true })
    raises.error("readonly", nil, store.settings, store, { note = "x" })
    assert.equal("", store:settings().note)
    store:close()
  end)

  it("are what a store in memory has of them, and unsupported elsewhere", function()
    local memory = holdfast.openStore("memory:settings")
    assert.same({ changes = "off", history = false, note = "" }, memory:settings())
    assert.same({ changes = "off", history = false, note = "x" }, memory:settings({ note = "x" }))
    assert.same({ note = "x" }, memory:stat().settings)
    local err = raises.error("unsupported", nil, memory.settings, memory, { maxsize = "4g" })
    assert.equal("memory stores do not have the setting 'maxsize' (they have: changes, history, note)", err.message)
    memory:close()
    for _, url in ipairs({ "file:" .. dir .. "/files", "null:" }) do
      local store = holdfast.openStore(url)
      err = raises.error("unsupported", nil, store.settings, store)
      assert.matches("stores keep no settings", err.message)
      store:close()
    end
  end)

  it("are the store's own: neither copied nor exported, but in a copy of the file", function()
    holdfast.PersistBase("signal", base):writeValue("a", 1)
    command.ok({ "set", base, "note=mine" })
    command.ok({ "copy", base, dir .. "/copy" }, nil, dir)
    command.ok({ "import", dir .. "/imported" }, command.ok({ "export", base }))
    for _, name in ipairs({ "copy", "imported" }) do
      assert.equal(1, json.decode(command.ok({ "set", dir .. "/" .. name, "--json" })).format)
    end
    local result = process.shell(("mkdir %s/file && mdb_copy %s %s/file"):format(dir, base, dir))
    assert.equal(0, result.code, result.stderr)
    assert.equal("mine", json.decode(command.ok({ "set", dir .. "/file", "--json" })).note)
    command.ok({ "put", dir .. "/file", "signal", "b", "2" })
    assert.is_nil(json.decode(command.ok({ "stat", dir .. "/file", "--json" })).gaps)
  end)

  describe("of durability", function()
    local function durability(url) return holdfast.PersistBase("signal", url):stat().durability end

    it("holds for who says nothing, and no more than what is said", function()
      command.ok({ "put", base, "signal", "a", "1" })
      command.ok({ "set", base, "durability=nosync" })
      assert.equal("nosync", durability(base))
      collectgarbage()
      collectgarbage()
      assert.equal("sync", durability("lmdb:" .. base .. "?durability=sync"))
      collectgarbage()
      collectgarbage()
      local store = holdfast.openStore(base, { durability = "sync" })
      assert.equal("sync", store:stat().durability)
      store:close()
      store = holdfast.openStore(base, { durability = "nometasync" })
      assert.equal("nometasync", store:stat().durability)
      store:close()
    end)

    it("is obeyed by a process that has the store open, from its next transaction on", function()
      local signals = holdfast.PersistBase("signal", base)
      signals:writeValue("a", 1)
      assert.equal("sync", signals:stat().durability)
      command.ok({ "set", base, "durability=nosync" })
      signals:writeValue("b", 2)
      assert.equal("nosync", signals:stat().durability)
      command.ok({ "set", base, "--standard", "durability" })
      signals:writeValue("b", 3)
      assert.equal("sync", signals:stat().durability)
      signals:close()
    end)

    it("keeps handles of one process to one durability", function()
      local first = holdfast.openStore(base)
      first:settings({ durability = "nosync" })
      holdfast.openStore(base):close()
      holdfast.openStore(base, { durability = "nosync" }):close()
      local err = raises.error("conflict", nil, holdfast.openStore, base, { durability = "sync" })
      assert.matches("with durability=nosync, not sync", err.message)
      first:close()
      first = holdfast.openStore(base, { durability = "sync" })
      err = raises.error("conflict", nil, holdfast.openStore, base)
      assert.matches("with durability=sync, not nosync", err.message)
      first:close()
    end)

    it("decides whether a commit is flushed", function()
      command.ok({ "put", base, "signal", "a", "1" })
      local function flushes(url)
        local script = temp.directory() .. "/write.lua"
        temp.writeFile(script, 'local p = require("holdfast").PersistBase("signal", arg[1])\n'
          .. 'for i = 1, 20 do p:writeValue("a", i) end\n')
        local trace = script .. ".trace"
        local preload = os.getenv("HOLDFAST_BUILD") .. "/tests/fault/iorecord_preload.so"
        local result = process.shell(("LD_PRELOAD=%s IORECORD_ROOT=%s IORECORD_LOG=%s %s %s"):format(preload,
          temp.quote(dir), temp.quote(trace), "ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0",
          command.line({ "run", script, url })))
        assert.equal(0, result.code, result.stderr)
        return #temp.readFile(trace)
      end
      local synced = flushes(base)
      command.ok({ "set", base, "durability=nosync" })
      local unsynced = flushes(base)
      assert.is_true(unsynced < synced, ("%d, and %d before"):format(unsynced, synced))
    end)
  end)

  describe("of the size", function()
    local function fill(store)
      local text = ("x"):rep(50000)
      for i = 1, 200 do
        local ok, err = pcall(store.writeValue, store, i, text)
        if not ok then return i, err end
      end
    end

    it("limits every process that says nothing else, also one that has the store open", function()
      local open = holdfast.PersistBase("signal", base)
      open:writeValue("a", 1)
      command.ok({ "set", base, "maxsize=1m" })
      local at, err = fill(open)
      assert.equal("full", at and err.code)
      assert.matches("1048576 bytes %(maxsize%)", err.message)
      open:removeValue(1)
      open:close()
      open = holdfast.PersistBase("signal", base)
      at, err = fill(open)
      assert.equal("full", at and err.code)
      command.ok({ "set", base, "maxsize=64m" })
      at, err = fill(open)
      assert.is_nil(at, tostring(err))
      command.ok({ "set", base, "--standard", "maxsize" })
      open:writeValue("b", ("x"):rep(2 ^ 26))
      open:close()
    end)

    it("gives way to what is said when the store is opened", function()
      command.ok({ "put", base, "signal", "a", "1" })
      command.ok({ "set", base, "maxsize=1m" })
      local store = holdfast.PersistBase("signal", "lmdb:" .. base .. "?maxsize=0")
      assert.is_nil((fill(store)))
      store:close()
      store = holdfast.PersistBase("signal", base, { maxSize = 64 * 2 ^ 20 })
      assert.is_nil((fill(store)))
      store:close()
    end)

    it("can be raised where nothing else can be written", function()
      command.ok({ "put", base, "signal", "a", "1" })
      command.ok({ "set", base, "maxsize=1m", "durability=nosync" })
      local signals = holdfast.PersistBase("signal", base)
      signals:snapshot(function() -- so that no page becomes free
        signals:readValue("a")
        local script = dir .. "/fill.lua"
        temp.writeFile(script, [[
          local p = require("holdfast").PersistBase("signal", arg[1])
          for i = 1, 10000 do
            local ok, err = pcall(p.writeValue, p, i, ("x"):rep(500))
            if not ok then print(err.code) break end
          end
        ]])
        assert.equal("full\n", command.ok({ "run", script, base }))
        command.fails(3, "is full", { "put", base, "signal", "b", "2" })
        command.ok({ "set", base, "maxsize=64m" })
        command.ok({ "put", base, "signal", "b", "2" })
      end)
      signals:close()
    end)

    it("limits still after a process with a larger limit of its own has written beyond it", function()
      local signals = holdfast.PersistBase("signal", base)
      signals:writeValue("a", 1)
      command.ok({ "set", base, "maxsize=1m" })
      signals:writeValue("a", 2)
      local large = holder.start(([[
        local p = require("holdfast").PersistBase("signal", "lmdb:%s?maxsize=8m")
        for i = 1, 40 do p:writeValue("large" .. i, ("x"):rep(50000)) end
      ]]):format(base))
      assert.equal(2, signals:readValue("a"))
      local at, err = fill(signals)
      assert.equal("full", at and err.code)
      assert.is_true(at < 20)
      large:kill()
      signals:close()
    end)

    -- Others write so many times 50,000 bytes, and the transaction so many bytes.
    for what, case in pairs {
      ["once raised"] = { 0, 400000 },
      ["also beyond what others have taken"] = { 40, 3000000 },
    } do
      it("gives a transaction its room at its first try, " .. what, function()
        local signals = holdfast.PersistBase("signal", base)
        signals:writeValue("a", 1)
        command.ok({ "set", base, "maxsize=1m" })
        assert.equal("full", select(2, fill(signals)).code)
        command.ok({ "set", base, "maxsize=64m" })
        local writer = holder.start(([[
          local p = require("holdfast").PersistBase("signal", %q)
          for i = 1, %d do p:writeValue("other" .. i, ("x"):rep(50000)) end
        ]]):format(base, case[1]))
        holdfast.transaction(function() signals:writeValue("t", ("x"):rep(case[2])) end)
        writer:kill()
        signals:close()
      end)
    end

    it("waits for a snapshot to end where the map must become smaller", function()
      local signals = holdfast.PersistBase("signal", base)
      signals:writeValue("a", 1)
      signals:snapshot(function()
        signals:readValue("a")
        command.ok({ "set", base, "maxsize=1m" })
      end)
      signals:writeValue("a", 2)
      assert.equal(1048576, signals:stat().mapBytes)
      signals:close()
    end)
  end)

  it("are obeyed while many processes write, and no commit of theirs is taken for a stranger's", function()
    command.ok({ "put", base, "signal", "a", "1" })
    local script = dir .. "/writer.lua"
    temp.writeFile(script, [[
      local p = require("holdfast").PersistBase("signal", arg[1], { durability = "nosync" })
      for i = 1, 400 do p:writeValue(arg[2] .. "-" .. i, i) end
    ]])
    local lines = {}
    for i = 1, 4 do lines[i] = command.line({ "run", script, base, tostring(i) }) .. " &" end
    for i = 1, 10 do lines[#lines + 1] = command.line({ "set", base, "note=" .. i }) end
    lines[#lines + 1] = "wait"
    local result = process.shell(table.concat(lines, "\n"))
    assert.equal("", result.stderr)
    assert.equal("1601\n", command.ok({ "count", base, "signal" }))
    local stat = json.decode(command.ok({ "stat", base, "--json" }))
    assert.is_nil(stat.gaps)
    assert.same({ note = "10" }, stat.settings)
  end)

  it("are seen by a process that only holds the store open", function()
    local store = holdfast.openStore(base)
    local other = holder.start(('require("holdfast").openStore(%q)'):format(base))
    command.ok({ "set", base, "note=while open" })
    assert.equal("while open", store:settings().note)
    other:kill()
    store:close()
  end)
end)

describe("holdfast set", function()
  local base

  before_each(function()
    base = temp.quickDirectory() .. "/store"
    command.ok({ "put", base, "signal", "a", "1" })
  end)

  after_each(temp.removeAll)

  it("shows the settings, and what it has done", function()
    assert.equal("changes     off  (standard)\ndurability  sync  (standard)\nformat      1  (standard)\n"
      .. "history     false  (standard)\nmaxsize     0  (standard)\nnote        (standard)\n",
      command.ok({ "set", base }))
    assert.equal("changes     off  (standard)\ndurability  sync  (standard)\nformat      2\n"
      .. "history     false  (standard)\nmaxsize     1,048,576 (1.0 MB)\nnote        hands off\n"
      .. "The store has format 2 now: Holdfast 0.1 cannot open it any more.\n",
      command.ok({ "set", base, "maxsize=1m", "note=hands off" }))
    assert.equal('{"changes":"off","durability":"sync","format":2,"history":false,"maxsize":0,"note":"hands off"}\n',
      command.ok({ "set", base, "--standard", "maxsize", "--json" }))
    assert.matches("settings%s+note=hands off\n", command.ok({ "stat", base }))
  end)

  it("raises the format alone, once", function()
    assert.matches("format 2 now", command.ok({ "set", base, "format=2" }))
    assert.is_nil(command.ok({ "set", base, "format=2" }):find("now", 1, true))
    command.fails(2, "never goes down", { "set", base, "format=1" })
  end)

  it("says what is wrong with a call", function()
    command.fails(2, "'maxsize' is no setting: write NAME=VALUE", { "set", base, "maxsize" })
    command.fails(2, "the setting note is given twice", { "set", base, "note=a", "note=b" })
    command.fails(2, "there is no setting 'nosuch'", { "set", base, "nosuch=1" })
    command.fails(3, "file stores keep no settings", { "set", "file:" .. temp.directory() })
    command.fails(3, "there is no store at", { "set", base .. "-none", "note=x" })
  end)

  it("explains every setting", function()
    local help = command.ok({ "set", "--help" })
    for _, setting in ipairs(core.settingTable()) do
      assert.is_truthy(help:find("\n   " .. setting.name, 1, true), setting.name)
    end
  end)
end)
