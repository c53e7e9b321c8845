-- SPDX-License-Identifier: MIT
--
-- Indexes of the PostgreSQL backend: what the server gets, which statements use it, what unique ones compare and
-- refuse, and what becomes of one that was broken off.  Everything beside other programs' rows and statements.

local holdfast = require "holdfast"
local Connection = require "holdfast.backends.postgres.connection" -- which holdfast has
local postgres = require "support.postgres"
local raises = require "support.raises"
local stores = require "support.stores"
local temp = require "support.temp"

if not postgres.isInstalled then
  pending "needs PostgreSQL"
  return
end

local server

setup(function() server = postgres.start "fsync=off\nsynchronous_commit=off" end)

teardown(function()
  server:stop()
  temp.removeAll()
end)

local function open(name) return holdfast.PersistBase(name, server:url "?timeout=60s") end

local function listed(store)
  local out = {}
  for i, index in ipairs(store:indexes()) do
    out[i] = index.name .. (index.unique and " unique" or "") .. (index.ready and "" or " not ready")
  end
  return out
end

-- Names of the server's own indexes over expressions.
local function seen(name)
  return server:psql(("SELECT count(*) FROM pg_indexes WHERE tablename = 'persist_%s' AND indexdef LIKE "
    .. "'%%holdfast_key_1%%'"):format(name))
end

local function statement(store, predicate, range) return store:explain(predicate, range).statement end

-- How many constraints a table has for unique indexes.
local function constraints(name)
  return server:psql(("SELECT count(*) FROM pg_constraint WHERE conrelid = 'persist_%s'::regclass"
    .. " AND conname = 'holdfast_readable'"):format(name))
end

-- Has another process call a method of the collection; returns a function that waits for its end and gives what it
-- has raised, as a text.
local function elsewhere(name, call)
  local dir, exits = temp.directory(), nil
  temp.writeFile(dir .. "/run.lua", ("require('holdfast').PersistBase(%q, %q):%s"):format(name,
    server:url "?timeout=60s", call))
  os.execute(("(LUA_CPATH=%s LUA_PATH=%s timeout 100 luajit %s/run.lua </dev/null >%s/out 2>&1; echo $? >%s/exits) &")
    :format(temp.quote(package.cpath), temp.quote(package.path), dir, dir, dir))
  return function()
    repeat
      os.execute "sleep 0.02"
      local file = io.open(dir .. "/exits")
      exits = file and file:read "*l"
      if file then file:close() end
    until exits
    return exits ~= "0" and temp.readFile(dir .. "/out") or nil
  end
end

-- Waits until the server's sessions are in a state, a condition of SQL over them.
local function await(connection, condition)
  for _ = 1, 5000 do
    local found = connection:query("read", "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
      .. " AND " .. condition .. ")", nil, "once")
    if found[1] == "t" then return end
    Connection.sleep(2)
  end
  error("never seen: " .. condition)
end

local null = holdfast.null

describe("an index in PostgreSQL", function()
  it("is made, listed and dropped, on a table of the framework", function()
    server:psql [[CREATE TABLE persist_made (entity_id TEXT PRIMARY KEY, data JSONB NOT NULL, updated_at TIMESTAMP);
      INSERT INTO persist_made VALUES ('theirs', '{"metadata": {"symbol": "S1"}, "pnl": 0.10000000000000001}', NOW())]]
    local store = open "made"
    for i = 1, 20 do store:writeValue(i, { metadata = { symbol = "S" .. i % 3 }, pnl = i }) end
    assert.same({}, listed(store))
    store:createIndex "metadata.symbol"
    store:createIndex { "pnl", "v.metadata.symbol" }
    store:createIndex "metadata.symbol" -- there already
    store:createIndex('v["two words"]["quo\\"te"][2]', { unique = true })
    assert.same({ "metadata.symbol", "pnl,metadata.symbol", 'v["two words"]["quo\\"te"][2] unique' }, listed(store))
    assert.same({ "pnl", "metadata.symbol" }, store:indexes()[2].paths)
    assert.equal("3", seen "made")
    server:psql [[INSERT INTO persist_made VALUES ('later', '{"metadata": {"symbol": "S1"}}', NOW())]]
    local function is(v) return v.metadata.symbol == "S1" end
    assert.equal(9, store:count(is))
    for _, name in ipairs { "pnl", 'v["two words"]["quo\\"te"][2]' } do
      store:dropIndex(name == "pnl" and { "pnl", "metadata.symbol" } or name)
    end
    assert.same({ "metadata.symbol" }, listed(store))
    store:dropIndex "metadata.symbol"
    assert.equal("0", seen "made")
    raises.error("not_found", nil, store.dropIndex, store, "pnl")
    assert.equal(9, store:count(is))
  end)

  it("is refused in a transaction, which goes on", function()
    local store = open "inside"
    holdfast.transaction(function()
      store:writeValue("a", { n = 1 })
      raises.error("unsupported", "^indexes are made, ", store.createIndex, store, "n")
      store:writeValue("b", { n = 2 })
    end)
    assert.equal(2, store:count())
  end)

  it("that was broken off is not used, and made again", function()
    local store = open "broken"
    for i = 1, 50 do store:writeValue(i, { n = i }) end
    store:createIndex "n"
    server:psql [[UPDATE pg_index SET indisvalid = false WHERE indrelid = 'persist_broken'::regclass
      AND pg_get_indexdef(indexrelid) LIKE '%holdfast_key_1%']]
    assert.same({ "n not ready" }, listed(store))
    assert.not_matches("holdfast_key_1", statement(store, function(v) return v.n == 7 end))
    store:createIndex "n"
    assert.same({ "n" }, listed(store))
    assert.equal("1", seen "broken")
  end)
end)

describe("a statement of PostgreSQL's", function()
  local store

  setup(function()
    store = open "used"
    local many = {}
    for i = 1, 5000 do
      many[i] = { symbol = "S" .. i % 500, n = i / 4, side = i % 2 == 0 and "long" or "short", deep = { level = i },
        flag = i % 700 ~= 0 or null, list = { i, { code = "c" .. i } } }
      if i % 600 ~= 0 then many[i].note = "x" .. i end
    end
    for from = 1, 5000, 1000 do
      local part = {}
      for i = from, from + 999 do part["e" .. i] = many[i] end
      store:writeMany(part)
    end
    for _, paths in ipairs { "symbol", "n", { "side", "deep.level" }, "flag", "note", "list[2].code" } do
      store:createIndex(paths)
    end
  end)

  local QUESTIONS = {
    { "an equality of texts", function(v) return v.symbol == "S7" end, 10 },
    { "an equality of numbers", function(v) return v.n == 0.25 end, 1 },
    { "a range of numbers", function(v) return v.n > 1240 and v.n <= 1245 end, 20 },
    { "the lowest", function(v) return v.n < 1 end, 3 },
    { "a range of texts", function(v) return v.symbol >= "S49" and v.symbol < "S491" end, 20 },
    { "a beginning", function(v) return v.symbol:match "^S49" end, 110 },
    { "nothing", function(v) return v.note == nil end, 8 },
    { "null", function(v) return v.flag == null end, 7 },
    { "either of two", function(v) return v.symbol == "S7" or v.n == 0.25 end, 11 },
    { "one of several", function(v) return v.symbol == "S7" or v.symbol == "S8" end, 20 },
    { "two paths", function(v) return v.side == "long" and v.deep.level > 4990 and v.deep.level < 4999 end, 4 },
    { "a place in a list", function(v) return v.list[2].code == "c77" end, 1 },
    { "more than the index has", function(v) return v.symbol == "S7" and #v.note == 4 end, 1 },
  }

  for _, question in ipairs(QUESTIONS) do
    it("uses an index for " .. question[1], function()
      assert.matches("Index Cond: %(+holdfast_key_1", statement(store, question[2]))
      assert.equal(question[3], store:count(question[2]))
      assert.equal(question[3], #stores.list(store:keys { where = question[2] }))
    end)
  end

  it("uses none for what most are, and looks at nothing twice then", function()
    local text = statement(store, function(v) return v.n > 10 end)
    assert.matches("Seq Scan", text)
    assert.not_matches("holdfast_key_1", text)
  end)

  it("is shown for a class, and for one that a URL means, and raises nothing without a server", function()
    local class = holdfast.PostgresPersist("used", server:url "?timeout=60s")
    assert.matches("^SELECT entity_id, data::text FROM .* \"persist_used\" WHERE", statement(class, QUESTIONS[1][2]))
    assert.matches("\n%$%d: S7\n", statement(store, QUESTIONS[1][2]))
    local text = statement(open "never used", QUESTIONS[1][2])
    assert.matches("Seq Scan", text)
    local away = holdfast.PersistBase("used", "postgres://app@127.0.0.1:1/game?timeout=1s&retries=0")
    local ok, about = pcall(away.explain, away, QUESTIONS[1][2])
    assert(ok, tostring(about))
    assert.matches("^not known: ", about.statement)
  end)
end)

describe("asking PostgreSQL", function()
  it("asks the table of the collection, whatever its name", function()
    local names = { "x{1}", "x$1::text[]", "{1}{2}", "$2", "%1 %s", "\\1" }
    for i, name in ipairs(names) do
      local store, batch = open(name), {}
      for j = 1, 100 do batch[j] = { n = i * j } end
      store:writeMany(batch)
    end
    for i, name in ipairs(names) do
      local store, wanted = open(name), i * 90
      local function is(v) return v.n == wanted end
      assert.equal(1, store:count(is), name)
      assert.same({ "90" }, stores.list(store:keys { where = is, from = "20", to = "95" }), name)
      local text = statement(store, is)
      assert(text and text:find('"persist_' .. name .. '"', 1, true), text)
      store:createIndex("n", { unique = true })
      assert.same({ "90" }, stores.list(store:keys { where = is }), name)
      store:dropIndex "n"
    end
  end)

  it("goes through all rows where one statement cannot have all parameters", function()
    local store, batch = open "many parameters", {}
    for i = 1, 150 do batch["e" .. i] = { n = i } end
    store:writeMany(batch)
    for _, count in ipairs { 190, 192, 193, 194, 196, 198, 199, 200, 201 } do
      local parts = {}
      for i = 1, count do parts[i] = ('id == "e%d"'):format(i + 100) end
      local is = assert(loadstring("return function(v, id) return " .. table.concat(parts, " or ") .. " end"))()
      assert.equal(50, store:count(is), count)
      assert.equal(40, #stores.list(store:keys { where = is, prefix = "e", from = "e11", to = "e140" }), count)
      assert.equal(40, #stores.list(store:keys { where = is, from = "e11", to = "e140", reverse = true }), count)
    end
  end)
end)

describe("a unique index in PostgreSQL", function()
  it("compares values and not how they are stored", function()
    local store = open "unique"
    store:createIndex("n", { unique = true })
    store:writeValue("zero", { n = 0 })
    local err = raises.error("duplicate", 'values already: they are those of "zero"$', store.writeValue, store, "minus",
      { n = -0.0 })
    assert.equal("minus", err.entityId)
    store:writeValue("text", { n = "0", note = "a\0b" and "fine" })
    store:writeValue("half", { n = 0.5, odd = -0.0 }) -- which JSONB cannot hold
    raises.error("duplicate", 'those of "half"$', store.writeValue, store, "again", { n = 0.5 })
    -- Numerics that another program writes, and that are the same double.
    local ok, said = pcall(server.psql, server,
      [[INSERT INTO persist_unique VALUES ('other', '{"n": 0.50000000000000000001}', NOW())]])
    assert(not ok and tostring(said):find("unique constraint", 1, true), tostring(said))
    server:psql [[INSERT INTO persist_unique VALUES ('other', '{"n": 0.6}', NOW())]]
    raises.error("duplicate", 'those of "other"$', store.writeValue, store, "again", { n = 0.6 })
    assert.same({ "half" }, stores.list(store:keys { where = function(v) return v.n == 0.5 end }))
    assert.same({ "zero" }, stores.list(store:keys { where = function(v) return v.n == -0.0 end }))
  end)

  it("refuses what the server cannot compare, and is refused where that is there", function()
    local store = open "unreadable"
    store:writeValue("nul", { n = 1, text = "a\0b" })
    raises.error("unsupported", '^a unique index cannot compare "nul", ', store.createIndex, store, "n",
      { unique = true })
    assert.same({}, listed(store))
    store:removeValue "nul"
    store:createIndex("n", { unique = true })
    raises.error("unsupported", "^the collection has a unique index, and the server cannot compare this entity",
      store.writeValue, store, "nul", { text = "a\0b" })
    store:createIndex "text"
    store:dropIndex "n"
    store:writeValue("nul", { n = 1, text = "a\0b" })
    assert.equal(1, store:count(function(v) return v.text == "a\0b" end))
  end)

  it("is over the field that it names, however that is spelt", function()
    local store = open "spelling"
    local names = { "a\n\tb", 'a\n"b', "a\n\\b", "\\n", "\0011", '"\\"', "\127\n7", "a\\\n" }
    for i, name in ipairs(names) do
      local path = 'v["' .. name:gsub('[%c"\\]', function(c) return ("\\%03d"):format(c:byte()) end) .. '"]'
      store:createIndex(path, { unique = true })
      store:writeValue("first" .. i, { [name] = i })
      raises.error("duplicate", ('those of "first%d"$'):format(i), store.writeValue, store, "second", { [name] = i })
      store:dropIndex(path)
    end
  end)

  it("lets a batch exchange values, and a transaction go on after it refused", function()
    local store = open "swapped"
    store:createIndex("n", { unique = true })
    store:writeMany { a = { n = 1 }, b = { n = 2 }, c = { n = 3 } }
    store:writeMany { a = { n = 2 }, b = { n = 3 }, c = { n = 1 } }
    holdfast.transaction(function()
      raises.error("duplicate", 'those of "b"$', store.writeValue, store, "d", { n = 3 })
      store:writeMany { a = { n = 3 }, b = { n = 2 } }
      store:writeValue("d", { n = 4 })
    end)
    local out = {}
    for id, value in store:entries() do out[#out + 1] = id .. value.n end
    assert.same({ "a3", "b2", "c1", "d4" }, out)
  end)

  it("says which two entities are in its way", function()
    local store = open "twice"
    for i = 1, 6 do store:writeValue(i, { n = i, twice = i % 5, none = null }) end
    raises.error("duplicate", '"1" and "6" have the same there$', store.createIndex, store, "twice", { unique = true })
    assert.same({}, listed(store))
    store:createIndex("none", { unique = true })
    store:createIndex "n"
    raises.error("conflict", "drop it first$", store.createIndex, store, "n", { unique = true })
    assert.same({ "n", "none unique" }, listed(store))
  end)

  it("leaves nothing of itself where it cannot be made", function()
    local store = open "failed"
    store:writeMany { a = { n = 1 }, b = { n = 1 } }
    raises.error("duplicate", nil, store.createIndex, store, "n", { unique = true })
    assert.equal("0", constraints "failed")
    store:writeValue("nul", { n = 2, text = "a\0b" })
    store:removeMany { "a", "nul" }
    -- What cannot be compared, written just before it is forbidden.
    server:psql [[CREATE FUNCTION late() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NOT EXISTS (SELECT 1 FROM persist_failed WHERE entity_id = 'late') THEN
          INSERT INTO persist_failed VALUES ('late', '{"$holdfast": "\"a\\u0000b\""}', NOW());
        END IF;
      END $$;
      CREATE EVENT TRIGGER late ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION late()]]
    local ok, raised = pcall(raises.error, "unsupported", '^a unique index cannot compare "late", ', store.createIndex,
      store, "n", { unique = true })
    server:psql "DROP EVENT TRIGGER late"
    assert(ok, tostring(raised))
    assert.equal("0", constraints "failed")
    assert.same({}, listed(store))
  end)

  it("is made again where a builder died before it was done, and without it nothing is refused", function()
    local store = open "died"
    store:createIndex("n", { unique = true })
    server:psql [[DO $$ BEGIN EXECUTE (SELECT format('COMMENT ON INDEX %s IS NULL', indexrelid::regclass) FROM pg_index
      WHERE indrelid = 'persist_died'::regclass AND pg_get_indexdef(indexrelid) LIKE '%holdfast_key_1%'); END $$]]
    assert.same({}, listed(store))
    store:createIndex "other"
    store:writeValue("nul", { n = 1, text = "a\0b" })
    raises.error("unsupported", '^a unique index cannot compare "nul", ', store.createIndex, store, "n",
      { unique = true })
    store:removeValue "nul"
    store:createIndex("n", { unique = true })
    assert.equal("1", constraints "died")
    store:dropIndex "other"
    raises.error("unsupported", nil, store.writeValue, store, "nul", { n = 1, text = "a\0b" })
  end)

  it("waits for who reads without keeping others from reading and writing", function()
    local reader, looker = Connection.new(server:url()), Connection.new(server:url())
    local store = holdfast.PersistBase("busy", server:url "?timeout=3s&retries=0")
    store:writeMany { a = { n = 1 }, b = { n = 2 } }
    reader:begin("read", 1)
    reader:query("read", "SELECT count(*) FROM persist_busy", nil, "once")
    local made = elsewhere("busy", "createIndex('n', { unique = true })")
    await(looker, "query LIKE 'ALTER TABLE%' AND wait_event_type = 'Lock'")
    local ok, raised = pcall(function()
      store:writeValue("c", { n = 3 }) -- where it comes after the one that waits, the deadline passes
      assert.equal(2, store:readValue("b").n)
      assert.same({}, listed(store))
    end)
    reader:rollback()
    assert.is_nil(made())
    assert(ok, tostring(raised))
    assert.same({ "n unique" }, listed(store))
    reader:drop()
    looker:drop()
  end)

  it("alone needs the table for itself, for a moment", function()
    local store = open "plain"
    store:writeValue("nul", { n = 1, text = "a\0b" })
    server:psql [[CREATE FUNCTION never() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE 'the table is altered'; END $$;
      CREATE EVENT TRIGGER never ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION never()]]
    local ok, raised = pcall(function()
      store:createIndex "n"
      store:createIndex "text"
      store:dropIndex "n"
    end)
    server:psql "DROP EVENT TRIGGER never"
    assert(ok, tostring(raised))
    assert.same({ "text" }, listed(store))
  end)

  it("is made while nobody else drops one of the same collection", function()
    local store, reader, looker = open "alone", Connection.new(server:url()), Connection.new(server:url())
    store:writeValue("a", { n = 1 })
    store:createIndex "other"
    reader:begin("read", 1)
    reader:query("read", "SELECT 1", nil, "once") -- a builder waits for the end of whoever may have read before it
    local made = elsewhere("alone", "createIndex('n', { unique = true })")
    await(looker, "query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'")
    local dropped = elsewhere("alone", "dropIndex 'other'")
    await(looker, "query LIKE 'DROP INDEX%' OR query LIKE 'SELECT pg_try_advisory_lock%'")
    local first = looker:query("read", "SELECT max(query_start)::text FROM pg_stat_activity WHERE query LIKE"
      .. " 'SELECT pg_try_advisory_lock%' AND pid <> pg_backend_pid()", nil, "once")[1]
    await(looker, ("(query LIKE 'DROP INDEX%%' OR query LIKE 'SELECT pg_try_advisory_lock%%' AND query_start > '%s')")
      :format(first or "infinity"))
    assert.equal("0", looker:query("read", "SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%'",
      nil, "once")[1])
    reader:rollback()
    assert.is_nil(made())
    assert.is_nil(dropped())
    assert.same({ "n unique" }, listed(store))
    assert.equal("1", constraints "alone")
    reader:drop()
    looker:drop()
  end)
end)
