-- SPDX-License-Identifier: MIT
--
-- Candles kept in a store: what host.candleStore makes.  They are packed (candle_series.lua), come from an exchange
-- (candle_fill.lua) or a CSV file, and are an exchange: host.addExchange { ..., getCandles = store.getCandles }.
--
-- What is not there is never made up.  Between what is kept a missing candle is a gap and an error that says where it
-- ends; after the newest one it is the end of what is known, and the list is shorter, as an exchange gives it.

local PersistBase = require "holdfast.PersistBase"
local calendar = require "holdfast.host.calendar"
local calls = require "holdfast.host.scheduler.call"
local candles = require "holdfast.host.market.candles"
local checks = require "holdfast.host.checks"
local columns = require "holdfast.host.market.candle_columns"
local core = require "holdfast.core"
local fill = require "holdfast.host.market.candle_fill"
local loop = require "holdfast.host.scheduler.loop"
local registry = require "holdfast.host.registry"
local series = require "holdfast.host.market.candle_series"
local wall = require "holdfast.util.clock"

local M = {}

local refuse = checks.refuse
local PIECE = 10000 -- rows of a CSV file that are kept at once

---@class holdfast.host.CandleStore
---@field persist PersistBase  where they are
---@field getCandles fun(symbol: string, interval: string, since: number, limit: number): table[]  as an exchange's
local Store = {}
Store.__index = Store

-- ----------------------------------------------------------------- arguments

local function checkSelf(self, what)
  if getmetatable(self) ~= Store then refuse("candleStore: call %s with a colon: store:%s(...)", what, what) end
end

local function seriesOf(self, what, symbol, interval)
  checks.name(what, "symbol", symbol)
  interval = interval == nil and "1m" or interval
  calendar.checkInterval(what, interval)
  return series.new(self.persist, symbol, interval)
end

-- A time that was given, up or down to the grid; math.huge and 0 are the ends of time.
local function toTime(what, field, time)
  if time == math.huge or time == 0 then return time end
  return calendar.toTime(what .. ": " .. field, time)
end

local function upTo(step, time) return time == math.huge and time or math.ceil(time / step) * step end

-- The first moment of which the candle is not over.  Without libuv there is no clock of the host's.
local function overBy(step)
  local ok, now = pcall(loop.now)
  return math.floor((ok and now or wall.wall()) / step) * step
end

local FILL = { "exchange", "symbol", "interval", "from", "to", "progress" }
local RANGE = { "interval", "from", "to" }

local function checkOptions(what, options, fields)
  if options == nil then return {} end
  if type(options) ~= "table" then refuse("%s: give a table {%s=}, not a %s", what, fields[1], type(options)) end
  checks.fields(what, options, fields)
  return options
end

-- ------------------------------------------------------------------- reading

--- The candles of a range of times, by column: those that there are.
---@param symbol string
---@param from? number|string    the first one; left out: from the beginning
---@param to? number|string      not included; left out: to the end
---@param options? { interval?: string, into?: holdfast.host.Columns }  interval: "1m" if left out; as it is kept, and
--- not made of shorter ones.  into: columns that are no longer needed, whose memory is used again where it is enough
---@return holdfast.host.Columns
---@raise invalid_argument; corrupt
function Store:columns(symbol, from, to, options)
  checkSelf(self, "columns")
  options = checkOptions("columns", options, { "interval", "into" })
  local into = options.into
  if into ~= nil and not columns.are(into) then refuse("columns: into must be columns, not a %s", type(into)) end
  local of = seriesOf(self, "columns", symbol, options.interval)
  return of:read(toTime("columns", "from", from or 0), toTime("columns", "to", to or math.huge), into)
end

--- The same as a list of tables.
---@param symbol string
---@param from? number|string
---@param to? number|string
---@param options? { interval?: string }
---@return table[]
---@raise invalid_argument; corrupt
function Store:candles(symbol, from, to, options)
  checkSelf(self, "candles")
  return self:columns(symbol, from, to, options):rows()
end

--- The times of the first and the last candle that are kept; nil where there are none.
---@param symbol string
---@param interval? string  "1m" if left out
---@return number? first
---@return number? last
---@raise invalid_argument; corrupt
function Store:span(symbol, interval)
  checkSelf(self, "span")
  return seriesOf(self, "span", symbol, interval):span()
end

--- Where candles are missing: between the first and the last one that are kept, or in a range of times.
---@param symbol string
---@param options? { interval?: string, from?: number|string, to?: number|string }  `to` is not included
---@return { from: number, to: number, count: integer }[]  `to` is not included: the next candle that there is
---@raise invalid_argument; corrupt
function Store:gaps(symbol, options)
  checkSelf(self, "gaps")
  options = checkOptions("gaps", options, RANGE)
  local of = seriesOf(self, "gaps", symbol, options.interval)
  local first, last = of:span()
  local from = options.from and toTime("gaps", "from", options.from) or first
  local to = options.to and toTime("gaps", "to", options.to) or last and last + of.step
  local list = {}
  if not from or not to then return list end
  from, to = upTo(of.step, from), upTo(of.step, to)
  if to == math.huge then refuse "gaps: to: there is no end of time" end
  local function add(at, till)
    if till > at then list[#list + 1] = { from = at, to = till, count = (till - at) / of.step } end
  end
  for _, run in ipairs(of:runs(from, to)) do
    add(from, run.from)
    from = run.till
  end
  add(from, to)
  return list
end

local function isBefore(a, b)
  if a.symbol ~= b.symbol then return core.naturalOrder(a.symbol, b.symbol) end
  return calendar.intervals[a.interval] < calendar.intervals[b.interval]
end

--- What is kept: of each symbol and interval how many candles there are, from when until when, how many are missing
--- between them in how many gaps, and in how many bytes they lie.
---@return { symbol: string, interval: string, first: number, last: number, count: integer, missing: integer,
--- gaps: integer, bytes: integer }[]
---@raise corrupt
function Store:list()
  checkSelf(self, "list")
  local list, byPrefix = {}, {}
  for id, value in self.persist:entries() do
    local symbol, interval = series.parse(id)
    if symbol then
      local prefix = symbol .. "/" .. interval
      local row = byPrefix[prefix]
      if not row then
        row = { symbol = symbol, interval = interval, count = 0, missing = 0, gaps = 0, bytes = 0 }
        byPrefix[prefix], list[#list + 1] = row, row
      end
      series.new(self.persist, symbol, interval):addTo(row, id, value)
    end
  end
  table.sort(list, isBefore)
  return list
end

-- --------------------------------------------------------------- an exchange

-- The intervals that candles of one can be made of, the longest first.
local function sourcesOf(interval)
  local list, step = {}, calendar.intervals[interval]
  for name, length in pairs(calendar.intervals) do
    if step % length == 0 then list[#list + 1] = name end
  end
  table.sort(list, function(a, b) return calendar.intervals[a] > calendar.intervals[b] end)
  return list
end

local sources = {} -- by interval

-- What is kept of the candles from `since` on without a gap, made of shorter ones if need be.
local function unbroken(self, symbol, interval, since, limit, into)
  sources[interval] = sources[interval] or sourcesOf(interval)
  local step = calendar.intervals[interval]
  for _, name in ipairs(sources[interval]) do
    local of = series.new(self.persist, symbol, name)
    local found = of:read(since, since + limit * step, into)
    if name ~= interval then found = found:longer(since, step, step / of.step) end
    if found.count > 0 and found.timestamp[0] == since then
      found.count = found:unbroken(step)
      return found
    end
  end
end

-- By the getCandles of a store: what gives its candles by column.
local byColumn = setmetatable({}, { __mode = "k" })

--- The candles of an exchange by column, where it is a store of them, which spares making tables: the one-minute
--- candles from a time on, without a gap; nil where that one is missing.
---@param getCandles function  of the exchange
---@return (fun(symbol: string, since: number, limit: integer, into?: holdfast.host.Columns): holdfast.host.Columns?)?
function M.columnsOf(getCandles) return byColumn[getCandles] end

-- What is kept that candles of an interval can be made of, the longest first.
local function keptOf(self, symbol, interval)
  local kept = {}
  for _, name in ipairs(sources[interval]) do
    local first, last = series.new(self.persist, symbol, name):span()
    if first then kept[#kept + 1] = { interval = name, first = first, last = last } end
  end
  return kept
end

-- Raises where the candle of `since` is missing, and that is not the end of what is known.
local function explain(self, symbol, interval, since)
  local kept = keptOf(self, symbol, interval)
  local where = ("candles of %s in %s"):format(symbol, tostring(self.persist.url or self.persist.entityName))
  local function fail(message, ...) error(core.error("not_found", where .. ": " .. message:format(...)), 0) end
  if not kept[1] then
    fail("there are none: fill some in with store:fill{symbol=\"%s\", exchange=, from=}", symbol)
  end
  for _, each in ipairs(kept) do
    if since >= each.first and since <= each.last then
      local gap = self:gaps(symbol, { interval = each.interval, from = since })[1]
      if not gap then return end -- the last one is not whole yet
      fail("there is a gap: those from %s to %s (%d of %s) are missing: fill them in, or do not go through it",
        calendar.date(gap.from), calendar.date(gap.to), gap.count, each.interval)
    end
  end
  for _, each in ipairs(kept) do
    if since < each.first then
      fail("they begin at %s (%s), after %s: fill in older ones, or begin later", calendar.date(each.first),
        each.interval, calendar.date(since))
    end
  end
end

local function getCandles(self, symbol, interval, since, limit)
  local of = seriesOf(self, "getCandles", symbol, interval)
  if type(since) ~= "number" or since ~= since or type(limit) ~= "number" or limit ~= limit then
    refuse("getCandles: since and limit must be numbers, not a %s and a %s", type(since), type(limit))
  end
  since = math.max(0, upTo(of.step, since))
  if limit < 1 then return {} end
  local found = unbroken(self, symbol, of.interval, since, math.floor(limit))
  if found then return found:rows() end
  explain(self, symbol, of.interval, since)
  return {}
end

-- ------------------------------------------------------------------- writing

--- Keeps candles.  One of a time that there is already takes its place.
---@param symbol string
---@param list table[]|holdfast.host.Columns  in order of time, each once; some may be missing
---@param interval? string  "1m" if left out
---@return integer count
---@raise invalid_argument; invalid_value: one cannot be, or is not over; readonly, full, ...
function Store:write(symbol, list, interval)
  checkSelf(self, "write")
  local of = seriesOf(self, "write", symbol, interval)
  local who = ("candleStore: write('%s')"):format(symbol)
  local all = list
  if columns.are(list) then list = list:rows() end
  candles.checkList(list, who, of.step)
  if not columns.are(all) then all = columns.of(list) end
  if all.count == 0 then return 0 end
  local last = all.timestamp[all.count - 1]
  if last + of.step > math.min(overBy(of.step), series.LAST_TIME) then
    error(core.error("invalid_value", ("%s: the candle of %s is not over: give it then"):format(who,
      calendar.date(last))), 0)
  end
  of:write(all)
  return all.count
end

--- Fills in what is missing from an exchange.  What has come is kept, whatever ends it: the same call goes on there.
---@param options { exchange: string|table|function, symbol: string, interval?: string, from?: number|string,
--- to?: number|string, progress?: fun(candles: integer, at: number) }  exchange: the name of one that was added, or
--- one, or its getCandles; from: left out, after the newest that is kept; to: not included; left out, now
---@return { candles: integer, requests: integer, missing: integer }  missing: what the exchange has not either
---@raise invalid_argument; what getCandles raises, after it was asked again; invalid_value; readonly, full, ...
function Store:fill(options)
  checkSelf(self, "fill")
  options = checkOptions("fill", options, FILL)
  local of = seriesOf(self, "fill", options.symbol, options.interval)
  local exchange = options.exchange
  if type(exchange) == "function" then exchange = { getCandles = exchange } end
  if type(exchange) ~= "table" then exchange = registry.find("exchange", exchange, "fill") end
  checks.fn("fill", "exchange.getCandles", exchange.getCandles)
  checks.fn("fill", "progress", options.progress, true)
  exchange = { exchangeName = exchange.exchangeName or "?", getCandles = exchange.getCandles }
  local _, last = of:span()
  if options.from == nil and not last then
    refuse("fill: there are no candles of %s yet: say with from= where they are to begin", options.symbol)
  end
  local from = options.from == nil and last or upTo(of.step, toTime("fill", "from", options.from))
  local to = options.to == nil and math.huge or upTo(of.step, toTime("fill", "to", options.to))
  to = math.min(to, overBy(of.step), series.LAST_TIME)
  local result = calls.run(fill.run, nil, of, exchange, from, to, options.progress)
  result.missing = 0
  for _, range in ipairs(fill.missing(of, from, to)) do
    result.missing = result.missing + (range.till - range.from) / of.step
  end
  return result
end

-- Keeps the rows of a CSV file as they come; `job` has the series and how far it is.
local function keepRows(job, path)
  local of, buffer, last = job.series, job.buffer, -1
  local over = math.min(overBy(of.step), series.LAST_TIME)
  for row, number in candles.rows(path) do
    local time = row.timestamp
    local wrong = time <= last and "comes after one of the same time or a later one: sort the file"
      or (time < 0 or time % of.step ~= 0) and "does not begin at a multiple of " .. of.interval
    if wrong then
      local message = ("%s:%d: the candle of %s %s"):format(path, number, calendar.date(time), wrong)
      error(core.error("invalid_value", message), 0)
    end
    last = time
    if time + of.step > over then
      job.notOver = job.notOver + 1
    else
      buffer:push(row)
    end
    if buffer.count == PIECE then job.keep() end
  end
end

--- Keeps the candles of a CSV file with the columns timestamp,open,high,low,close,volume.  One that is not over by now
--- is left out.
---@param path string
---@param options { symbol: string, interval?: string }
---@return { candles: integer, notOver: integer }
---@raise invalid_argument; io; invalid_value with the line: what stands before it is kept
function Store:readCsv(path, options)
  checkSelf(self, "readCsv")
  options = checkOptions("readCsv", options, { "symbol", "interval" })
  local of, buffer = seriesOf(self, "readCsv", options.symbol, options.interval), columns.new(PIECE)
  local job = { series = of, buffer = buffer, candles = 0, notOver = 0 }
  function job.keep()
    of:write(buffer)
    job.candles, buffer.count = job.candles + buffer.count, 0
  end
  local ok, raised = pcall(keepRows, job, path)
  job.keep()
  if not ok then error(raised, 0) end
  return { candles = job.candles, notOver = job.notOver }
end

--- Closes the store.
function Store:close()
  checkSelf(self, "close")
  self.persist:close()
end

-- ------------------------------------------------------------------ creation

-- The collection that is asked for.
local function open(given)
  if type(given) == "string" then return PersistBase("candles", given) end
  if type(given) ~= "table" then
    refuse("candleStore: give the URL of a store, or a table {url=}, not a %s", type(given))
  end
  if type(given.readValue) == "function" then return given end
  local options = {}
  for name, value in pairs(given) do options[name] = value end
  options.url, options.entityName = nil, nil
  if type(given.url) ~= "string" then
    refuse("candleStore: url must be the URL of a store, not a %s", type(given.url))
  end
  return PersistBase(given.entityName or "candles", given.url, next(options) and options or nil)
end

--- Opens the candles of a store.
---@param given string|PersistBase|{ url: string, entityName?: string }  a URL; with other options of a store; or a
--- collection
---@return holdfast.host.CandleStore
---@raise invalid_argument
function M.new(given)
  local store = setmetatable({ persist = open(given) }, Store)
  local function getCandlesOf(...) return getCandles(store, ...) end
  store.getCandles = getCandlesOf
  byColumn[getCandlesOf] = function(symbol, since, limit, into)
    return unbroken(store, symbol, "1m", since, limit, into)
  end
  return store
end

return M
