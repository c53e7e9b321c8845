-- SPDX-License-Identifier: MIT
--
-- The commands backup, restore and compact, and the functions of scripts that do the same.  What survives faults is in
-- tests/fault/lmdb/backup_test.sh.

local command = require "support.command"
local core = require "holdfast.core"
local holder = require "support.holder"
local holdfast = require "holdfast"
local raises = require "support.raises"
local temp = require "support.temp"

local json = core.json

local function revisionOf(url) return json.decode(command.ok { "stat", url, "--json" }).revision end

local function sizeOf(path)
  local file = assert(io.open(path, "rb"))
  local size = file:seek("end")
  file:close()
  return size
end

describe("backups", function()
  local dir, base, file, other

  before_each(function()
    dir = temp.quickDirectory()
    base, file, other = dir .. "/data", dir .. "/bot.hfb", dir .. "/other"
    command.ok { "put", base, "signal", "BTC", '{"side":"long"}' }
    command.ok { "set", base, "changes=7d", "history=true", "note=the live bot" }
    command.ok { "put", base, "signal", "ETH", '{"side":"short"}' }
  end)

  it("bring everything into a store in another place", function()
    command.ok { "put", base, "risk", "main", "[]" }
    local out = command.ok { "backup", base, file }
    assert.matches("^revision " .. revisionOf(base) .. " of 20%d%d%-%d%d%-%d%dT[%d:.]+Z: [%d.]+ kB in ", out)
    out = command.ok { "restore", file, other }
    assert.matches("restored from the backup of 20", out, 1, true)
    assert.matches("it is at revision " .. revisionOf(base), out, 1, true)
    assert.equal(command.ok { "export", base }, command.ok { "export", other })
    assert.equal(command.ok { "set", base, "--json" }, command.ok { "set", other, "--json" })
    local function log(url) return command.run({ "log", url, "signal", "ETH" }).stdout end
    assert.matches("\twrite\t", log(base))
    assert.equal(log(base), log(other))
    assert.equal(revisionOf(base), revisionOf(other))
    assert.matches("all are readable", command.ok { "verify", other }, 1, true)
  end)

  it("tell it to programs", function()
    local made = json.decode(command.ok { "backup", base, file, "--json" })
    assert.same({ file, revisionOf(base), sizeOf(file), 0 }, { made.file, made.revision, made.bytes, made.grown })
    local restored = json.decode(command.ok { "restore", file, other, "--json" })
    assert.same({ url = other, revision = made.revision, at = made.at, bytes = made.bytes }, restored)
    local compacted = json.decode(command.ok { "compact", other, "--json" })
    assert.same({ other, true, nil }, { compacted.url, compacted.exchanged, compacted.reason })
    assert.is_true(compacted.before >= compacted.after and compacted.after > 0)
    command.fails(1, '{"error":{"code":"conflict"', { "restore", file, other, "--json" })
    command.fails(1, '{"error":{"code":"not_found"', { "restore", dir .. "/none", other .. "2", "--json" })
    command.fails(3, '{"error":{"code":"unsupported"', { "backup", "memory:", file, "--json" })
  end)

  it("are refused where they were cut off or changed, and nothing is made", function()
    command.ok { "backup", base, file }
    local bytes = temp.readFile(file)
    temp.writeFile(file, bytes:sub(1, 4096 * 3))
    command.fails(3, "bot.hfb: it does not end as a backup does: it was cut off", { "restore", file, other })
    temp.writeFile(file, bytes:sub(1, 9000) .. "?" .. bytes:sub(9002))
    command.fails(3, "bot.hfb: it was changed since it was written", { "restore", file, other })
    assert.is_nil(io.open(other .. "/data.mdb"))
    temp.writeFile(file, bytes)
    command.ok { "restore", file, other }
  end)

  it("are refused where a store is, and of other stores", function()
    command.ok { "backup", base, file }
    command.fails(1, "there is a store at " .. base, { "restore", file, base })
    command.fails(2, "is a store's own", { "backup", base, base .. "/data.mdb" })
    command.fails(3, "restore it into a store of LMDB", { "restore", file, "file:" .. dir .. "/plain" })
    command.ok { "put", "file:" .. dir .. "/plain", "signal", "BTC", "1" }
    command.fails(3, "file stores have no backup of their own", { "backup", "file:" .. dir .. "/plain", file })
  end)

  it("replace a file once they are whole, and keep its mode", function()
    temp.writeFile(file, "the one of before")
    os.execute("chmod 640 " .. temp.quote(file))
    command.fails(3, "there is no store", { "backup", dir .. "/none", file })
    assert.equal("the one of before", temp.readFile(file))
    command.ok { "backup", base, file }
    assert.is_true(sizeOf(file) > 4096)
    local stat = assert(io.popen("stat -c %a " .. temp.quote(file)))
    assert.equal("640\n", stat:read("*a"))
    stat:close()
  end)

  it("are restored as of an earlier moment, with all that has changed since put back", function()
    local before = revisionOf(base)
    local expected = command.ok { "export", base }
    command.ok { "rm", base, "signal", "BTC" }
    command.ok { "put", base, "signal", "ETH", '{"side":"long"}' }
    command.ok { "put", base, "signal", "SOL", "1" }
    command.ok { "put", base, "trade", "t", "1" }
    local after = revisionOf(base)
    command.ok { "backup", base, file }
    local out = command.ok { "restore", file, other, "--at", tostring(before) }
    assert.matches("it is at revision " .. after + 1, out, 1, true)
    assert.equal(expected, command.ok { "export", other })
    assert.matches("^3 entities exported", command.ok { "export", base, "-o", dir .. "/e" })
    -- What was between is still history.
    assert.equal("1\n", command.ok { "get", other, "signal", "SOL", "--at", tostring(after) })
    assert.matches("all are readable", command.ok { "verify", other }, 1, true)
  end)

  it("are restored as of a time", function()
    local expected, made = command.ok { "export", base }, os.time()
    repeat until os.time() > made + 1
    local between = os.date("!%Y-%m-%dT%H:%M:%SZ")
    repeat until os.time() > made + 2
    command.ok { "put", base, "signal", "SOL", "1" }
    command.ok { "backup", base, file }
    command.ok { "restore", file, other, "--at", between }
    assert.equal(expected, command.ok { "export", other })
  end)

  it("are not restored as of what they do not know", function()
    command.ok { "backup", base, file }
    command.fails(3, "not kept any more", { "restore", file, other, "--at", "1" })
    command.fails(2, "revision 4711 is not there yet", { "restore", file, other, "--at", "4711" })
    assert.is_nil(io.open(other .. "/data.mdb"))
    command.ok { "set", base, "history=false" }
    command.ok { "backup", base, file }
    command.fails(3, "history", { "restore", file, other, "--at", tostring(revisionOf(base)) })
    assert.is_nil(io.open(other .. "/data.mdb"))
  end)

  it("are restored as of an earlier moment with however many entity names", function()
    for i = 1, 40 do command.ok { "put", base, "name-" .. i, "a", "1" } end
    local before = revisionOf(base)
    local expected = command.ok { "export", base }
    for i = 1, 40, 3 do command.ok { "put", base, "name-" .. i, "a", "2" } end
    for i = 2, 40, 3 do command.ok { "rm", base, "name-" .. i, "a" } end
    command.ok { "backup", base, file }
    command.ok { "restore", file, other, "--at", tostring(before) }
    assert.equal(expected, command.ok { "export", other })
  end)

  it("put back values that a unique index forbids one by one", function()
    local store = holdfast.PersistBase("slot", base)
    store:createIndex("n", { unique = true })
    store:writeMany { a = { n = 1 }, b = { n = 2 } }
    local before = revisionOf(base)
    store:removeMany { "a", "b" }
    store:writeMany { a = { n = 2 }, b = { n = 1 }, c = { n = 3 } }
    store:close()
    command.ok { "backup", base, file }
    command.ok { "restore", file, other, "--at", tostring(before) }
    assert.equal('{"n":1}\n{"n":2}\n', command.ok { "take", other, "slot", "9" })
    assert.matches("all are readable", command.ok { "verify", other }, 1, true)
  end)

  it("are made and restored by scripts", function()
    local whole, calls = holdfast.openStore(base), 0
    local report = whole:backup(file, function(done, total)
      calls = calls + 1
      assert.is_true(done <= total)
    end)
    assert.is_true(calls > 0)
    assert.same({ revisionOf(base), sizeOf(file), 0 }, { report.revision, report.bytes, report.grown })
    raises.error("busy", nil, function() whole:backup(file, function() return false end) end)
    local ok, raised = pcall(whole.backup, whole, file, function() error("mine", 0) end)
    assert.same({ false, "mine" }, { ok, raised })
    raises.error("busy", nil, function() holdfast.compact(base) end)
    whole:close()
    raises.error("closed", nil, function() whole:backup(file) end)
    assert.same({ revision = report.revision, at = report.at, bytes = report.bytes }, holdfast.restore(file, other))
    raises.error("conflict", nil, function() holdfast.restore(file, other) end)
    raises.error("invalid_argument", nil, function() holdfast.restore(file, other .. "2", { when = 1 }) end)
    raises.error("invalid_argument", nil, function() holdfast.restore(file, other .. "2", { at = true }) end)
    local there = holdfast.restore(file, other .. "3", { at = report.revision })
    assert.equal(report.revision, there.revision) -- nothing was to be put back
    assert.is_true(holdfast.compact(other).exchanged)
  end)
end)

describe("room", function()
  local dir, base

  before_each(function()
    dir = temp.quickDirectory()
    base = dir .. "/data"
    local store, values, ids = holdfast.PersistBase("signal", base), {}, {}
    for i = 1, 2000 do
      values["k" .. i], ids[i] = ("x"):rep(400), "k" .. i
    end
    values.stays = 1
    store:writeMany(values)
    store:removeMany(ids)
    for i = 1, 3 do store:writeValue("stays", i) end
    store:close()
  end)

  local function facts() return json.decode(command.ok { "stat", base, "--json" }) end

  it("is given back by a compact copy where nobody has the store open", function()
    local before = facts()
    assert.is_true(before.freeBytes > 500000 and before.diskBytes > 500000)
    assert.matches("^[%d.]+ kB on the disk, [%d.]+ [kM]B before\n$", command.ok { "compact", base })
    local after = facts()
    assert.is_true(after.fileBytes < 100000 and after.freeBytes == 0 and after.revision == before.revision + 1)
    assert.equal("3\n", command.ok { "get", base, "signal", "stays" })
  end)

  it("is given back in place where somebody has", function()
    local reader = holder.start(([[
      local store = require("holdfast").PersistBase("signal", %q)
      store:count()
      kept = store
    ]]):format(base))
    local before = facts()
    local out = command.ok { "compact", base }
    reader:kill()
    assert.matches(("Free pages were given back where they are, since process %d ("):format(reader.pid), out, 1, true)
    local after = facts()
    assert.equal(before.fileBytes, after.fileBytes)
    assert.is_true(after.diskBytes < 200000)
    assert.equal(before.revision, after.revision)
    assert.matches("all are readable", command.ok { "verify", base }, 1, true)
  end)

  it("is not there in other stores", function()
    command.fails(3, "no free room that could be given back", { "compact", "memory:" })
    command.fails(1, "there is no store", { "compact", dir .. "/none" })
  end)
end)
