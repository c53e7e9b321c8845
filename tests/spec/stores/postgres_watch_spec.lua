-- SPDX-License-Identifier: MIT
--
-- The log of changes of a real PostgreSQL server, and those who watch it: the order of commits, other programs, ends of
-- the server, tables that come later, what is not kept any more.

local ffi = require("ffi")
local holdfast = require("holdfast")
local logs = require("holdfast.backends.postgres.log")
local postgres = require("support.postgres")
local PostgresPersist = require("holdfast.backends.postgres")
local process = require("support.process")
local raising = require("support.raises")
local temp = require("support.temp")
local watches = require("holdfast.backends.postgres.watch")

local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

if not postgres.isInstalled or not pcall(ffi.load, "libpq.so.5") then
  pending("needs PostgreSQL (postgresql, libpq5)")
  return
end

local pg

setup(function() pg = postgres.start("fsync=off") end)
teardown(function()
  pg:stop("QUIT")
  temp.removeAll()
end)

local function raises(code, fn, ...) return raising.error(code, nil, fn, ...) end

local function open(name, query, login) return holdfast.PersistBase(name or "signal", pg:url(query, login)) end

local function set(value) return holdfast.openStore(pg:url()):settings { changes = value } end

-- What comes, each as "what id=value", with the number of the commit in front, counted from 1: `count` of them, and
-- whatever comes within a moment after these.
local function heard(watch, count)
  local out, revision, commit = {}, nil, 0
  for change in function() return watch:next(#out < (count or 0) and 20000 or 100) end do
    if change.revision ~= revision then revision, commit = change.revision, commit + 1 end
    local value = change.value ~= nil and "=" .. holdfast.json.encode(change.value) or ""
    out[#out + 1] = ("%d %s %s%s"):format(commit, change.what, change.id or change.entityName, value)
  end
  return out
end

-- A session of psql that runs its statements one by one: step(sql) runs the next.
local function session()
  local fifo = temp.directory() .. "/fifo"
  assert(os.execute(("mkfifo %s"):format(fifo)) == 0)
  local done = fifo .. ".done"
  os.execute(("psql -h 127.0.0.1 -p %d -U app -X -q -A -t game < %s > %s 2>&1 &"):format(pg.port, fifo, done))
  local pipe = assert(io.open(fifo, "w"))
  pipe:setvbuf "no"
  local steps = 0
  return {
    step = function(sql, mayWait)
      steps = steps + 1
      pipe:write(sql, ";\n\\echo done", tostring(steps), "\n")
      for _ = 1, mayWait and 10 or 500 do
        if temp.readFile(done):find("done" .. steps, 1, true) then return true end
        os.execute("sleep 0.02")
      end
      assert(mayWait, "psql does not answer: " .. temp.readFile(done))
      return false
    end,
    close = function() pipe:close() end,
  }
end

describe("a log of changes in PostgreSQL", function()
  before_each(function()
    set "off"
    pg:psql "DROP TABLE IF EXISTS persist_signal, persist_other, persist_late"
    open():waitForInit()
    set "7d"
  end)

  it("is turned on and off by a setting", function()
    assert.equal("7d", holdfast.openStore(pg:url()):settings().changes)
    set "off"
    assert.equal("off", holdfast.openStore(pg:url()):settings().changes)
    assert.matches("changes=7d", raises("unsupported", watches.open, pg:url()).message)
    open():writeValue("a", 1)
    set(1000)
    assert.equal("1000", tostring(holdfast.openStore(pg:url()):settings().changes))
  end)

  it("has what each commit changes, in order", function()
    local store, watch = open(), watches.open(pg:url())
    store:writeValue("a", 1)
    holdfast.transaction(function()
      store:writeValue("b", 2)
      store:removeValue("a")
      store:writeValue("c", { x = 3 })
    end)
    store:writeMany({ d = 4 })
    pcall(holdfast.transaction, function()
      store:writeValue("e", 5)
      error "no"
    end)
    store:removeMany({ "d", "b" })
    local found = heard(watch)
    assert.equal(2, #{ unpack(found, 6) })
    table.sort(found)
    assert.same({
      "1 write a", "2 remove a", "2 write b", '2 write c={"x":3}', "3 write d", "4 remove b", "4 remove d",
    }, found)
    watch:close()
  end)

  it("has what other programs change, and what they rename", function()
    local watch = watches.open(pg:url())
    pg:psql([[INSERT INTO persist_signal (entity_id, data) VALUES ('x', '1'), ('y', '2');
      UPDATE persist_signal SET entity_id = 'z' WHERE entity_id = 'x';
      truncate persist_signal]])
    assert.same({ "1 write x", "1 write y", "2 remove x", "2 write z", "3 clear signal" }, heard(watch))
    watch:close()
  end)

  it("loses no commit that another has overtaken", function()
    local watch, early, late = watches.open(pg:url()), session(), session()
    early.step "BEGIN"
    early.step "INSERT INTO persist_signal (entity_id, data) VALUES ('early', '1')"
    late.step "BEGIN"
    late.step "INSERT INTO persist_signal (entity_id, data) VALUES ('late', '1')"
    late.step "COMMIT"
    assert.same({ "1 write late=1" }, heard(watch))
    early.step "COMMIT"
    assert.same({ "1 write early=1" }, heard(watch))
    early.close()
    late.close()
    watch:close()
  end)

  it("shows no commit before one with a smaller number", function()
    local watch, first, second = watches.open(pg:url()), session(), session()
    first.step "BEGIN"
    first.step "INSERT INTO persist_signal (entity_id, data) VALUES ('first', '1')"
    first.step "SET CONSTRAINTS ALL IMMEDIATE" -- it has its number now, and is not committed
    assert.is_false(second.step("INSERT INTO persist_signal (entity_id, data) VALUES ('second', '1')", "may wait"))
    assert.same({}, heard(watch))
    first.step "COMMIT"
    assert.same({ "1 write first=1", "2 write second=1" }, heard(watch, 2))
    first.close()
    second.close()
    watch:close()
  end)

  it("does not keep serializable transactions from going on side by side", function()
    local a, b = session(), session()
    for _ = 1, 3 do
      a.step "BEGIN ISOLATION LEVEL SERIALIZABLE"
      b.step "BEGIN ISOLATION LEVEL SERIALIZABLE"
      a.step "INSERT INTO persist_signal (entity_id, data) VALUES (gen_random_uuid()::text, '1')"
      b.step "INSERT INTO persist_signal (entity_id, data) VALUES (gen_random_uuid()::text, '1')"
      a.step "COMMIT"
      b.step "COMMIT"
    end
    a.close()
    b.close()
    assert.equal(6, open():count())
  end)

  it("is gone through again from a revision on, and each change comes once", function()
    local store, watch = open(), watches.open(pg:url())
    for i = 1, 1200 do store:writeValue("e" .. i, i) end
    local revisions = {}
    for change in function() return watch:next(100) end do revisions[#revisions + 1] = change.revision end
    assert.equal(1200, #revisions)
    watch:close()
    local again = watches.open(pg:url(), { from = revisions[700] })
    local change = again:next(1000)
    assert.equal("e700", change.id)
    assert.equal(500, #heard(again))
    again:close()
  end)

  it("is handed out by name, prefix and condition", function()
    local store, other = PostgresPersist("signal", pg:url()), open "other"
    local iterate = store:watch { prefix = "a", where = function(v) return v > 1 end, timeout = 100 }
    other:writeValue("a1", 7)
    store:writeMany({ a1 = 1, a2 = 2, b3 = 3 })
    store:removeValue("a1")
    local found = {}
    for change in iterate do found[#found + 1] = change.what .. change.id end
    assert.same({ "writea1", "writea2", "removea1" }, found) -- of what is gone nobody knows what it was
    local all = PostgresPersist.storeWatch(pg:url(), { timeout = 100 })
    other:writeValue("b", 1)
    local change = all()
    assert.equal("other", change.entityName)
    assert.is_true(change.current)
    assert.is_true(math.abs(change.at - os.time() * 1000) < 60000)
    assert.is_nil(all())
  end)

  it("is watched by URL, and by the command", function()
    local store = open()
    local watch = holdfast.watch(pg:url(), { timeout = 100 })
    store:writeValue("a", { n = 1 })
    assert.equal("a", watch().id)
    watch:close()
    local own = store:watch { from = watch.revision, timeout = 100 }
    assert.same({ n = 1 }, own().value)
    own:close()
    for _, words in ipairs { { "signal" }, {} } do
      local out = process.run({ command, "watch", pg:url(), "--from", tostring(watch.revision), "--timeout", "0",
        "--json", unpack(words) })
      assert.equal("", out.stderr)
      local change = holdfast.json.decode(out.stdout)
      assert.same({ "write", "signal", "a", 1 }, { change.what, change.entityName, change.id, change.value.n })
    end
  end)

  it("has the tables that come later", function()
    local watch = watches.open(pg:url())
    open "late":writeValue("a", 1)
    assert.same({ "1 write a=1" }, heard(watch))
    watch:close()
  end)

  it("says that it has a hole where a table came with entities", function()
    local watch = watches.open(pg:url())
    pg:psql([[CREATE TABLE persist_late (entity_id TEXT PRIMARY KEY, data JSONB NOT NULL,
      updated_at TIMESTAMP DEFAULT NOW());
      INSERT INTO persist_late (entity_id, data) VALUES ('x', '1')]])
    open "late":writeValue("a", 1)
    raises("compacted", function() watch:next(100) end)
    watch:close()
  end)

  it("keeps no more than it is to", function()
    local batch, pause = logs.batch, logs.pause
    logs.batch, logs.pause = 4, 0
    set(5)
    local store, watch = open("signal", "?timeout=71s"), watches.open(pg:url())
    local first = watch.revision + 1
    for i = 1, 20 do store:writeValue("a", i) end
    logs.batch, logs.pause = batch, pause
    assert.equal("5", pg:psql "SELECT count(*) FROM holdfast_changes")
    local err = raises("compacted", function() watches.open(pg:url(), { from = first }) end)
    local again = watches.open(pg:url(), { from = err.revision })
    assert.equal(5, #heard(again))
    again:close()
    raises("compacted", function() watch:next(100) end)
    watch:close()
  end)

  it("ends a wait at once when something comes, and goes on after the server was killed", function()
    local store, watch = open(), watches.open(pg:url("?connecttimeout=5s&retries=20"))
    store:writeValue("a", 1)
    assert.equal("a", watch:next(1000).id)
    pg:stop "QUIT"
    assert.is_true(pg:start())
    pg:psql "INSERT INTO persist_signal (entity_id, data) VALUES ('b', '2')"
    assert.equal("b", watch:next(20000).id)
    watch:close()
  end)

  it("says what has expired and was removed", function()
    local expiry = require("holdfast.backends.postgres.expiry")
    local agreement, pause = expiry.agreement, expiry.pause
    expiry.agreement, expiry.pause = 0, 0
    local store, watch = open("signal", "?timeout=72s"), watches.open(pg:url())
    store:writeValue("a", 1, { expiresAt = 1000 })
    store:writeValue("b", 1)
    expiry.agreement, expiry.pause = agreement, pause
    local found = heard(watch)
    watch:close()
    assert.same({ "1 write a", "2 expire a", "3 write b=1" }, found)
  end)
end)
