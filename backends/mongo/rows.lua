-- SPDX-License-Identifier: MIT
--
-- Documents by their ids.
--
-- Ids that look like numbers: the TypeScript framework takes numbers for ids and stores them as numbers, which MongoDB
-- does not find by their text.  So where an id is the text of a number, both are meant; should there be both, the
-- document with the text counts.

local core = require "holdfast.core"
local reader = require "holdfast.backends.mongo.reader"
local writer = require "holdfast.backends.mongo.writer"

local M = {}

-- Documents that are fetched at a time, and about how many bytes of them.
local ROWS_MAX, BYTES_MAX = 1000, 8 * 1024 * 1024

-- The number whose text the id is, or nil.
local function numberOf(id)
  if not id:find("^[%-%d]") then return nil end
  local number = tonumber(id)
  return number and core.json.encode(number) == id and number or nil
end

--- Adds the ids from `first` to `last` as {entityId: ...} to a filter.  Whether one of them is meant as a number, too.
---@param ids string[]
function M.putIds(ids, first, last)
  local only = first == last and not numberOf(ids[first])
  if only then
    writer.string("entityId", ids[first])
    return false
  end
  local field = writer.document("entityId")
  local list, count, hasNumbers = writer.array("$in"), 0, false
  for i = first, last do
    writer.string(writer.index(count), ids[i])
    count = count + 1
    local number = numberOf(ids[i])
    if number then
      writer.number(writer.index(count), number)
      count, hasNumbers = count + 1, true
    end
  end
  writer.finish(list)
  writer.finish(field)
  return hasNumbers
end

--- Adds {projection: {_id: 0, NAME: 1, ...}} to options.
function M.putProjection(...)
  local projection = writer.document("projection")
  writer.number("_id", 0)
  for i = 1, select("#", ...) do writer.number((select(i, ...)), 1) end
  writer.finish(projection)
end

--- Adds a query of condition.lua to a filter.
---@param query string
function M.putQuery(query) writer.json("$and", "[" .. query .. "]") end

--- Adds the option without which texts might be compared in another way than by their bytes.
function M.putCollation()
  local collation = writer.document("collation")
  writer.string("locale", "simple")
  writer.finish(collation)
end

--- An entityId as an id of ours, or nil; and whether it is stored as a number.
function M.idOf(kind, p)
  local plain = reader.plain(kind, p)
  if kind == 2 then return plain, false end
  if (kind == 1 or kind == 16 or kind == 18) and plain == plain then return core.json.encode(plain), true end
  return nil, false
end

local row = {}

local function takeField(key, kind, p, after)
  if key == "entityId" then
    row.id, row.isNumber = M.idOf(kind, p)
  elseif key == "data" then
    row.text = reader.json(kind, p, after)
  elseif key == "updatedAt" and kind == 9 then
    row.updatedAt = reader.plain(kind, p)
  end
end

-- The fields of a document, in `row`.
local function parse(data, length)
  row.id, row.isNumber, row.text, row.updatedAt = nil, nil, nil, nil
  reader.each(data, length, takeField)
  if row.id and not row.text then
    error(core.error("corrupt", ("what MongoDB has for %s is no entity: it has no field data"):format(row.id)), 0)
  end
end

--- The id and the JSON text of a document; nil: it has no id of ours.
---@return string? id
---@return string? text
function M.entry(data, length)
  parse(data, length)
  return row.id, row.text
end

-- Begins a find with these ids; returns where the options begin, which are open, and whether an id may be a number.
-- With a query, where no id may: of two documents with one id, the one that counts might be the one that does not fit.
local function beginFind(ids, first, last, query)
  writer.reset()
  local filter = writer.begin()
  local hasNumbers = M.putIds(ids, first, last)
  local isAsked = query and not hasNumbers
  if isAsked then M.putQuery(query) end
  writer.finish(filter)
  local at = writer.begin()
  if isAsked then M.putCollation() end
  return at, hasNumbers
end

local one, found = {}, nil

-- Ends a find of one entity.
local function findOne(shared, collection, at, limit, take)
  writer.number("limit", limit)
  writer.boolean("singleBatch", true)
  writer.finish(at)
  shared:find(collection, at, take)
  return found
end

local function takeOne(data, length)
  parse(data, length)
  if not found or not row.isNumber then found = { text = row.text, updatedAt = row.updatedAt } end
end

local function read(shared, collection, id)
  one[1], found = id, nil
  local at, mayBeNumber = beginFind(one, 1, 1)
  M.putProjection("entityId", "data", "updatedAt")
  return findOne(shared, collection, at, mayBeNumber and 2 or 1, takeOne)
end

--- The entity of an id: {text=, updatedAt=}, or nil.
function M.read(self, id) return self.connection:run(read, false, self.collection, id) end

local function takeAny() found = true end

local function exists(shared, collection, id)
  one[1], found = id, false
  local at = beginFind(one, 1, 1)
  M.putProjection("entityId")
  return findOne(shared, collection, at, 1, takeAny)
end

--- Whether there is an entity.
function M.exists(self, id) return self.connection:run(exists, false, self.collection, id) end

local page, numbers, times, pageBytes

local function takeInPage(data, length)
  parse(data, length)
  if row.isNumber then
    numbers[row.id] = row.text
  elseif row.id then
    page[row.id] = row.text
  end
  if row.id and (not row.isNumber or not page[row.id]) then times[row.id] = row.updatedAt end
  pageBytes = pageBytes + length
  return pageBytes >= BYTES_MAX
end

-- The entities of these ids, of those that fit `wanted.query`, and how many bytes they have; at BYTES_MAX it stops, and
-- some may be missing.
local function fetch(shared, collection, wanted, first, last)
  page, numbers, times, pageBytes = {}, {}, {}, 0
  local at = beginFind(wanted.ids, first, last, wanted.query)
  if wanted.withTimes then M.putProjection("entityId", "data", "updatedAt") else M.putProjection("entityId", "data") end
  writer.number("batchSize", last - first + 1)
  writer.finish(at)
  shared:find(collection, at, takeInPage)
  for id, text in pairs(numbers) do page[id] = page[id] or text end
  return page
end

--- Entities of ids, in pages: calls of the function that is returned give {[id] = text} for the next ids, how far
--- in the list that is, and {[id] = time of the last write}; nil at the end.  Pages are as large as memory should hold,
--- by what the last one was.
---@param ids string[]
---@param withTimes? boolean  otherwise there are none
---@param query? string  what does not fit it may be left out
function M.pages(self, ids, withTimes, query)
  local position, wanted, what = 1, 100, { ids = ids, withTimes = withTimes, query = query }
  return function()
    if position > #ids then return nil end
    local last, entities, bytes
    repeat -- with fewer ids, should their documents be larger than those before
      last = math.min(position + wanted - 1, #ids)
      entities = self.connection:run(fetch, false, self.collection, what, position, last)
      bytes = pageBytes
      if bytes >= BYTES_MAX then wanted = math.ceil((last - position) / 4) end
    until bytes < BYTES_MAX or last == position
    local count = last - position + 1
    wanted = math.max(1, math.min(ROWS_MAX, 4 * wanted, math.floor(BYTES_MAX / 2 * count / (bytes + 1))))
    position = last + 1
    return entities, last, times
  end
end

--- The entities that exist, of many ids: {[id] = text}.
function M.readMany(self, ids)
  local all = {}
  for entities in M.pages(self, ids) do
    for id, text in pairs(entities) do all[id] = text end
  end
  return all
end

return M
