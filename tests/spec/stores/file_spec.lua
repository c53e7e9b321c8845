-- SPDX-License-Identifier: MIT
--
-- What is special about file stores: where documents lie, that nothing leaves its folder or meets another id,
-- quarantine, temporary files of the living and the dead, and several processes on one store.  The contract itself is
-- in the specs that run on every kind of store.

local another = require("support.another")
local ffi = require("ffi")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local list = stores.list
local quote = temp.quote

local base

before_each(function() base = temp.quickDirectory() end)

after_each(function()
  jit.flush()
  collectgarbage()
  collectgarbage()
  assert.same({}, temp.openFiles(), "handles are left open")
  temp.removeAll()
end)

local function open(entityName, options) return holdfast.FilePersist(entityName or "signal", base, options) end

-- The files below the base, without those in .tmp.
local function files()
  local found = {}
  for line in process.shell("cd " .. quote(base) .. " && find . -type f ! -path './.tmp/*'").stdout:gmatch("[^\n]+") do
    found[#found + 1] = line:sub(3)
  end
  table.sort(found)
  return found
end

local function write(path, text)
  process.shell("mkdir -p " .. quote((base .. "/" .. path):match("^(.*)/")))
  temp.writeFile(base .. "/" .. path, text)
end

-- A document that nobody is writing any more, or so it looks: one just written is taken for one that is not finished.
local function spoil(path, text)
  write(path, text)
  process.shell(("touch -d '1 minute ago' %s"):format(quote(base .. "/" .. path)))
end

describe("the layout", function()
  it("is BASE/ENTITY/ID.json, with folders for slashes", function()
    local store = open()
    store:writeValue("log-1", 1)
    store:writeValue("main/BTCUSDT", 2)
    store:writeValue("BTC/USDT:USDT", 3)
    store:writeValue(7, 4)
    store:writeValue("with space & ünïcode", 5)
    assert.same({
      "signal/7.json", "signal/BTC/USDT:USDT.json", "signal/log-1.json", "signal/main/BTCUSDT.json",
      "signal/with space & ünïcode.json",
    }, files())
  end)

  it("has the text as JSON.stringify would write it", function()
    open():writeValue("a", holdfast.array({ 1, 0.1, -0, 1e21, "é\n\"\\\1", true, holdfast.null,
      { k = holdfast.array() } }))
    assert.equal('[1,0.1,0,1e+21,"é\\n\\"\\\\\\u0001",true,null,{"k":[]}]',
      (temp.readFile(base .. "/signal/a.json"):gsub("%-0", "0")))
  end)

  it("escapes what could leave the folder or meet another id", function()
    local expected = {
      [".."] = "%2E..json",
      ["../x"] = "%2E./x.json",
      ["a/../../b"] = "a/%2E./%2E./b.json",
      [".hidden"] = "%2Ehidden.json",
      ["100%"] = "100%25.json",
      ["%25"] = "%2525.json",
      ["a//b"] = "a/%/b.json",
      ["/a"] = "%/a.json",
      ["a/"] = "a/%.json",
      ["a.json/b"] = "a%2Ejson/b.json",
      ["a.json"] = "a.json.json",
    }
    local store, paths = open(), {}
    for id, path in pairs(expected) do
      store:writeValue(id, id)
      paths[#paths + 1] = "signal/" .. path
    end
    table.sort(paths)
    assert.same(paths, files())
    for id in pairs(expected) do assert.equal(id, store:readValue(id)) end
  end)

  it("escapes entity names, which are one folder each", function()
    open("a/b"):writeValue("c", 1)
    open("a"):writeValue("b/c", 2)
    open(".."):writeValue("x", 3)
    open(".tmp"):writeValue("x", 4)
    assert.same({ "%2E./x.json", "%2Etmp/x.json", "a%2Fb/c.json", "a/b/c.json" }, files())
    assert.equal(1, open("a/b"):readValue("c"))
    local store = holdfast.openStore("file:" .. base)
    assert.same({ "..", ".tmp", "a", "a/b" }, store:entities())
    store:close()
  end)

  it("has a path of its own for every id", function()
    math.randomseed(11)
    local pieces = { "a", "b", ".", "..", "/", "%", "%2E", "%25", "%~", ".json", "é", " ", ("x"):rep(120), "%2F",
      "~", "A" }
    local store, oracle = open(), holdfast.MemoryPersist("signal", "file-oracle")
    for i = 1, 600 do
      local parts = {}
      for p = 1, math.random(1, 6) do parts[p] = pieces[math.random(#pieces)] end
      local id = table.concat(parts):sub(1, 250):gsub("[\128-\255]+$", "")
      if id ~= "" then
        store:writeValue(id, i)
        oracle:writeValue(id, i)
      end
    end
    local expected, got = {}, {}
    for id, value in oracle:entries() do expected[#expected + 1] = id .. "=" .. value end
    for id, value in store:entries() do got[#got + 1] = id .. "=" .. value end
    assert.same(expected, got)
    for _, path in ipairs(files()) do assert.equal("signal/", path:sub(1, 7)) end
    store:removeAll()
    assert.same({}, files())
    assert.equal("", process.shell("find " .. quote(base .. "/signal") .. " -mindepth 1").stdout)
    oracle:close()
  end)

  it("takes the longest ids", function()
    local store = open()
    for _, id in ipairs({ ("x"):rep(250), ("%"):rep(250), ("/"):rep(250), ("."):rep(250), ("y"):rep(249) .. "/",
      ("z"):rep(245) .. ".json", ("é"):rep(125), ("a."):rep(125) }) do
      store:writeValue(id, #id)
      assert.equal(#id, store:readValue(id))
      assert.same({ id }, list(store:keys()))
      store:removeValue(id)
      assert.equal(0, store:count())
    end
    open(("%"):rep(250)):writeValue("x", 1)
    local whole = holdfast.openStore("file:" .. base)
    assert.same({ ("%"):rep(250), "signal" }, whole:entities())
    whole:close()
  end)

  it("reads what others wrote, and leaves what is not a document alone", function()
    write("signal/a.json", ' {"n" : 1}\n')
    write("signal/x/b.json", "[2]")
    write("signal/README", "text")
    write("signal/.DS_Store", "x")
    write("signal/.tmp-1234abcd-a.json", "{")
    write("signal/c.json.bak", "{")
    write("signal/x%41.json", "1") -- decodes to xA, whose file has another name
    write("note.json", "{}")
    local store = open()
    assert.same({ "a", "x/b" }, list(store:keys()))
    assert.same({ { n = 1 }, { 2 } }, list(store:values()))
    store:removeAll()
    assert.same({
      "note.json", "signal/.DS_Store", "signal/.tmp-1234abcd-a.json", "signal/README", "signal/c.json.bak",
      "signal/x%41.json",
    }, files())
  end)

  it("has no empty folders left", function()
    local store = open()
    store:writeValue("a/b/c", 1)
    store:writeValue("a/d", 1)
    store:removeValue("a/b/c")
    assert.equal("a/\n", process.shell("cd " .. quote(base .. "/signal") .. " && ls -p").stdout)
    store:removeValue("a/d")
    assert.equal("", process.shell("ls " .. quote(base .. "/signal")).stdout)
    store:writeValue("a/b/c", 2)
    assert.equal(2, store:readValue("a/b/c"))
  end)
end)

describe("a file store", function()
  it("makes its directory, with those above it, unless told otherwise", function()
    holdfast.PersistBase("signal", "file:" .. base .. "/x/y/z"):writeValue("a", 1)
    assert.equal("1", temp.readFile(base .. "/x/y/z/signal/a.json"))
    local none = holdfast.PersistBase("signal", "file:" .. base .. "/none", { create = false })
    raises.error("not_found", nil, none.readValue, none, "a")
    local readonly = holdfast.PersistBase("signal", "file:" .. base .. "/none", { readOnly = true })
    raises.error("not_found", nil, readonly.readValue, readonly, "a")
    assert.equal("", process.shell("ls -d " .. quote(base) .. "/none 2>/dev/null").stdout)
  end)

  it("touches nothing when opened read-only", function()
    open():writeValue("a", 1)
    spoil("signal/bad.json", "{")
    spoil(".tmp/0123456789abcdef-1", "what a dead process left")
    local before = process.shell("find " .. quote(base) .. " | sort").stdout
    collectgarbage()
    local store = holdfast.FilePersist("signal", base, { readOnly = true })
    assert.equal(1, store:readValue("a"))
    raises.error("corrupt", nil, store.readValue, store, "bad")
    raises.error("readonly", nil, store.writeValue, store, "a", 2)
    store:close()
    assert.equal(before:gsub("[^\n]*%.lock\n", ""),
      (process.shell("find " .. quote(base) .. " | sort").stdout:gsub("[^\n]*%.lock\n", "")))
  end)

  it("says what it cannot do", function()
    local store = open()
    raises.error("unsupported", nil, holdfast.transaction, function() store:writeValue("a", 1) end)
    raises.error("unsupported", nil, store.writeValue, store, "a", 1, { ifRevision = 1 })
    local limited = holdfast.PersistBase("signal", "file:" .. base .. "/x?maxsize=1m")
    assert.truthy(raises.error("unsupported", nil, limited.count, limited).message:find("disk quota", 1, true))
    local nowhere = holdfast.PersistBase("signal", "file:")
    raises.error("invalid_argument", "file: needs a directory, as in file:./data", nowhere.count, nowhere)
    temp.writeFile(base .. "/plain", "x")
    local plain = holdfast.PersistBase("signal", "file:" .. base .. "/plain")
    raises.error("io", nil, plain.count, plain)
    local below = holdfast.PersistBase("signal", "file:" .. base .. "/plain/below")
    raises.error("io", nil, below.count, below)
  end)

  it("finds its folder again when somebody removes or replaces it", function()
    local store = open()
    store:writeValue("a", 1)
    process.shell("rm -rf " .. quote(base .. "/signal") .. " " .. quote(base .. "/.tmp"))
    raises.error("not_found", nil, store.readValue, store, "a")
    store:writeValue("a", 2)
    assert.equal("2", temp.readFile(base .. "/signal/a.json"))
    process.shell(("mv %s/signal %s/old && mkdir %s/signal"):format(base, base, base))
    store:writeValue("b", 3)
    assert.equal("3", temp.readFile(base .. "/signal/b.json"))
  end)

  it("writes ifAbsent once, however many processes try", function()
    local code = [[
      local holdfast = require "holdfast"
      local store = holdfast.FilePersist("signal", %q)
      local won = 0
      for i = 1, 300 do
        local ok, err = pcall(store.writeValue, store, i, %d, { ifAbsent = true })
        if ok then won = won + 1 elseif err.code ~= "conflict" then error(err.message) end
      end
      io.write(won)]]
    local script = {}
    for i = 1, 3 do
      temp.writeFile(base .. "/run" .. i .. ".lua", code:format(base, i))
      script[i] = ("LUA_CPATH=%s luajit %s/run%d.lua > %s/won%d & p%d=$!"):format(quote(package.cpath), base, i,
        base, i, i)
    end
    local result = process.shell(table.concat(script, "\n") .. "\nwait $p1 && wait $p2 && wait $p3")
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
    local won = 0
    for i = 1, 3 do won = won + tonumber(temp.readFile(base .. "/won" .. i)) end
    assert.equal(300, won)
    local store = open()
    assert.equal(300, store:count())
    local err = raises.error("conflict", "Entity signal:1 exists already", store.writeValue, store, 1, 1,
      { ifAbsent = true })
    assert.is_true(err.retryable)
  end)

  it("sees at once what another process writes and removes", function()
    local store = open()
    store:writeValue("mine", 1)
    another.on("signal", "file:" .. base, "store:writeValue('theirs', 2) store:removeValue('mine')")
    assert.same({ "theirs" }, list(store:keys()))
    assert.is_false(store:hasValue("mine"))
  end)

  it("survives writers and removers of nested ids in the same folders", function()
    local code = [[
      local holdfast = require "holdfast"
      local store = holdfast.PersistBase("signal", "file:%s?durability=nosync")
      for i = 1, 400 do
        store:writeValue("a/b/c/%d", i)
        store:removeValue("a/b/c/%d")
      end
      store:writeValue("a/b/c/%d", "end")]]
    local script = {}
    for i = 1, 3 do
      temp.writeFile(base .. "/run" .. i .. ".lua", code:format(base, i, i, i))
      script[i] = ("LUA_CPATH=%s luajit %s/run%d.lua & p%d=$!"):format(quote(package.cpath), base, i, i)
    end
    local result = process.shell(table.concat(script, "\n") .. "\nwait $p1 && wait $p2 && wait $p3")
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
    assert.same({ "a/b/c/1", "a/b/c/2", "a/b/c/3" }, list(open():keys()))
  end)

  it("scans thousands of entities as the memory store does, also backwards and by ranges", function()
    local store = holdfast.PersistBase("signal", "file:" .. base .. "?durability=nosync")
    local oracle = holdfast.MemoryPersist("signal", "file-walk")
    for i = 1, 3000 do
      local id = (i % 3 == 0 and "b/" or "a") .. (i * 7919 % 3001)
      store:writeValue(id, i)
      oracle:writeValue(id, i)
    end
    for _, range in ipairs({ {}, { reverse = true }, { prefix = "b/" }, { from = "a100", to = "a200" },
      { from = "a2999", reverse = true, limit = 300 }, { prefix = "a1", limit = 400 } }) do
      assert.same(stores.list(oracle:keys(range)), stores.list(store:keys(range)))
      assert.same(stores.list(oracle:values(range)), stores.list(store:values(range)))
    end
    assert.equal(oracle:count(), store:count())
    oracle:close()
  end)
end)

describe("an unreadable document", function()
  local bad = { ["no JSON"] = "{oops", ["empty"] = "", ["cut off"] = '{"a":[1,2', ["two values"] = "1 2",
    ["bad UTF-8"] = '"\255"' }

  for name, text in pairs(bad) do
    it("that is " .. name .. " goes to quarantine with a report", function()
      local store = open()
      store:writeValue("good", 1)
      spoil("signal/x/bad.json", text)
      local err = raises.error("corrupt", nil, store.readValue, store, "x/bad")
      assert.truthy(err.message:find("^Entity signal:x/bad is corrupt: .*; its bytes were moved to quarantine$"),
        err.message)
      assert.equal(text, temp.readFile(base .. "/.quarantine/signal/x/bad.json"))
      local report = holdfast.json.decode(temp.readFile(base .. "/.quarantine/signal/x/bad.json.report"))
      assert.equal("signal", report.entityName)
      assert.equal("x/bad", report.entityId)
      assert.equal(base .. "/signal/x/bad.json", report.path)
      assert.is_true(report.quarantinedAt > 1e12)
      assert.truthy(err.message:find(report.problem, 1, true))
      for _, operation in ipairs({ "readValue", "hasValue" }) do
        err = raises.error("corrupt", nil, store[operation], store, "x/bad")
        assert.truthy(err.message:find("it is in quarantine (" .. report.problem .. ")", 1, true), err.message)
      end
      raises.error("corrupt", nil, store.writeValue, store, "x/bad", 1, { ifAbsent = true })
      assert.equal(1, store:stat().quarantined)
      assert.same({ "good" }, list(store:keys()))
    end)
  end

  it("is settled by writing or removing it, and its bytes remain", function()
    local store = open()
    for _, id in ipairs({ "a", "b", "c" }) do
      spoil("signal/" .. id .. ".json", "bad " .. id)
      raises.error("corrupt", nil, store.readValue, store, id)
    end
    store:writeValue("a", 1)
    assert.equal(1, store:readValue("a"))
    store:removeValue("a")
    raises.error("not_found", nil, store.readValue, store, "a")
    store:removeValue("b")
    raises.error("not_found", nil, store.removeValue, store, "b")
    assert.equal(1, store:stat().quarantined)
    store:removeAll()
    raises.error("not_found", nil, store.readValue, store, "c")
    assert.equal(0, store:stat().quarantined)
    local kept = process.shell("cat " .. quote(base) .. "/.quarantine/signal/?.json.[0-9]*[0-9]").stdout
    for _, id in ipairs({ "a", "b", "c" }) do assert.truthy(kept:find("bad " .. id, 1, true)) end
  end)

  -- What was put aside in quarantine, of all files.
  local function aside()
    return process.shell("cat " .. quote(base) .. "/.quarantine/signal/?.json.[0-9]*[0-9]").stdout
  end

  it("is quarantined again when another one comes in its place", function()
    local store = open()
    for i = 1, 3 do
      spoil("signal/a.json", "bad " .. i)
      raises.error("corrupt", nil, store.readValue, store, "a")
      assert.equal("bad " .. i, temp.readFile(base .. "/.quarantine/signal/a.json"))
    end
    assert.equal(1, store:stat().quarantined)
    require("holdfast.core").quarantine(store, "a", "damaged elsewhere", "bad 4")
    for i = 1, 3 do assert.truthy(aside():find("bad " .. i, 1, true)) end
  end)

  it("gives way to a newer one when it becomes whole in quarantine", function()
    local store = open()
    spoil("signal/a.json", "{oops")
    raises.error("corrupt", nil, store.readValue, store, "a")
    temp.writeFile(base .. "/.quarantine/signal/a.json", "1")
    temp.writeFile(base .. "/signal/a.json", "2")
    assert.equal(1, store:count())
    assert.equal(2, store:readValue("a"))
    assert.equal(0, store:stat().quarantined)
    assert.equal("1", aside())
  end)

  it("interrupts a loop once, which can then go on after it", function()
    local store = open()
    for i = 1, 40 do store:writeValue(i, i) end
    spoil("signal/20.json", "{")
    local seen, failures = 0, 0
    local step = store:values()
    while true do
      local ok, value = pcall(step)
      if not ok then failures = failures + 1
      elseif value == nil then break
      else seen = seen + 1 end
    end
    assert.equal(39, seen)
    assert.equal(1, failures)
  end)

  it("is found by verify, which does not move it in a dry run", function()
    open():writeValue("good", 1)
    spoil("signal/bad.json", "{")
    local store = holdfast.openStore("file:" .. base)
    local report = store:verify({ dryRun = true })
    assert.same({ 2, 1, 0 }, { report.entities, report.corrupt, report.quarantined })
    report = store:verify()
    assert.same({ 2, 1, 1 }, { report.entities, report.corrupt, report.quarantined })
    report = store:verify()
    assert.same({ 1, 0, 1 }, { report.entities, report.corrupt, report.quarantined })
    store:close()
  end)

  it("is a file: what else is in its place is refused and left alone", function()
    local store = open()
    store:writeValue("a", 1)
    process.shell(("mkfifo %s/signal/pipe.json && mkdir %s/signal/folder.json"):format(base, base))
    for _, id in ipairs({ "pipe", "folder" }) do
      local err = raises.error("io", nil, store.readValue, store, id)
      assert.truthy(err.message:find("is no regular file: move it away", 1, true), err.message)
    end
    raises.error("io", nil, store.writeValue, store, "folder", 1)
    assert.same({ "a" }, list(store:keys()))
    store:removeAll()
    assert.equal("folder.json\npipe.json\n", process.shell("ls " .. quote(base .. "/signal")).stdout)
  end)
end)

describe("temporary files", function()
  local function left() return process.shell("ls " .. quote(base .. "/.tmp")).stdout end

  -- A process that is in the middle of a write: it has its lock and a temporary file.  Returns its pid.
  local function writer()
    temp.writeFile(base .. "/writer.lua", ([[
      local holdfast = require "holdfast"
      local ffi = require "ffi"
      local store = holdfast.FilePersist("signal", %q)
      store:writeValue("a", 1)
      local name = io.popen("ls " .. %q):read("*l"):gsub("%%.lock$", "")
      io.open(%q .. "/" .. name .. "-99", "w"):close()
      io.open(%q, "w"):close()
      ffi.cdef "int pause(void);"
      ffi.C.pause()]]):format(base, base .. "/.tmp", base .. "/.tmp", base .. "/ready"))
    local pid = process.shell(([[LUA_CPATH=%s luajit %s/writer.lua >/dev/null 2>&1 &
      echo $!; for i in $(seq 300); do [ -e %s/ready ] && exit 0; sleep 0.02; done; exit 1]]):format(
      quote(package.cpath), base, base))
    assert.equal(0, pid.code)
    return tonumber(pid.stdout)
  end

  it("of a living process are spared, those of a dead one removed", function()
    ffi.cdef "int kill(int pid, int signal);"
    local pid = writer()
    process.shell("touch -d '1 hour ago' " .. quote(base) .. "/.tmp/*")
    open():count()
    assert.truthy(left():find("-99\n", 1, true))
    collectgarbage()
    collectgarbage()
    ffi.C.kill(pid, 9)
    process.shell(("for i in $(seq 300); do kill -0 %d 2>/dev/null || exit 0; sleep 0.02; done"):format(pid))
    open():count()
    assert.is_nil(left():find("-99\n", 1, true))
    assert.is_nil(left():find(".lock", 1, true))
    assert.equal(1, open():readValue("a"))
  end)

  it("that are young are spared: their owner may not have got to its lock yet", function()
    process.shell("mkdir -p " .. quote(base .. "/.tmp"))
    temp.writeFile(base .. "/.tmp/0123456789abcdef-1", "x")
    open():count()
    assert.truthy(left():find("-1\n", 1, true))
  end)

  it("are spared where nobody can tell whether their owner lives", function()
    process.shell("mkdir -p " .. quote(base .. "/.tmp/0123456789abcdef.lock")) -- which cannot be opened as a file
    temp.writeFile(base .. "/.tmp/0123456789abcdef-1", "x")
    process.shell("touch -d '1 hour ago' " .. quote(base) .. "/.tmp/*")
    open():count()
    assert.truthy(left():find("-1\n", 1, true))
  end)

  it("of others are left alone", function()
    process.shell("mkdir -p " .. quote(base .. "/.tmp"))
    temp.writeFile(base .. "/.tmp/notes", "x")
    process.shell("touch -d '1 hour ago' " .. quote(base) .. "/.tmp/*")
    open():writeValue("a", 1)
    assert.truthy(left():find("notes\n", 1, true))
  end)

  it("are gone after a store is closed", function()
    local store = open()
    for i = 1, 20 do store:writeValue(i, i) end
    store:close()
    assert.equal("", left())
  end)

  it("that somebody sweeps away in the middle only cost another try", function()
    local store = open()
    store:writeValue("a", 1)
    process.shell("rm -rf " .. quote(base .. "/.tmp"))
    store:writeValue("a", 2)
    assert.equal("2", temp.readFile(base .. "/signal/a.json"))
  end)
end)
