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

-- Begins the filter of a find with these ids; returns where the options begin, which are open.
local function beginFind(ids, first, last, ...)
  writer.reset()
  local filter = writer.begin()
  M.putIds(ids, first, last)
  writer.finish(filter)
  local at = writer.begin()
  M.putProjection(...)
  return at
end

--- The entity of an id: {text=, updatedAt=}, or nil.
function M.read(self, id)
  local shared = self.connection
  return shared:run(function()
    local found
    local at = beginFind({ id }, 1, 1, "entityId", "data", "updatedAt")
    writer.number("limit", 2)
    writer.boolean("singleBatch", true)
    writer.finish(at)
    shared:find(self.collection, at, function(data, length)
      parse(data, length)
      if not found or not row.isNumber then found = { text = row.text, updatedAt = row.updatedAt } end
    end)
    return found
  end)
end

--- Whether there is an entity.
function M.exists(self, id)
  local shared = self.connection
  return shared:run(function()
    local found = false
    local at = beginFind({ id }, 1, 1, "entityId")
    writer.number("limit", 1)
    writer.boolean("singleBatch", true)
    writer.finish(at)
    shared:find(self.collection, at, function() found = true end)
    return found
  end)
end

-- Adds the entities of these ids to `found`, and stops when they have too many bytes.  Returns whether it went to the
-- end, and how many bytes there were.
local function fetch(self, ids, first, last, found)
  local isWhole, bytes = true, 0
  local shared = self.connection
  shared:run(function()
    isWhole, bytes = true, 0
    local at, numbers = beginFind(ids, first, last, "entityId", "data"), nil
    writer.number("batchSize", last - first + 1)
    writer.finish(at)
    shared:find(self.collection, at, function(data, length)
      parse(data, length)
      if row.isNumber then
        numbers = numbers or {}
        numbers[row.id] = row.text
      elseif row.id then
        found[row.id] = row.text
      end
      bytes = bytes + length
      isWhole = bytes < BYTES_MAX
      return not isWhole
    end)
    for id, text in pairs(numbers or {}) do found[id] = found[id] or text end
  end)
  return isWhole, bytes
end

--- Entities of ids, in pages: calls of the function that is returned give {[id] = text} for the next ids and how far
--- in the list that is; nil at the end.  Pages are as large as memory should hold, by what the last one was.
---@param ids string[]
function M.pages(self, ids)
  local position, wanted = 1, 100
  return function()
    if position > #ids then return nil end
    local last, found, isWhole, bytes
    repeat -- with fewer ids, should their documents be larger than those before
      last, found = math.min(position + wanted - 1, #ids), {}
      isWhole, bytes = fetch(self, ids, position, last, found)
      if not isWhole then wanted = math.ceil((last - position) / 4) end
    until isWhole or last == position
    local count = last - position + 1
    wanted = math.max(1, math.min(ROWS_MAX, 4 * wanted, math.floor(BYTES_MAX / 2 * count / (bytes + 1))))
    position = last + 1
    return found, last
  end
end

--- The entities that exist, of many ids: {[id] = text}.
function M.readMany(self, ids)
  local all = {}
  for page in M.pages(self, ids) do
    for id, text in pairs(page) do all[id] = text end
  end
  return all
end

return M
