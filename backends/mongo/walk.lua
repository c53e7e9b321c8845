-- SPDX-License-Identifier: MIT
--
-- All entities of a name, in natural order.
--
-- The server sorts strings by their bytes, or by a collation, of which none is our natural order for all ids, and it
-- would need an index for each.  So a walk first takes all ids in question, from the unique index alone and in the
-- order of their bytes, some thousands at a time; sorts them here; and then fetches the documents a page of ids
-- at a time.  A walk keeps all its ids in memory, and a page of documents.  Nothing is open on the server meanwhile.

local core = require "holdfast.core"
local reader = require "holdfast.backends.mongo.reader"
local rows = require "holdfast.backends.mongo.rows"
local writer = require "holdfast.backends.mongo.writer"

local M = {}

-- Ids that are listed at a time: each page is an operation with a deadline of its own.
local LIST_PAGE = 50000

local ID_MAX = 250

-- Whether a text is an id of ours.  Other programs may have stored others.
local function isId(text)
  if text == "" or #text > ID_MAX then return false end
  return not text:find("[^ -~]") or (pcall(core.naturalOrder, text, "a"))
end

-- The smallest text, by bytes, that is behind all that begin with the prefix; nil: there is none.
local function behind(prefix)
  while prefix ~= "" do
    local last = prefix:match("[^\128-\191][\128-\191]*$")
    local head, code = prefix:sub(1, -#last - 1), last:byte()
    if #last == 1 then return head .. writer.utf8(code + 1) end
    code = code % 2 ^ (7 - #last)
    for i = 2, #last do code = code * 64 + last:byte(i) % 64 end
    if code == 0xD7FF then code = 0xDFFF end -- there are no characters between the two
    if code < 0x10FFFF then return head .. writer.utf8(code + 1) end
    prefix = head
  end
  return nil
end
M.behind = behind

-- Begins a find of ids with {entityId: {...}} open.
local function beginList()
  writer.reset()
  return writer.begin(), writer.document("entityId")
end

-- Ends the filter and writes options, but for those that `more` adds.
local function endList(filter, field, more)
  writer.finish(field)
  writer.finish(filter)
  local at = writer.begin()
  rows.putProjection("entityId")
  if more then more() end
  writer.finish(at)
  return at
end

local function sorted()
  local sort = writer.document("sort")
  writer.number("entityId", 1)
  writer.finish(sort)
  writer.number("limit", LIST_PAGE)
  writer.number("batchSize", LIST_PAGE)
end

-- The ids that follow `last` by their bytes, added to `ids`.  Returns the last of them and how many were there.
local function listPage(self, prefix, last, ids)
  local shared, before, count, final = self.connection, #ids, nil, nil
  shared:run(function()
    count = 0
    for i = #ids, before + 1, -1 do ids[i] = nil end
    local filter, field = beginList()
    if last then writer.string("$gt", last) else writer.string("$gte", prefix or "") end
    local bound = prefix and behind(prefix)
    if bound then writer.string("$lt", bound) end
    local at = endList(filter, field, sorted)
    shared:find(self.collection, at, function(data, length)
      count = count + 1
      local id = reader.text(data, length, "entityId")
      if id then
        final = id
        if isId(id) then ids[#ids + 1] = id end
      end
    end)
  end)
  return final, count
end

-- The ids that are stored as numbers, of which there are few, if any.
local function listNumbers(self, prefix)
  local ids, shared = {}, self.connection
  shared:run(function()
    ids = {}
    local filter, field = beginList()
    writer.number("$gte", -math.huge)
    local at = endList(filter, field)
    shared:find(self.collection, at, function(data, length)
      reader.each(data, length, function(_, kind, p)
        local id, isNumber = rows.idOf(kind, p)
        if isNumber and (not prefix or id:sub(1, #prefix) == prefix) then ids[#ids + 1] = id end
      end)
    end)
  end)
  return ids
end

-- Adds the ids that are there as numbers only.
local function addNumbers(self, prefix, ids)
  local numbers = listNumbers(self, prefix)
  if #numbers == 0 then return end
  local known = {}
  for _, id in ipairs(ids) do known[id] = true end
  for _, id in ipairs(numbers) do
    if not known[id] then ids[#ids + 1] = id end
    known[id] = true
  end
end

-- Takes out what is before `from` or behind `to`.
local function cut(ids, from, to)
  local kept, less = {}, core.naturalOrder
  for _, id in ipairs(ids) do
    if not (from and less(id, from)) and not (to and less(to, id)) then kept[#kept + 1] = id end
  end
  return kept
end

--- The ids of a range, in order.
---@return string[]
function M.keys(self, range)
  local ids, last, count = {}, nil, nil
  local prefix = range and range.prefix
  repeat
    last, count = listPage(self, prefix, last, ids)
  until count < LIST_PAGE
  addNumbers(self, prefix, ids)
  if range and (range.from or range.to) then ids = cut(ids, range.from, range.to) end
  table.sort(ids, core.naturalOrder)
  if range and range.reverse then
    local n = #ids
    for i = 1, math.floor(n / 2) do ids[i], ids[n + 1 - i] = ids[n + 1 - i], ids[i] end
  end
  return ids
end

--- An iterator of ids and texts.
---@return fun(): string?, string?
function M.entries(self, range)
  local ids = M.keys(self, range)
  local nextPage = rows.pages(self, ids)
  local position, last, page = 0, 0, nil
  return function()
    while true do
      if position == last then
        page, last = nextPage()
        if not page then
          nextPage, last, position = function() end, 0, 0
          return nil
        end
      end
      position = position + 1
      local text = page[ids[position]]
      if text then return ids[position], text end -- nil: it has gone meanwhile
    end
  end
end

--- How many entities there are.
function M.count(self)
  local numbers = listNumbers(self)
  if #numbers > 0 then return #M.keys(self) end
  local shared = self.connection
  return shared:run(function()
    writer.reset()
    local command = writer.begin()
    writer.string("count", self.collection)
    local query = writer.document("query")
    local field = writer.document("entityId")
    writer.string("$gt", "")
    writer.finish(field)
    writer.finish(query)
    writer.finish(command)
    return shared:command("counting " .. self.collection).n
  end)
end

return M
