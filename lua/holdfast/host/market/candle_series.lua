-- SPDX-License-Identifier: MIT
--
-- The candles of one symbol and interval in a store: an entity for each day, packed (src/candles).  Intervals of an
-- hour and more have so few of them that a day would be mostly its name: there an entity is a month, of "1d" a year.
--
-- An entity is { version=, count=, slots=, first=, last=, candles= }: how many it has and could have, the times of the
-- first and the last, and the packed text.  Its id is SYMBOL/INTERVAL/DAY, such as "BTC/USDT/1m/2024-02-07": whatever
-- slashes the symbol has, the last two parts are ours.
--
-- Writing merges: an entity is read, and written with what came.  In a store with transactions that is one, of all
-- entities that are concerned; elsewhere each is written by itself, under the condition that nobody else has written
-- it, or under a lock of this machine and user where the store has no such conditions.

local calendar = require "holdfast.host.calendar"
local columns = require "holdfast.host.market.candle_columns"
local core = require "holdfast.core"
local hash = require "holdfast.util.hash"

local M = {}

local MINUTE = 60000
local HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
local VERSION = 1
local MOST_TRIES = 5
local LOCK_WAIT_MS = 5000
local FEW = 4 -- entities that are read one by one; more of them in a scan

M.LAST_TIME = 253370764800000 -- ms: the year 9999, where what has an id ends

-- ------------------------------------------------------------------- cutting

local function timeOf(name) return calendar.toTime("candles", name) end

-- The name of the part of time that an entity has, when it begins and when the next one does.
local function cut(step, time)
  if step < HOUR then
    local first = math.floor(time / DAY) * DAY
    return os.date("!%Y-%m-%d", first / 1000), first, first + DAY
  end
  local seconds = math.floor(time / 1000)
  local year, month = tonumber(os.date("!%Y", seconds)), tonumber(os.date("!%m", seconds))
  if step < DAY then
    local nextYear, nextMonth = month == 12 and year + 1 or year, month % 12 + 1
    return ("%04d-%02d"):format(year, month), timeOf(("%04d-%02d-01"):format(year, month)),
      timeOf(("%04d-%02d-01"):format(nextYear, nextMonth))
  end
  return ("%04d"):format(year), timeOf(("%04d-01-01"):format(year)), timeOf(("%04d-01-01"):format(year + 1))
end

-- When the part of time begins that a name is of; nil: it is no such name.
local function beginOf(step, name)
  local date = step < HOUR and name:match("^%d%d%d%d%-%d%d%-%d%d$")
    or step >= HOUR and step < DAY and name:match("^%d%d%d%d%-%d%d$") and name .. "-01"
    or step >= DAY and name:match("^%d%d%d%d$") and name .. "-01-01"
  if not date then return end
  local ok, time = pcall(timeOf, date)
  return ok and time or nil
end

--- What an id says.
---@param id string
---@return string? symbol  nil: it is none of ours
---@return string? interval
---@return number? begin  ms: of the part of time
function M.parse(id)
  local symbol, interval, name = id:match("^(.+)/([^/]+)/([^/]+)$")
  local step = calendar.intervals[interval]
  local begin = step and beginOf(step, name)
  if begin then return symbol, interval, begin end
end

-- -------------------------------------------------------------------- series

---@class holdfast.host.CandleSeries
---@field persist PersistBase
---@field symbol string
---@field interval string
---@field step number  ms
local Series = {}
Series.__index = Series

--- The series of a symbol and an interval, stored or not.
---@param persist PersistBase
---@param symbol string
---@param interval string
---@return holdfast.host.CandleSeries
function M.new(persist, symbol, interval)
  return setmetatable({
    persist = persist, symbol = symbol, interval = interval, step = calendar.intervals[interval],
    prefix = symbol .. "/" .. interval .. "/",
  }, Series)
end

function Series:fail(code, id, message, cause)
  local name = self.persist.entityName
  error(core.error(code, ("Entity %s:%s: %s"):format(name, id, message), { entityName = name, entityId = id,
    cause = cause }), 0)
end

-- Looks at an entity as it was stored.
local function check(self, id, value)
  if type(value) ~= "table" or type(value.candles) ~= "string" or type(value.version) ~= "number" then
    self:fail("corrupt", id, "these are no packed candles")
  end
  if value.version ~= VERSION then
    self:fail("unsupported", id, ("its candles are of version %s: a later Holdfast wrote them"):format(value.version))
  end
  local count = value.count
  if type(count) ~= "number" or count % 1 ~= 0 or count < 1 or count > 65536 then
    self:fail("corrupt", id, "its count makes no sense")
  end
  return value
end

-- What core.candles says of the text of an entity.
local function ask(self, id, fn, ...)
  local ok, a, b, c, d = pcall(fn, ...)
  if ok then return a, b, c, d end
  local err = core.toError(a)
  self:fail(err.code == "unsupported" and "unsupported" or err.code == "no_memory" and "no_memory" or "corrupt", id,
    err.message, a)
end

-- Unpacks an entity, as far as it lies in a range of times, after those that `into` has.
local function unpackInto(self, id, value, begin, from, till, into)
  local step, first, last, count = ask(self, id, core.candles.look, value.candles)
  local _, _, after = cut(self.step, begin)
  if step ~= self.step or count ~= value.count or first < begin or last >= after then
    self:fail("corrupt", id, "its candles are not those that its name and its fields say")
  end
  into.count = into.count + ask(self, id, core.candles.unpack, value.candles, from, till, into.count, into.room,
    into.timestamp, into.open, into.high, into.low, into.close, into.volume)
end

local function isMissing(err) return core.isError(err, "not_found") end

-- The entity of that id, or nil.
local function readOne(self, id)
  local ok, value, revision = pcall(self.persist.readValue, self.persist, id)
  if ok then return check(self, id, value), revision end
  if isMissing(value) then return end
  error(value, 0)
end

--- Iterates the entities that have candles of a range of times: id, entity, when its part of time begins.
---@param from number
---@param till number  not included
---@return fun(): string?, table?, number?
function Series:entities(from, till)
  local persist, step = self.persist, self.step
  from, till = math.max(from, 0), math.min(till, M.LAST_TIME)
  if from >= till then return function() end end
  local range = { from = self.prefix .. cut(step, from), to = self.prefix .. cut(step, till - 1) }
  local nextEntry = persist:entries(range)
  return function()
    while true do
      local id, value = nextEntry()
      if not id then return end
      local symbol, interval, begin = M.parse(id)
      if symbol == self.symbol and interval == self.interval then return id, check(self, id, value), begin end
    end
  end
end

local function manyEntities(self, from, till)
  local list = {}
  for id, value, begin in self:entities(from, till) do list[#list + 1] = { id = id, value = value, begin = begin } end
  return list
end

-- The same where there are few: one by one.
local function fewEntities(self, from, till)
  local list, time = {}, math.max(from, 0)
  till = math.min(till, M.LAST_TIME)
  while time < till do
    local name, begin, after = cut(self.step, time)
    local id = self.prefix .. name
    local value = readOne(self, id)
    if value then list[#list + 1] = { id = id, value = value, begin = begin } end
    time = after
  end
  return list
end

local function isShort(self, from, till)
  return till - from <= FEW * (self.step < HOUR and DAY or self.step < DAY and 28 * DAY or 365 * DAY)
end

--- The candles of a range of times that there are.
---@param from number
---@param till number  not included
---@param into? holdfast.host.Columns  whose memory may be used
---@return holdfast.host.Columns
---@raise corrupt; unsupported: a later version wrote it
function Series:read(from, till, into)
  local list, room = (isShort(self, from, till) and fewEntities or manyEntities)(self, from, till), 0
  for _, each in ipairs(list) do room = room + each.value.count end
  local all = into and into.room >= room and into or columns.new(room)
  all.count = 0
  for _, each in ipairs(list) do unpackInto(self, each.id, each.value, each.begin, from, till, all) end
  return all
end

--- The times of the first and the last candle; nil where there are none.
---@return number? first
---@return number? last
function Series:span()
  local first, last
  for _, reverse in ipairs { false, true } do
    local range = { from = self.prefix .. "0000", to = self.prefix .. "9999-12-31", reverse = reverse }
    for id in self.persist:keys(range) do
      local symbol, interval = M.parse(id)
      if symbol == self.symbol and interval == self.interval then
        local value = readOne(self, id)
        if value then
          local _, from, to = ask(self, id, core.candles.look, value.candles)
          if reverse then last = to else first = from end
          break
        end
      end
    end
  end
  return first, last
end

--- Runs of candles that have no gap between them, in a range of times.
---@param from number
---@param till number  not included
---@return { from: number, till: number }[]
function Series:runs(from, till)
  local list, step = {}, self.step
  local function add(first, count)
    local last, after = list[#list], math.min(first + count * step, till)
    first = math.max(first, math.ceil(from / step) * step)
    if first >= after then return end
    if last and last.till == first then last.till = after else list[#list + 1] = { from = first, till = after } end
  end
  for id, value in self:entities(from, till) do
    local runs = ask(self, id, core.candles.runs, value.candles)
    for i = 1, #runs, 2 do add(runs[i], runs[i + 1]) end
  end
  return list
end

--- Counts an entity in: to what is said of its series (CandleStore:list).  They come in order of time.
---@param row table
---@param id string
---@param value any  as it was stored
function Series:addTo(row, id, value)
  value = check(self, id, value)
  local step, first, last, count = ask(self, id, core.candles.look, value.candles)
  if step ~= self.step then self:fail("corrupt", id, "its candles are of another interval") end
  local between = row.last and (first - row.last) / step - 1 or 0
  local inside = (last - first) / step + 1 - count
  if inside > 0 then row.gaps = row.gaps + #ask(self, id, core.candles.runs, value.candles) / 2 - 1 end
  row.gaps, row.missing = row.gaps + (between > 0 and 1 or 0), row.missing + between + inside
  row.first, row.last = row.first or first, last
  row.count, row.bytes = row.count + count, row.bytes + #value.candles
end

-- ------------------------------------------------------------------- writing

-- Writes those of `new` from element `first` up to `after`, which are of one entity; nothing where it has them.
local function writeOne(self, id, begin, stop, new, first, after)
  local persist, step = self.persist, self.step
  local revision, old, conditions
  if not persist.supports.transaction and persist.supports.revision then
    local ok, entry = pcall(persist.readEntry, persist, id)
    if ok then old, revision = check(self, id, entry.value), entry.revision end
    if not ok and not isMissing(entry) then error(entry, 0) end
    conditions = revision and { ifRevision = revision } or { ifAbsent = not ok or nil }
  else
    old = readOne(self, id)
  end
  local all = new
  if old then
    local before = columns.new(old.count)
    unpackInto(self, id, old, begin, begin, stop, before)
    all = columns.merge(before, new, first, after)
    first, after = 0, all.count
  end
  local text = core.candles.pack(step, first, after - first, all.timestamp, all.open, all.high, all.low, all.close,
    all.volume)
  if old and old.candles == text then return end
  persist:writeValue(id, {
    version = VERSION, count = after - first, slots = (stop - begin) / step, first = all.timestamp[first],
    last = all.timestamp[after - 1], candles = text,
  }, conditions)
end

-- Tries again where another one was faster.
local function again(fn, ...)
  for try = 1, MOST_TRIES do
    local ok, raised = pcall(fn, ...)
    if ok then return end
    if try == MOST_TRIES or not core.isError(raised, "conflict") or not raised.retryable then error(raised, 0) end
  end
end

-- The lock file for writers of a store without transactions and revisions: beside the store where it has a folder.
local function lockOf(persist)
  local directory, identity = core.adapters.placeOf(persist)
  local name = hash.of(persist.entityName) .. ".lock"
  if directory then return directory .. "/.lease/candles/" .. name end
  return core.leaseFolder() .. "/candles~" .. hash.of(identity) .. "/" .. name
end

local function locked(persist, fn, ...)
  local lease = core.lease(lockOf(persist), "a candle store", LOCK_WAIT_MS)
  local ok, raised = pcall(fn, ...)
  lease:release()
  if not ok then error(raised, 0) end
end

local function writeAll(parts, one)
  for _, part in ipairs(parts) do one(writeOne, unpack(part, 1, 7)) end
end

local function direct(fn, ...) return fn(...) end

--- Keeps candles.  One of a time that there is already takes its place.
---@param new holdfast.host.Columns  in order of time, each once, at multiples of the interval
---@raise what the store does, invalid_value
function Series:write(new)
  local parts, first = {}, 0
  while first < new.count do
    local name, begin, stop = cut(self.step, new.timestamp[first])
    local after = new:at(stop)
    parts[#parts + 1] = { self, self.prefix .. name, begin, stop, new, first, after }
    first = after
  end
  local supports = self.persist.supports
  if not parts[1] then return end
  if supports.transaction and not core.inTransaction() then
    again(core.transaction, writeAll, parts, direct)
  elseif supports.transaction or supports.revision then
    writeAll(parts, supports.transaction and direct or again)
  else
    locked(self.persist, writeAll, parts, direct)
  end
end

return M
