-- SPDX-License-Identifier: MIT
--
-- Filling a series from an exchange: what is missing is asked for, in requests as the host makes them, and kept as it
-- comes, so that whoever ends or kills it loses the last requests and begins again after what was kept.
--
-- What the exchange has not, stays a gap, which the next time is asked for again.  A minute that is not over is never
-- kept.  The newest candle that is kept is asked for once more with those after it: where this machine's clock was
-- ahead, it was kept before it was over.

local candles = require "holdfast.host.market.candles"
local columns = require "holdfast.host.market.candle_columns"
local config = require "holdfast.host.config"
local core = require "holdfast.core"
local loop = require "holdfast.host.scheduler.loop"

local M = {}

local KEEP = 10000 -- candles that are kept at once: a week of minutes

-- Asks again where that fails, as often as live mode does.
local function request(exchange, series, from, limit)
  local who = candles.describe(exchange, series.symbol, series.interval, from, limit)
  local tries = config.values.CC_GET_CANDLES_RETRY_COUNT
  for try = 0, tries do
    local ok, list = pcall(candles.ask, exchange, who, series.symbol, series.interval, from, limit)
    if ok then return list, who end
    if try == tries then error(list, 0) end
    local slept, why = pcall(loop.sleep, config.values.CC_GET_CANDLES_RETRY_DELAY_MS)
    if not slept then error(core.isError(why, "unavailable") and list or why, 0) end -- without libuv: at once
  end
end

-- Takes the candles of [from, till) out of what an exchange gave into `buffer`; returns where to go on.
local function take(list, who, series, from, till, buffer)
  local step, after = series.step, from
  candles.checkList(list, who, step)
  for i = 1, #list do
    local time = list[i].timestamp
    if time >= till then return after > from and after or time end -- it has none before that one
    if time >= from then
      buffer:push(list[i])
      after = time + step
    end
  end
  return after > from and after or till
end

-- Fills one range.
local function fillRange(job, range)
  local series, buffer, step = job.series, job.buffer, job.series.step
  local from = range.from
  while from < range.till do
    local most = math.min(config.values.CC_MAX_CANDLES_PER_REQUEST, buffer.room - buffer.count)
    local till = math.min(range.till, from + most * step)
    local list, who = request(job.exchange, series, from, (till - from) / step)
    job.requests = job.requests + 1
    local before = buffer.count
    from = take(list, who, series, from, till, buffer)
    job.candles = job.candles + buffer.count - before
    if buffer.count + config.values.CC_MAX_CANDLES_PER_REQUEST > buffer.room then job.keep() end
    if job.progress then job.progress(job.candles, from) end
  end
end

--- What of a range of times is not kept.
---@param series holdfast.host.CandleSeries
---@param from number  ms, a multiple of the interval
---@param till number  ms, not included
---@return { from: number, till: number }[]
function M.missing(series, from, till)
  local list, at = {}, from
  for _, run in ipairs(series:runs(from, till)) do
    if run.from > at then list[#list + 1] = { from = at, till = run.from } end
    at = run.till
  end
  if at < till then list[#list + 1] = { from = at, till = till } end
  return list
end

-- What is to be asked for: what is missing, and the newest candle that is kept before what comes after it.
local function wanted(series, from, till)
  local list = M.missing(series, from, till)
  local after, _, newest = list[#list], series:span()
  if after and newest and after.from == newest + series.step and after.from > from then after.from = newest end
  return list
end

--- Fills a series.
---@param series holdfast.host.CandleSeries
---@param exchange { exchangeName: string, getCandles: function }
---@param from number  ms, a multiple of the interval
---@param till number  ms, not included; over by now
---@param progress? fun(candles: integer, at: number)  called after each request
---@return { candles: integer, requests: integer }
---@raise what getCandles raises at last, invalid_value, and what the store does; what came before is kept
function M.run(series, exchange, from, till, progress)
  local job = { series = series, exchange = exchange, progress = progress, candles = 0, requests = 0 }
  job.buffer = columns.new(math.max(KEEP, config.values.CC_MAX_CANDLES_PER_REQUEST))
  function job.keep()
    series:write(job.buffer)
    job.buffer.count = 0
  end
  local ok, raised = pcall(function()
    for _, range in ipairs(wanted(series, from, till)) do
      fillRange(job, range)
      if job.buffer.count > 0 then job.keep() end
    end
  end)
  if not ok then
    if job.buffer.count > 0 then job.keep() end
    error(raised, 0)
  end
  return { candles = job.candles, requests = job.requests }
end

return M
