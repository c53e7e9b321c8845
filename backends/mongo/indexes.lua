-- SPDX-License-Identifier: MIT
--
-- Indexes over fields of entities.
--
-- For `metadata.symbol` that is an index on `data.metadata.symbol`, by which the server finds what condition.lua asks.
-- Beside it are small ones, nearly always empty, for the documents in which MongoDB sees something else there than
-- scripts do: arrays on the way and Decimal128.  They too have to be found, and without an index for that the server
-- would look at all.  A unique index is one more, only over values that count as such.
--
-- Names begin with ours; an index of another program on the same field serves as well, and is left alone.

local condition = require "holdfast.backends.mongo.condition"
local core = require "holdfast.core"
local queries = require "holdfast.backends.mongo.queries"
local rows = require "holdfast.backends.mongo.rows"
local writer = require "holdfast.backends.mongo.writer"

local M = {}

local OURS, UNIQUE, ODD = "holdfast:", "holdfast-unique:", "holdfast-odd:"

-- Before this version an index refused documents with more than 1024 bytes there, which those for arrays would have.
local LONG_KEYS = { 4, 2 }

-- Of the name of an index, at most: some servers limit it together with those of database and collection.
local NAME_MAX = 60

-- Of documents that may have what a write was refused for, how many are looked at.
local HOLDERS = 20

-- ---- paths

-- The name in brackets that stands at the beginning of a rest, ["any key"] as the core writes it, and how much longer
-- than the name that is.
local function bracketed(rest)
  local text = rest:match '^%["(.-[^\\])"%]' or rest:match '^%["(\\.)"%]' or rest:match '^%["(\\\\)"%]'
  if not text then return nil end
  local name = text:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits)) end):gsub("\\(.)", "%1")
  return name, #text + 4 - #name
end

-- The steps of a path in its shortest spelling; nil where one of them is no name.
local function stepsOf(path)
  local rest, steps = path:find "^v[%.%[]" and path:sub(2) or "." .. path, {}
  while rest ~= "" do
    local name, length = rest:match "^%.([%a_\128-\255][%w_\128-\255]*)", 1
    if not name then name, length = bracketed(rest) end
    if not name then return nil end
    steps[#steps + 1], rest = name, rest:sub(#name + length + 1)
  end
  return steps
end

-- For each path its keys: condition.keys().
local function keysOf(paths)
  local all = {}
  for i, path in ipairs(paths) do
    local steps = stepsOf(path)
    all[i] = steps and condition.keys(steps)
    if not all[i] then
      error(core.error("unsupported", ("MongoDB can have no index over %s: its paths are names with points between, "
        .. "without points, digits alone or $ in front, so places in arrays are not among them"):format(path)), 0)
    end
  end
  return all
end

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true "
  .. "until while"):gmatch "%a+" do KEYWORDS[word] = true end

-- Names that mean something else where they stand first.
local FIRST = { v = true, id = true, null = true, type = true }

-- A path from a key of an index; nil: it is none of an entity's.
local function pathOf(key)
  local names = key:match "^data%.(.+)$"
  if not names then return nil end
  local out, first = {}, nil
  for name in names:gmatch "[^%.]+" do
    local isName = name:find "^[%a_][%w_]*$" and not KEYWORDS[name]
    if not first then first = isName and name or "v" end
    out[#out + 1] = isName and "." .. name or ('["%s"]'):format((name:gsub('["\\]', "\\%0")))
  end
  local path = table.concat(out)
  return FIRST[first] and "v" .. path or path:sub(2)
end

-- ---- what there is

---@class holdfast.mongo.Index
---@field name string
---@field fields string[]   "data.symbol" and others, in order
---@field isUnique boolean
---@field isPartial boolean

-- The keys of a JSON object, in their order, which decoding loses.
local function keysOfObject(text)
  local keys = {}
  local at = 1
  while true do
    local first = text:find('"', at, true)
    if not first then return keys end
    local last = first + 1
    while text:sub(last, last) ~= '"' do last = last + (text:sub(last, last) == "\\" and 2 or 1) end
    keys[#keys + 1] = core.json.decode(text:sub(first, last))
    at = text:find(",", last, true) or #text
  end
end

-- The fields of an index, of whose reply this is the text, and where its key ends there; nil: it has none as ours.
local function fieldsOf(text, from, listed)
  local _, last, object = text:find('"key":(%b{})', from)
  local fields, direction = object and keysOfObject(object) or {}, nil
  for _, field in ipairs(fields) do
    local order = listed.key[field]
    if type(order) ~= "number" or (direction and direction ~= order) then return nil, last end
    direction = order
  end
  return fields[1] and fields, last
end

-- What listIndexes says of one, where it could be one of ours: of no special kind.
local function understood(listed, fields)
  if not fields then return nil end
  if listed.sparse or listed.hidden or listed.collation or listed.expireAfterSeconds then return nil end
  return { name = listed.name, fields = fields, isUnique = listed.unique == true,
    isPartial = listed.partialFilterExpression ~= nil }
end

-- All indexes of a collection that could be ours, and all names of indexes.
local function readAll(shared, collection)
  writer.reset()
  local command = writer.begin()
  writer.string("listIndexes", collection)
  writer.finish(command)
  local reply = shared:command("listing the indexes of " .. collection)
  local found, names = {}, {}
  local text, at = reply.cursor, 1
  for _, listed in ipairs(core.json.decode(text).firstBatch) do
    local fields, last = fieldsOf(text, at, listed)
    at = last and last + 1 or at
    names[listed.name] = true
    found[#found + 1] = understood(listed, fields)
  end
  return found, names
end

local function sameFields(a, b)
  if #a ~= #b then return false end
  for i, field in ipairs(a) do
    if field ~= b[i] then return false end
  end
  return true
end

local function begins(text, prefix) return text:sub(1, #prefix) == prefix end

-- The index over these fields that serves conditions, and the one that keeps them unique, each nil if there is none.
local function find(all, fields)
  local serving, unique
  for _, index in ipairs(all) do
    if sameFields(index.fields, fields) then
      if begins(index.name, UNIQUE) or (index.isUnique and not index.isPartial) then unique = index end
      if not index.isPartial then serving = index end
    end
  end
  return serving, unique
end

-- ---- making

-- The last key of each path.
local function lastKeys(all)
  local fields = {}
  for i, keys in ipairs(all) do fields[i] = keys[#keys] end
  return fields
end

local function nameOf(prefix, fields)
  local parts = {}
  for i, field in ipairs(fields) do parts[i] = field:gsub("^data%.", "") end
  local name = prefix .. table.concat(parts, ",")
  if #name <= NAME_MAX then return name end
  local sum = core.checksum()
  sum:add(table.concat(fields, "\0"))
  return name:sub(1, NAME_MAX - 17) .. "-" .. sum:text()
end

-- Sends createIndexes for one index; `filter`: which documents are in it, as JSON.
local function make(shared, collection, name, keys, filter, isUnique)
  writer.reset()
  local command = writer.begin()
  writer.string("createIndexes", collection)
  local indexes = writer.array("indexes")
  local index = writer.document("0")
  local key = writer.document("key")
  for _, each in ipairs(keys) do writer.number(each[1], each[2]) end
  writer.finish(key)
  writer.string("name", name)
  if isUnique then writer.boolean("unique", true) end
  if filter then writer.json("partialFilterExpression", filter) end
  local collation = writer.document("collation")
  writer.string("locale", "simple")
  writer.finish(collation)
  writer.finish(index)
  writer.finish(indexes)
  writer.finish(command)
  shared:command("making the index " .. name, true)
end

local function inOrder(fields, order)
  local keys = {}
  for i, field in ipairs(fields) do keys[i] = { field, order } end
  return keys
end

-- Which documents a unique index is over: those in which all values count.  The second part is for arrays, whose
-- elements would count: what is in one has no field, and is not null as a missing one is, unless it is an object.  A
-- server takes no $not here.
local function comparable(fields)
  local parts = {}
  for _, field in ipairs(fields) do
    parts[#parts + 1] = queries.json(field) .. ':{"$type":["bool","number","string"]}'
    parts[#parts + 1] = queries.json(field .. ".holdfast") .. ":null"
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function makeServing(shared, collection, fields)
  make(shared, collection, nameOf(OURS, fields), inOrder(fields, 1))
end

local function makeUnique(shared, collection, fields)
  make(shared, collection, nameOf(UNIQUE, fields), inOrder(fields, -1), comparable(fields), true)
end

local function makeOdd(shared, collection, key)
  make(shared, collection, nameOf(ODD, { key }), { { key, 1 }, { "holdfast", 1 } }, condition.isOdd(key).text)
end

local function drop(shared, collection, name)
  writer.reset()
  local command = writer.begin()
  writer.string("dropIndexes", collection)
  writer.string("index", name)
  writer.finish(command)
  shared:command("dropping the index " .. name, true)
end

local function hasLongKeys(shared)
  writer.reset()
  local command = writer.begin()
  writer.number("buildInfo", 1)
  writer.finish(command)
  local major, minor = tostring(shared:command("asking for the version").version):match "^(%d+)%.(%d+)"
  major, minor = tonumber(major) or 0, tonumber(minor) or 0
  return major > LONG_KEYS[1] or (major == LONG_KEYS[1] and minor >= LONG_KEYS[2])
end

local function waits(raised)
  if core.isError(raised, "timeout") then
    raised.message = raised.message .. "; the server goes on building: call createIndex again, which waits once more"
  end
  return raised
end

local function run(self, operation, isWrite, ...)
  local ok, result, more = pcall(self.connection.run, self.connection, operation, isWrite, self.collection, ...)
  if not ok then error(waits(result), 0) end
  return result, more
end

-- The names of all indexes and those that could be ours: run() gives one result.
local function readKnown(self)
  local all, names
  run(self, function(shared, collection) all, names = readAll(shared, collection) end, false)
  return all, names
end

-- Two entities with the same values, as far as they can be found: for an error.
local function twice(shared, collection, fields)
  local group = {}
  for i, field in ipairs(fields) do group[i] = ('"f%d":%s'):format(i, queries.json("$" .. field)) end
  writer.reset()
  local command = writer.begin()
  writer.string("aggregate", collection)
  writer.json("pipeline", ('[{"$match":%s},{"$group":{"_id":{%s},"n":{"$sum":1},"ids":{"$push":"$entityId"}}},'
    .. '{"$match":{"n":{"$gt":1}}},{"$limit":1}]'):format(comparable(fields), table.concat(group, ",")))
  writer.finish(writer.document("cursor"))
  writer.finish(command)
  local reply = shared:command("looking for what is there twice")
  return core.json.decode(reply.cursor).firstBatch[1]
end

local function refuseTwice(self, paths, fields)
  local ok, found = pcall(run, self, twice, false, fields)
  local both = ok and found and ("%s and %s have the same values there"):format(found.ids[1], found.ids[2])
  error(core.error("duplicate", ("no unique index over %s can be made: %s"):format(table.concat(paths, ","),
    both or "two entities have the same values there")), 0)
end

-- Makes an index by one of the functions above, or says why the server can have none.
local function ensure(self, paths, fields, way)
  local ok, raised = pcall(run, self, way, true, fields)
  if ok then return end
  if core.isError(raised, "conflict") then refuseTwice(self, paths, fields) end -- the code of duplicate keys
  if core.isError(raised, "unsupported") then
    error(core.error("unsupported", ("MongoDB can have no index over %s, since an entity has arrays at two of these "
      .. "paths: make one for each path"):format(table.concat(paths, ","))), 0)
  end
  error(raised, 0)
end

--- Makes an index.
---@param paths string[]  in their shortest spelling
---@param options? {unique?: boolean}
function M.create(self, paths, options)
  local wantsUnique = options and options.unique or false
  local all = keysOf(paths)
  local fields = lastKeys(all)
  local known, names = readKnown(self)
  local serving, unique = find(known, fields)
  if serving and wantsUnique ~= (unique ~= nil) then
    error(core.error("conflict", ("the index over %s is there already and is %sunique: drop it first"):format(
      table.concat(paths, ","), unique and "" or "not ")), 0)
  end
  local isNew = wantsUnique and not unique
  if isNew then ensure(self, paths, fields, makeUnique) end
  -- What is asked of the others while they are built is right all the same, only slower; and some servers refuse them.
  local mayHaveOdd = run(self, hasLongKeys, false)
  for _, keys in ipairs(mayHaveOdd and all or {}) do
    for i = 0, #keys do
      if not names[nameOf(ODD, { keys[i] })] then pcall(run, self, makeOdd, true, keys[i]) end
    end
  end
  if serving then return end
  local ok, raised = pcall(ensure, self, paths, fields, makeServing)
  if ok then return end
  if isNew and core.isError(raised, "unsupported") then pcall(run, self, drop, true, nameOf(UNIQUE, fields)) end
  error(raised, 0)
end

-- ---- dropping and listing

-- The small indexes that no index needs any more.
local function unneeded(all)
  local needed, out = {}, {}
  for _, index in ipairs(all) do
    for _, field in ipairs(begins(index.name, ODD) and {} or index.fields) do
      repeat
        needed[nameOf(ODD, { field })] = true
        field = field:match "^(.*)%."
      until not field
    end
  end
  for _, index in ipairs(all) do
    if begins(index.name, ODD) and not needed[index.name] then out[#out + 1] = index.name end
  end
  return out
end

--- Forgets an index.
---@param paths string[]
function M.drop(self, paths)
  local fields = lastKeys(keysOf(paths))
  local serving, unique = find(readKnown(self), fields)
  if not serving and not unique then error(core.error("not_found"), 0) end
  for _, index in ipairs { serving or unique, unique } do
    if not begins(index.name, OURS) and not begins(index.name, UNIQUE) then
      error(core.error("unsupported", ("another program made the index over %s, with the name %s: drop it there")
        :format(table.concat(paths, ","), index.name)), 0)
    end
  end
  if serving then run(self, drop, true, serving.name) end
  if unique and unique ~= serving then run(self, drop, true, unique.name) end
  for _, name in ipairs(unneeded((readKnown(self)))) do pcall(run, self, drop, true, name) end
end

--- The indexes that conditions are served by.
---@return {name: string, paths: string[], unique: boolean, ready: boolean}[]
function M.list(self)
  local all, out = readKnown(self), {}
  for _, index in ipairs(all) do
    local paths = {}
    for i, field in ipairs(index.fields) do paths[i] = pathOf(field) end
    if #paths > 0 and #paths == #index.fields and not index.isPartial then
      local _, unique = find(all, index.fields)
      out[#out + 1] = { name = table.concat(paths, ","), paths = paths, unique = unique ~= nil, ready = true }
    end
  end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

-- ---- refused writes

--- The name of the unique index by which a server refused a write; nil: it is another one.
---@param message string  the server's
---@return string?
function M.refusedBy(message)
  local name = message:match "index: (.-) dup key"
  return name and begins(name, UNIQUE) and name or nil
end

-- What a script sees at a field, where that counts for a unique index; nil elsewhere.
local function plainValue(entity, field)
  local value = entity
  for name in field:gsub("^data%.", ""):gmatch "[^%.]+" do
    if type(value) ~= "table" or core.json.isArray(value) then return nil end
    value = value[name]
  end
  local kind = type(value)
  return (kind == "string" or kind == "number" or kind == "boolean") and value or nil
end

-- An entity's values at the fields; nil where one of them does not count.
local function plainValues(text, fields)
  local entity, values = core.json.decode(text), {}
  for i, field in ipairs(fields) do
    values[i] = plainValue(entity, field)
    if values[i] == nil then return nil end
  end
  return values
end

local function sameValues(a, b)
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- The id of another entity with the same values; nil: none is found, or there they are in an array.
local function holder(shared, collection, fields, id, values)
  local found
  writer.reset()
  local filter = writer.begin()
  for i, field in ipairs(fields) do writer.json(field, '{"$eq":' .. queries.json(values[i]) .. "}") end
  writer.finish(filter)
  local at = writer.begin()
  writer.number("limit", HOLDERS)
  writer.finish(at)
  shared:find(collection, at, function(data, length)
    local other, text = rows.entry(data, length)
    local theirs = other and other ~= id and plainValues(text, fields)
    if theirs and sameValues(values, theirs) then found = other end
    return found ~= nil
  end)
  return found
end

local function pathsOf(fields)
  local paths = {}
  for i, field in ipairs(fields) do paths[i] = pathOf(field) end
  return table.concat(paths, ",")
end

-- What to say of a refusal by the index over these fields.
local function refusal(self, fields, id, text)
  local values = plainValues(text, fields)
  local ok, other = true, nil
  if values then ok, other = pcall(run, self, holder, false, fields, id, values) end
  if ok and not other then
    return "MongoDB counts what is in an array as a value, and this entity or another one has one there"
  end
  return ("%s has the same there already"):format(ok and other or "another entity")
end

--- The error for a write that a unique index refused.
---@param name string  of the index
---@param id string
---@param text string  what was to be written
function M.duplicate(self, name, id, text)
  local paths, says = name:sub(#UNIQUE + 1), "another entity has the same there already"
  local ok, all = pcall(readKnown, self)
  for _, index in ipairs(ok and all or {}) do
    if index.name == name then paths, says = pathsOf(index.fields), refusal(self, index.fields, id, text) end
  end
  local err = core.error("duplicate", ("%s: the index %s is unique, and %s"):format(id, paths, says))
  err.entityId = id
  return err
end

return M
