-- SPDX-License-Identifier: MIT
--
-- All entities of a name, in natural order.
--
-- The server sorts strings by their bytes, or by a collation, of which none is our natural order for all ids, and it
-- would need an index for each.  So a scan first takes all ids in question, from the unique index alone and in the
-- order of their bytes, some thousands at a time; sorts them here; and then fetches the documents a page of ids
-- at a time.  A scan keeps all its ids in memory, and a page of documents.  Nothing is open on the server meanwhile.
--
-- Where something is asked (condition.lua), the server is first asked for the ids of what fits, by whatever index it
-- likes; if these are not too many and come in time, only they are fetched.  Otherwise all ids are taken, as ever, and
-- the question goes along with each page of documents: so no operation has more to look at than it has without one.

local condition = require "holdfast.backends.mongo.condition"
local core = require "holdfast.core"
local reader = require "holdfast.backends.mongo.reader"
local rows = require "holdfast.backends.mongo.rows"
local writer = require "holdfast.backends.mongo.writer"
local clock = require "holdfast.util.clock"

local M = {}

--- Ids that are listed at a time: each page is an operation with a deadline of its own.  Tests have fewer.
M.listPage = 50000

local ID_MAX = 250

-- Of an operation's time, how much the server has to find what fits; for how many seconds one that took longer is not
-- asked again.
local SEARCH_SHARE, PATIENCE = 0.2, 60

-- Whether a text is an id of ours.  Other programs may have stored others.
local function isId(text)
  if text == "" or #text > ID_MAX then return false end
  return not text:find("[^ -~]") or (pcall(core.naturalOrder, text, "a"))
end

-- The smallest text, by bytes, that comes after all that begin with the prefix; nil: there is none.
local function afterAll(prefix)
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
  writer.number("limit", M.listPage)
  writer.number("batchSize", M.listPage)
end

local listed, count, final

local function takeText(data, length)
  count = count + 1
  local id = reader.text(data, length, "entityId")
  if id then final = id end
  if id and isId(id) then listed[#listed + 1] = id end
end

-- A page of ids that follow `last` by their bytes.
local function listPage(shared, collection, prefix, last)
  listed, count, final = {}, 0, nil
  local filter, field = beginList()
  if last then writer.string("$gt", last) else writer.string("$gte", prefix or "") end
  local bound = prefix and afterAll(prefix)
  if bound then writer.string("$lt", bound) end
  shared:find(collection, endList(filter, field, sorted), takeText)
end

local function takeNumber(_, kind, at)
  local id, isNumber = rows.idOf(kind, at)
  if isNumber then listed[#listed + 1] = id end
end

-- The ids that are stored as numbers, of which there are few, if any.
local function listNumbers(shared, collection)
  listed = {}
  local filter, field = beginList()
  writer.number("$gte", -math.huge)
  shared:find(collection, endList(filter, field), function(data, length) reader.each(data, length, takeNumber) end)
  return listed
end

-- Adds the ids that are there as numbers only.
local function addNumbers(self, prefix, ids)
  local numbers = self.connection:run(listNumbers, false, self.collection)
  if #numbers == 0 then return end
  local known = {}
  for _, id in ipairs(ids) do known[id] = true end
  for _, id in ipairs(numbers) do
    local isWanted = not prefix or id:sub(1, #prefix) == prefix
    if isWanted and not known[id] then ids[#ids + 1] = id end
    known[id] = true
  end
end

-- Takes out what is before `from` or after `to`.
local function cut(ids, from, to)
  local kept, less = {}, core.naturalOrder
  for _, id in ipairs(ids) do
    if not (from and less(id, from)) and not (to and less(to, id)) then kept[#kept + 1] = id end
  end
  return kept
end

-- All ids, or those with a prefix.
local function listAll(self, prefix)
  local ids = {}
  final = nil
  repeat
    self.connection:run(listPage, false, self.collection, prefix, final)
    for _, id in ipairs(listed) do ids[#ids + 1] = id end
  until count < M.listPage
  return ids
end

-- The ids that are texts of what fits a query.  No order: that could be too much for the server to sort.
local function search(shared, collection, prefix, query)
  listed, count, final = {}, 0, nil
  local filter, field = beginList()
  writer.string("$gte", prefix or "")
  local bound = prefix and afterAll(prefix)
  if bound then writer.string("$lt", bound) end
  writer.finish(field)
  rows.putQuery(query)
  writer.finish(filter)
  local at = writer.begin()
  rows.putProjection("entityId")
  rows.putCollation()
  writer.number("limit", M.listPage)
  writer.number("batchSize", M.listPage)
  writer.number("maxTimeMS", math.max(1, math.floor(1000 * SEARCH_SHARE * shared.settings.timeout)))
  writer.finish(at)
  shared:find(collection, at, takeText)
end

-- What means that the server does not answer this question, but may others.
local NO_ANSWER = { io = true, timeout = true, invalid_value = true }

-- The ids of what fits; nil where they are too many, or the server does not say.  Then also whether pages may be asked.
local function listFitting(self, prefix, query)
  if self.searchAgainAt and clock.now() < self.searchAgainAt then return nil, true end
  local ok, raised = pcall(self.connection.run, self.connection, search, false, self.collection, prefix, query)
  if ok and count < M.listPage then return listed end
  if not ok and not (core.isError(raised) and NO_ANSWER[raised.code]) then error(raised, 0) end
  local isLate = not ok and raised.code == "timeout"
  if isLate then self.searchAgainAt = clock.now() + PATIENCE end
  return nil, ok or isLate
end

--- What the server is asked first for a range with a condition: a command of MongoDB's shell.  Nil: nothing of it.
---@param range {where: table, parameters: any[], prefix?: string}
---@return string?
function M.statement(self, range)
  local query = condition.query(range.where, range.parameters)
  if not query then return nil end
  local prefix = range.prefix
  local bound = prefix and afterAll(prefix)
  local ids = ('{"$gte":%s%s}'):format(core.json.encode(prefix or ""),
    bound and ',"$lt":' .. core.json.encode(bound) or "")
  return ('db.getCollection(%s).find({"entityId":%s,"$and":[%s]},{"_id":0,"entityId":1})'):format(
    core.json.encode(self.collection), ids, query) .. '.collation({"locale":"simple"})'
end

--- The ids of what fits a query; nil, and why: the server does not say, or there are too many.  For tests.
---@param query string
---@return string[]? ids
---@return string? why
function M.fitting(self, query)
  local ok, raised = pcall(self.connection.run, self.connection, search, false, self.collection, nil, query)
  if ok and count < M.listPage then return listed end
  return nil, ok and "too many" or tostring(raised)
end

-- The ids of a range, in order; and, where not all of them fit what is asked, the query for it.
local function list(self, range)
  local prefix, query = range and range.prefix, range and range.where and condition.query(range.where, range.parameters)
  local ids, mayAsk
  if query then ids, mayAsk = listFitting(self, prefix, query) end
  local isOfFitting = ids ~= nil
  ids = ids or listAll(self, prefix)
  addNumbers(self, prefix, ids)
  if range and (range.from or range.to) then ids = cut(ids, range.from, range.to) end
  table.sort(ids, core.naturalOrder)
  if range and range.reverse then
    local n = #ids
    for i = 1, math.floor(n / 2) do ids[i], ids[n + 1 - i] = ids[n + 1 - i], ids[i] end
  end
  return ids, not isOfFitting and mayAsk and query or nil
end

--- The ids of a range, in order.
---@return string[]
function M.keys(self, range) return (list(self, range)) end

--- An iterator of ids, texts, no revisions, and, where asked for, the times of the last writes.
---@return fun(): string?, string?, nil, number?
function M.entries(self, range, withTimes)
  local ids, query = list(self, range)
  local nextPage = rows.pages(self, ids, withTimes, query)
  local position, last, page, times = 0, 0, nil, nil
  return function()
    while true do
      if position == last then
        page, last, times = nextPage()
        if not page then
          nextPage, last, position = function() end, 0, 0
          return nil
        end
      end
      position = position + 1
      local id = ids[position]
      if page[id] then return id, page[id], nil, times[id] end -- nil: it has gone meanwhile
    end
  end
end

local function countTexts(shared, collection)
  writer.reset()
  local command = writer.begin()
  writer.string("count", collection)
  local query = writer.document("query")
  local field = writer.document("entityId")
  writer.string("$gt", "")
  writer.finish(field)
  writer.finish(query)
  writer.finish(command)
  return shared:command("counting " .. collection).n
end

--- How many entities there are.
function M.count(self)
  local numbers = self.connection:run(listNumbers, false, self.collection)
  if #numbers > 0 then return #M.keys(self) end -- some of them may be there as texts, too
  return self.connection:run(countTexts, false, self.collection)
end

return M
