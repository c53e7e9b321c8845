-- SPDX-License-Identifier: MIT
--
-- What the PostgreSQL backend has the server find for a predicate: never less than what the predicate does not surely
-- refuse, whatever other programs stored, with indexes and without.  Predicates and documents in all combinations of
-- kinds and places, and at random; the same answers as decoding all, under writes, transactions and indexes at random;
-- and each fault that is put into the making of statements is seen by that.
--
-- HOLDFAST_SEED tries other random ones, HOLDFAST_ROUNDS more.

local cases = require "support.asked.cases"
local collections = require "support.asked.collections"
local core = require "holdfast.core"
local document = require "holdfast.backends.postgres.document"
local documents = require "support.asked.postgres_documents"
local draws = require "support.asked.draws"
local expressions = require "support.asked.mongo_documents"
local fields = require "holdfast.backends.postgres.field"
local found = require "support.asked.found"
local indexed = require "support.asked.indexed"
local judge = require "support.asked.judge"
local postgres = require "support.postgres"
local PostgresPersist = require "holdfast.backends.postgres"
local statements = require "holdfast.backends.postgres.statement"
local temp = require "support.temp"

local source = os.getenv "HOLDFAST_SOURCE" or "."
local seed = tonumber(os.getenv "HOLDFAST_SEED") or 1
local rounds = tonumber(os.getenv "HOLDFAST_ROUNDS") or 1

if not postgres.isInstalled then
  pending "needs PostgreSQL"
  return
end

local server

-- A database that orders texts in another way than by their bytes.
setup(function()
  server = postgres.start "fsync=off\nsynchronous_commit=off\nenable_seqscan=off\njit=off"
  server:psql "CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
end)

local function url() return (server:url "?timeout=60s":gsub("/game", "/sorted")) end

teardown(function()
  server:stop()
  temp.removeAll()
end)

-- ---- what the server finds

-- A collection as found.lua has it.
local function open(name)
  local store = PostgresPersist(name, url())
  store:waitForInit(true)
  local raw = { store = store }
  function raw.find(self, sql)
    local ok, result = pcall(store.connection.query, store.connection, "read", sql, self.values, "once")
    if not ok then return nil, tostring(result) .. "\n" .. sql end
    return result
  end
  function raw.entries()
    local rows, at = store.connection:query("read", "SELECT entity_id, data::text FROM " .. store.table), -1
    return function()
      at = at + 2
      if rows[at] then return rows[at], document.unwrap(rows[at + 1]) end
    end
  end
  return raw
end

-- The fields that an expression asks for, and then those at each path of a list, added to it.
local function addFields(to, node)
  if type(node) ~= "table" then return end
  local field = node[1] == "path" and node[2] == "v" and node[3] ~= nil and fields.new({ unpack(node, 3) }, #node - 2)
  if field then to[#to + 1] = field end
  for _, part in ipairs(node) do addFields(to, part) end
end

-- Indexes as if there were some over each field of an expression, and over several.
local function indexesFor(where)
  local all, out = {}, {}
  addFields(all, where)
  for i, field in ipairs(all) do
    out[#out + 1] = { field }
    out[#out + 1] = { field, all[i + 1] or all[1] }
  end
  return out
end

-- What makes the statement that finds what fits; with what holds by indexes, too.
local function finder(raw, sqlOf, isIndexed, counts)
  return function(where, parameters)
    local statement = statements.new()
    local sql, byIndexes = sqlOf(statement, where, parameters, isIndexed and indexesFor(where))
    if byIndexes then
      sql = ("(%s) AND (%s)"):format(byIndexes, sql)
      counts.led = (counts.led or 0) + 1
    end
    local text, values = statement:finish("SELECT entity_id FROM " .. raw.store.table .. " WHERE " .. (sql or ""))
    raw.values = values
    return sql and text
  end
end

local function newCounts() return { asked = 0, unasked = 0, refused = 0, left = 0 } end

local function chunk(expression) return documents.HEAD .. expressions.chunk(expression) end

-- What is wrong with what is found for an expression over the rows of other programs, without indexes or with.
local function problemOf(raw, texts, expression, counts, sqlOf)
  return found.problem(raw, texts, chunk(expression), counts, finder(raw, sqlOf))
    or found.problem(raw, texts, chunk(expression), counts, finder(raw, sqlOf, true, counts))
end

-- The modules of the backend with a fault in one of them: the function that makes SQL.
local function faulty(name, text, instead)
  local path = ("%s/backends/postgres/%s.lua"):format(source, name)
  local before, after = temp.readFile(path):match("^(.-)" .. text:gsub("%p", "%%%0") .. "(.*)$")
  assert(before and not after:find(text, 1, true), text .. " is not there once")
  local kept = {}
  for _, each in ipairs { "bounds", "lead", "key", "field", "condition" } do
    kept[each] = package.loaded["holdfast.backends.postgres." .. each]
    package.loaded["holdfast.backends.postgres." .. each] = nil
  end
  local module = assert(loadstring(before .. instead .. after, "=faulty"))()
  package.loaded["holdfast.backends.postgres." .. name] = module
  local sqlOf = require "holdfast.backends.postgres.condition".sql
  for each, was in pairs(kept) do package.loaded["holdfast.backends.postgres." .. each] = was end
  return sqlOf
end

local FAULTS = {
  { "v.a <= 5", "condition", 'closed = { "<=", ">" }', 'closed = { "<=", ">=" }' },
  { "v.a >= 0.1", "condition", 'bound = "lower", closed = { ">=", "<" }, open = { ">", "<=" }',
    'bound = "upper", closed = { ">=", "<" }, open = { ">", "<=" }' },
  { "v.a < 2^53 + 2", "condition", 'closed = { "<", ">=" }, open = { "<=", ">" }',
    'closed = { "<", ">=" }, open = { "<", ">=" }' },
  { "v.a > 0", "condition", 'format("((%s) IS NOT TRUE)", sure(names[2]))', 'sure(names[1])' },
  { "not (v.a > 5)", "condition", 'T = format("((%s) IS NOT TRUE)", sure(names[1]))', 'T = sure(names[2])' },
  { "v.a == 2^53", "bounds", "isClosed = mantissa % 2 == 0", "isClosed = false" },
  { "v.a == 2^53", "bounds", "text(mantissa, 2, 1, exponent - 1)", "text(mantissa, 1, 0, exponent)" },
  { "v.a < 2^53", "bounds", "if mantissa == 2 ^ (DIGITS - 1) and", "if false and" },
  { "v.a == 0", "bounds", 'lower = "-" .. high,', 'lower = "0",' },
  { "v.a >= 1.7976931348623157e308", "bounds", "if number > GREATEST then return",
    "if number >= GREATEST then return" },
  { "v.a.b == 'abc'", "condition", 'format("coalesce(%s, %s)", yes, field.parent:unwalkable(self.give))',
    'format("coalesce(%s, FALSE)", yes)' },
  { "v.a ~= '5'", "condition", 'format("%s AND %s", yes, isString)', "yes" },
  { "v.a < 'abc'", "condition", 'coalesce(%s OR %s, TRUE)", sql, isOther',
    'coalesce(%s AND NOT %s, TRUE)", sql, isOther' },
  { "v.a < 'abc'", "condition", "isOther) end", "\"FALSE\") end" },
  { "v.a < 'b'", "condition", "'(%s) COLLATE \"C\" %s %s'", "'(%s) %s %s'" },
  { "v.a.len", "field", "'object', 'array'", "'object', 'array', 'string'" },
  { "v.a == 5", "field", 'M.IS_WRAPPED)\nend', '"FALSE")\nend' },
  { "v.a == nil", "condition", 'N = format("(%s) IS NULL", value)', 'N = format("(%s) = \'null\'", value)' },
  { "v.a[1] == 5", "field", '("[%d]"):format(step - 1)', '("[%d]"):format(step)' },
  { "v['1'] == 5", "condition", 'fields.new({ unpack(node, 3) }, #node - 2)',
    'fields.new({ tonumber(node[3]) or unpack(node, 3) }, #node - 2)' },
  { "v.a:find('bc', 1, true)", "condition", '%s) > 0', '%s) = 1' },
  { "v.a > 0 and v.c == 5", "condition", "local further, furtherLead = orReasons(R, covered, b, bLead)",
    "local further, furtherLead = b, bLead" },
  { "v.a == 5 or v.a == 'abc'", "condition", 'return opposite(conjunction(opposite(a), opposite(b)))',
    "return conjunction(a, b)" },
  { "type(v.a) == 'table'", "condition", "\"'object', 'array'\"", "\"'object'\"" },
  -- of what holds by indexes
  { "v.a == 5", "condition", 'leads.union(ranges, UNWALKABLE)', "ranges" },
  { "v.a == 0", "condition", 'leads.points { key.ofNumber(number), "o" }', "leads.points { key.ofNumber(number) }" },
  { "v.a.b < 5", "condition", 'leads.union(key.ofNumbers(name, number), OTHER.number)', "key.ofNumbers(name, number)" },
  { "v.a <= 'B'", "condition", "ranges and self:leadTo(field, leads.union(ranges, OTHER[kind]))",
    "ranges and self:leadTo(field, ranges)" },
  { "not (v.a < 5)", "condition", "leadT = lead(NEGATED[operator]),", 'leadT = lead(">"),' },
  { "not (v.a < 'b')", "condition", "leadN = lead(ofYes), leadT = lead(ofNo)",
    "leadN = lead(ofNo), leadT = lead(ofYes)" },
  { "v.a > 0 or v.c == 'abc'", "condition", "local lead = leads.either(a.leadT, b.leadT)",
    "local lead = leads.both(a.leadT, b.leadT)" },
  { "v.a > 0 and v.c == 5", "condition", "lead = { lead and leads.either(lead[1], ofReason) or",
    "lead = { lead and lead[1] or" },
  { "v.a == k101", "key", 'return leads.range("s" .. kept, "s" .. kept .. AFTER_DIGESTS)\nend\n\n--- Ranges',
    'return leads.points { "s" .. kept }\nend\n\n--- Ranges' },
  { "v.a == k100", "key", "if count == KEPT then", "if count == KEPT - 2 then" },
  { "v.a == k2", "key", "byte < 0xE0 and 2", "byte < 0xE0 and 1" },
  { "v.a <= 5", "key", 'leads.union(leads.range("n", leads.after(key)), ODD)',
    'leads.union(leads.range("n", key), ODD)' },
  { "v.a >= 5", "key", 'operator == ">" and leads.after(key) or key', "leads.after(key)" },
  { "v.a <= 2^53", "key", 'if operator == "<=" then return leads.union(leads.range("n", leads.after(key)), ODD)',
    'if operator == "<=" then return leads.range("n", leads.after(key))' },
  { "v.a == -5", "key", 'if number < 0 then return "n" .. hex:gsub("%x", INVERTED) end', "" },
  { "v.a:match('^a')", "key", "last:byte() + 1", "last:byte()" },
  { "v.a:match('^abc$')", "condition", "is = key.ofText }", "is = function() return leads.points {} end }" },
  { "v.a <= k101", "key", 'leads.range("s", "s" .. kept .. AFTER_DIGESTS)', 'leads.range("s", "s" .. kept)' },
  { "v.a >= k101", "key", 'return leads.range("s" .. kept, "t")', 'return leads.range("s" .. text, "t")' },
  { "v.a > -5 and v.a <= 5", "lead", "if isBefore(from, to) then", "if to and isBefore(from, to) then" },
  { "v.a == 5 or v.a == 'abc'", "lead", "union(known.ranges, of.ranges)", "known.ranges" },
  { "v.a == 5 or v.a < 0", "lead", "if last[2] and isBefore(last[2], range[2]) then last[2] = range[2] end", "" },
  { "v.a <= 5", "lead", 'isClosed and " <= " or " < "', '" < "' },
  { "v.a == 'abc' and v.c >= 'abc'", "lead", "for i, condition in ipairs(last) do",
    "for i, condition in ipairs { last[1] } do" },
  { "v.a >= 'b'", "field", '(%s(data, %s, %s) COLLATE "C")', "(%s(data, %s, %s))" },
  { "v.a.b == nil", "condition", 'leads.points { "m", "u" }', 'leads.points { "u" }' },
  { "v.a == null", "condition", "nil, leads.points { letter })", 'nil, leads.points { "f" })' },
}

describe("what PostgreSQL finds for a predicate", function()
  local raw, texts

  setup(function()
    raw = open "grid"
    raw.store:createIndex "somewhere" -- makes the function of indexes
    local all = documents.documents()
    for from = 1, #all, 500 do
      local rows = {}
      for i = from, math.min(from + 499, #all) do rows[#rows + 1] = ("('r%d', $a$%s$a$)"):format(i, all[i]) end
      server:psql("INSERT INTO persist_grid (entity_id, data) VALUES " .. table.concat(rows, ","), "sorted")
    end
    texts = found.texts(raw)
  end)

  it("has all that is not surely refused, of each kind in each place", function()
    local counts, list, draw = newCounts(), expressions.expressions(documents.CONSTANTS, documents.ORDERED),
      draws.fresh(seed)
    for _, more in ipairs {
      "v.a[1] == 5", "v.a[1][2] == 'abc'", "v.a[2] == nil", "v['1'] == nil", "v.a['1'] == nil", "v.a:match('^é')",
      "v.a:match('^abcé')", "v.a:sub(1, 101) == k101", "v[1].a == 5",
    } do
      list[#list + 1] = more
    end
    local sqlOf = require "holdfast.backends.postgres.condition".sql
    for _ = 1, 60 * rounds do list[#list + 1] = expressions.combined(draw, list) end
    for _, expression in ipairs(list) do
      local problem = problemOf(raw, texts, expression, counts, sqlOf)
      assert(not problem, problem)
    end
    assert(counts.left > counts.refused * 0.9, counts.left .. " of " .. counts.refused .. " are left out")
    assert(counts.asked > counts.unasked * 3, counts.unasked .. " are not asked")
    assert(counts.led > counts.asked / 4, counts.led .. " of " .. counts.asked .. " are led by indexes")
  end)

  for number, fault in ipairs(FAULTS) do
    it(("would lack some with the fault %d, which is seen"):format(number), function()
      local sqlOf = faulty(fault[2], fault[3], fault[4])
      assert(problemOf(raw, texts, fault[1], newCounts(), sqlOf), fault[1] .. ": the fault is not seen")
    end)
  end

  it("has all that is not surely refused, of documents and predicates at random", function()
    local counts, last = newCounts(), (seed - 1) * 1000
    local sqlOf = require "holdfast.backends.postgres.condition".sql
    local random = open "random"
    repeat
      last = last + 1
      local each, ids, some = cases.documents(last), {}, {}
      for i = 1, math.min(#each.texts, 80) do
        ids[i], some[i] = "e" .. i, each.texts[i]
      end
      random.store:removeAll()
      core.writeTexts(random.store, ids, some)
      local stored = found.texts(random)
      for number = 1, 30 do
        local case = cases.withPredicate(each, number)
        for _, isIndexed in ipairs { false, true } do
          local problem = found.problem(random, stored, case.text, counts, finder(random, sqlOf, isIndexed, counts))
          assert(not problem, ("seed %d, predicate %d\n%s"):format(last, number, problem or ""))
        end
      end
    until counts.asked >= 300 * rounds
    assert(counts.left > counts.refused / 2, counts.left .. " of " .. counts.refused .. " are left out")
  end)
end)

describe("asking PostgreSQL", function()
  local WAYS = { "filter", "values", "keys", "entries", "count", "first" }

  it("comes to the same answers, errors and order as decoding all, under writes and indexes at random", function()
    collections.add("postgres", url())
    local session, last = indexed.session(WAYS, { "postgres" }), (seed - 1) * 1000
    session.inLua = true
    repeat
      last = last + 1
      local report = indexed.collection(session, last, 15)
      assert(not report, report)
    until session.trials >= 60 * rounds
    judge.close(session)
    assert(session.used > session.trials / 20, session.used .. " of " .. session.trials .. " were led by an index")
    assert(session.made > 10 and session.undone > 10, ("%d indexes made, %d transactions undone"):format(session.made,
      session.undone))
  end)
end)
