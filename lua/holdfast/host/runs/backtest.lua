-- SPDX-License-Identifier: MIT
--
-- Backtests: the same strategies over the candles of a frame, as fast as they go.
--
-- Signals live in memory only.  Risk slots and levels go to their adapters, as in the framework, but under the name
-- "backtest/FRAME/NAME" of the profile or symbol, so that no backtest takes a slot from a live position; they are
-- written now and then, since nobody takes up a backtest that was killed, and cleared in the end.  Trades are written
-- in the end, in the place of those of the last backtest of the same strategy, symbol and frame.

local adapters = require "holdfast.adapters"
local books = require "holdfast.host.runs.book"
local calendar = require "holdfast.host.calendar"
local calls = require "holdfast.host.scheduler.call"
local candles = require "holdfast.host.market.candles"
local commits = require "holdfast.host.state.commit"
local config = require "holdfast.host.config"
local contexts = require "holdfast.host.scheduler.context"
local core = require "holdfast.core"
local loop = require "holdfast.host.scheduler.loop"
local outbox = require "holdfast.host.state.outbox"
local prices = require "holdfast.host.market.prices"
local report = require "holdfast.host.report"
local risk = require "holdfast.host.state.risk"
local Run = require "holdfast.host.runs.base"
local Series = require "holdfast.host.runs.series"
local signal = require "holdfast.host.state.signal"
local trades = require "holdfast.host.state.trades"
local watchdog = require "holdfast.host.scheduler.watchdog"

local M = {}

local MINUTE = 60000
local CHECKPOINT = 1000 -- minutes after which progress is reported, and adapters are written

---@class holdfast.host.BacktestRun: holdfast.host.Run
local BacktestRun = setmetatable({}, { __index = Run })
BacktestRun.__index = BacktestRun

-- Changes the place of the run to a tick.
function BacktestRun:moveTo(time)
  self.time = time
  self.index = (time - self.series.from) / MINUTE + 1 -- of the candle that begins then
  self.context.when = time
end

-- Ends the frame where the candles end, and says so.  The one after the frame need not be there.
function BacktestRun:reportEnd()
  local last = self.series.from + (self.series.count - 1) * MINUTE
  if self.ended or last >= self.stop then return end
  self.ended = true
  local message = "exchange '%s' has no candles of %s after %s: the backtest ends there, and not at %s"
  self:report(core.error("not_found", message:format(self.exchange.exchangeName, self.symbol, calendar.date(last),
    calendar.date(self.stop))), "getCandles")
  self.stop = last
end

-- Changes it to the first tick at or after a time: those of a frame are its interval apart.
function BacktestRun:moveToTick(time)
  self:moveTo(self.start + math.ceil((time - self.start) / self.tick) * self.tick)
end

-- The price that is known at a tick, or nil where history has ended.
function BacktestRun:price()
  if self.priceTime ~= self.time then
    if not self.series:load(self.index - 1) then return self:reportEnd() end
    self.priceTime, self.priceNow = self.time, self.series:average(self.index - 1)
  end
  return self.priceNow
end

-- An event for the iterator, once it was delivered to everybody else.
function BacktestRun:push(event)
  self:deliver(event)
  if event.action ~= "partial" then self.queue[#self.queue + 1] = event end
end

-- Under which what belongs to a risk profile or symbol is stored.
function BacktestRun:keyOf(name) return "backtest/" .. self.frame.frameName .. "/" .. name end

-- Opens a signal, if its risk profiles agree.
---@return boolean opened
function BacktestRun:open(row, price)
  local taken = {}
  for _, name in ipairs(self.strategy.risks) do
    local key, payload = self:keyOf(name), self:riskPayload(name, row, price, row.pendingAt)
    local reason, fault, slots, count = risk.take(self.book, name, key, row, payload)
    self:tellRisk(name, { payload = payload, reason = reason, fault = fault, slots = slots, count = count })
    if reason then
      for _, other in ipairs(taken) do risk.settle(self.book, other, row.strategyName, row.symbol, nil) end
      return false
    end
    taken[#taken + 1] = key
  end
  self.row, self.waiting = row, nil
  self.entry = outbox.with(outbox.new(row.strategyName, row.exchangeName, self.symbol),
    { id = row.id, stage = "opened", at = row.pendingAt, askedAt = row.scheduledAt })
  self:push(self:openedEvent(row))
  return true
end

-- Keeps the trade of an end, and tells of it.  Nobody else has the row any more.
function BacktestRun:finishSignal(event, row)
  local list = self.book.trades
  list[#list + 1] = trades.of(event, self.strategy.risks, row)
  self:push(event)
end

function BacktestRun:close(reason, price, time)
  local row = self.row
  self.row = nil
  for _, name in ipairs(self.strategy.risks) do
    risk.settle(self.book, self:keyOf(name), row.strategyName, row.symbol, nil)
  end
  self.entry = outbox.with(self.entry, { stage = "closed", at = time })
  self:finishSignal(self:closedEvent(row, reason, price, time), row)
  self:moveToTick(time + MINUTE)
end

function BacktestRun:cancel(reason, price, time)
  local row = self.waiting
  self.waiting = nil
  self:finishSignal(self:cancelledEvent(row, reason, price, time), row)
  self:moveToTick(time + MINUTE)
end

-- Goes on with an open signal, candle by candle, until something happens.
function BacktestRun:followOpen()
  local series, row = self.series, self.row
  local long, takeProfit, stopLoss = row.position == "long", row.priceTakeProfit, row.priceStopLoss
  local last = row.pendingAt + row.minuteEstimatedTime * MINUTE
  local stop, time, index = self.stop, self.time, self.index
  local pause = self.start + (self.reported + CHECKPOINT) * MINUTE
  local high, low = series.high, series.low
  -- Beyond these prices a level may be reached that was not reported.
  local above, below = self:nextLevels()
  while true do
    if index > series.count and not series:load(index) then
      self:reportEnd()
      return self:close("time_expired", series:average(series.count), time - MINUTE)
    end
    local average = series:average(index)
    if time >= last or time > stop then return self:close("time_expired", average, time) end
    if long and low[index] <= stopLoss or not long and high[index] >= stopLoss then
      return self:close("stop_loss", stopLoss, time)
    end
    if long and average >= takeProfit or not long and average <= takeProfit then
      return self:close("take_profit", takeProfit, time)
    end
    if average >= above or average <= below then
      self:moveTo(time)
      self:reach(average)
      above, below = self:nextLevels()
    end
    time, index = time + MINUTE, index + 1
    if time >= pause then return self:moveTo(time) end -- to report how far it is: a signal may be open for very long
  end
end

-- The nearest prices on both sides of the opening price whose levels were not reported.
function BacktestRun:nextLevels()
  local row, entry = self.row, self.entry
  local sign = row.position == "long" and 1 or -1
  local function price(target, levels)
    local level = #levels * 10 + 10
    if level > 100 then return sign * (target - row.priceOpen) > 0 and sign * math.huge or -sign * math.huge end
    -- A little nearer, so that rounding hides none: reached() decides.
    return row.priceOpen + (target - row.priceOpen) * (level - 1e-6) / 100
  end
  local profit, loss = price(row.priceTakeProfit, entry.profitLevels), price(row.priceStopLoss, entry.lossLevels)
  return math.max(profit, loss), math.min(profit, loss)
end

function BacktestRun:reach(average)
  local list, profitLevels, lossLevels = self:reached(self.row, self.entry, average, self.time)
  if not list then return end
  self.entry = outbox.with(self.entry, { at = self.time, profitLevels = profitLevels, lossLevels = lossLevels })
  for _, event in ipairs(list) do self:push(event) end
end

-- Goes on with a scheduled signal.
function BacktestRun:await()
  local series, row = self.series, self.waiting
  local long = row.position == "long"
  local till = row.scheduledAt + config.values.CC_SCHEDULE_AWAIT_MINUTES * MINUTE
  local time, index = self.time, self.index
  while true do
    if index > series.count and not series:load(index) then
      self:reportEnd()
      return self:cancel("timeout", series:average(series.count), time - MINUTE)
    end
    if time >= till or time > self.stop then return self:cancel("timeout", series:average(index), time) end
    local low, high = series.low[index], series.high[index]
    if long and low <= row.priceStopLoss or not long and high >= row.priceStopLoss then
      return self:cancel("price_reject", series:average(index), time)
    end
    if long and low <= row.priceOpen or not long and high >= row.priceOpen then
      local opened = signal.copy(row)
      opened.pendingAt = time
      self:moveTo(time)
      if not self:open(opened, row.priceOpen) then return self:cancel("risk", series:average(index), time) end
      return self:moveTo(time + MINUTE)
    end
    time, index = time + MINUTE, index + 1
  end
end

-- Asks for a signal, where an interval has begun; then goes to the next tick.
function BacktestRun:ask()
  local interval, onTick = self.interval, self.strategy.callbacks.onTick or self.strategy.callbacks.onIdle
  local slot = math.floor(self.time / interval)
  if slot > self.askedSlot then
    local price = self:price()
    if not price then return true end
    if not self.series:load(self.index) then -- nothing can open where there is no candle
      self:reportEnd()
      return true
    end
    self.askedSlot = slot
    local row = self:signalOf(price, self.time, nil,
      xpcall(self.strategy.getSignal, core.traceback, self.symbol, self.time, price))
    if row and row.pendingAt == 0 then
      if self:mayOpen(self.book, function(name) return self:keyOf(name) end, row, price) then
        self.waiting = row
        return self:push(self:scheduledEvent(row))
      end
    elseif row and self:open(row, price) then
      return
    end
  end
  if onTick then
    local price = self:price()
    if not price then return true end
    self:tellTick("idle", nil, price, self.time)
    return self:moveToTick(self.time + MINUTE)
  end
  self:moveToTick(math.max(self.time + MINUTE, (math.floor(self.time / interval) + 1) * interval))
end

-- Goes on until there is an event or the frame ends.
---@return table? event
function BacktestRun:step()
  while not self.queue[1] and not self.stopping do
    if self.row then
      self:followOpen()
    elseif self.waiting then
      self:await()
    elseif self.time > self.stop or self:ask() then
      return
    end
    local done = math.min(math.floor((self.time - self.start) / MINUTE), self.total)
    if done - self.reported >= CHECKPOINT then self:progress(done) end
  end
  return table.remove(self.queue, 1)
end

-- Reports how far it is, and writes what belongs to the adapters.
function BacktestRun:progress(done)
  self.reported = done
  self:save(false)
  self:emit("progress",
    self:identity { processedFrames = done, totalFrames = self.total, progress = done / self.total })
  if self.pause then self.pause() end
end

function BacktestRun:save(clear)
  self.book.flush(clear)
  if self.entry and (clear or self.entry ~= self.saved) then
    self.saved = self.entry
    local key, entry = self:keyOf(self.symbol), self.entry
    commits.run { {
      adapter = "PersistPartialAdapter", shared = key,
      run = function()
        if clear then adapters.PersistPartialAdapter.writePartialData(nil, key) else outbox.write(key, { entry }) end
      end,
    } }
  end
end

-- Stores the trades of a backtest that has come to its end.  What a store of them cannot keep is in the events all the
-- same.
function BacktestRun:saveTrades()
  local ok, raised = pcall(trades.replace, self.book.trades, self.strategy.strategyName, self.symbol,
    self.frame.frameName)
  if not ok then self:report(raised, "PersistTradeAdapter") end
end

-- What remains to be done when it has ended or was given up.
function BacktestRun:finish()
  if not self.hold then return end
  self.hold()
  self.hold = nil
end

local function open(what, symbol, given)
  local run = setmetatable({ queue = {}, askedSlot = -1, reported = 0 }, BacktestRun)
  Run.init(run, what, symbol, given, true)
  local frame = run.frame
  run.start, run.tick = frame.startDate, calendar.intervals[frame.interval]
  run.stop = run.start + math.floor((frame.endDate - run.start) / run.tick) * run.tick
  run.total = (run.stop - run.start) / MINUTE + 1
  run.interval = calendar.intervals[run.strategy.interval]
  local window = config.values.CC_AVG_PRICE_CANDLES_COUNT
  run.series = Series.new(run.exchange, symbol, run.start - window * MINUTE, run.stop + MINUTE, window)
  run:moveTo(run.start)
  local context = run.context
  function context.average(other)
    if other == symbol then return run:price() end
    local list = prices.last(run.exchange, other, "1m", window, run.time, "getAveragePrice")
    return candles.average(list, 1, #list)
  end
  function context.candles(other, interval, count)
    return prices.last(run.exchange, other, interval, count, run.time, "getCandles")
  end
  if loop.count() == 0 then -- a live run wants the opposite
    watchdog.compiled(run.strategy.getSignal)
    watchdog.compiled(run.exchange.getCandles)
  end
  commits.forget()
  run.hold = adapters.hold(("%s %s %s"):format(what, symbol, run.strategy.strategyName))
  run.book = books.new()
  -- A loop that is left early says nothing: the collector does.
  run.sentinel = newproxy(true)
  getmetatable(run.sentinel).__gc = function() run:finish() end
  local loaded, first = pcall(calls.run, run.series.load, nil, run.series, window)
  if not loaded then
    run:finish()
    error(first, 0)
  end
  if not first then
    run:finish()
    local message = "%s: exchange '%s' has not the %d candles of %s that are needed from %s on, before the frame "
      .. "begins: begin it later, or have getCandles give older ones"
    error(core.error("invalid_value", message:format(what, run.exchange.exchangeName, window, symbol,
      calendar.date(run.series.from))), 0)
  end
  return run
end

-- The next event, in the run's context; finishes the run at its end and when it fails.
local function advance(run)
  if not run.hold then return end
  local before = contexts.set(run.context)
  local ok, event = xpcall(calls.run, core.traceback, run.step, run.context, run)
  if ok and not event then
    ok, event = xpcall(function()
      if not run.stopping then run:progress((run.stop - run.start) / MINUTE + 1) end
      run:save(true)
      if not run.stopping then run:saveTrades() end
    end, core.traceback)
    if ok then event = nil end
  end
  if not ok then pcall(run.save, run, true) end -- what it raised matters more than what is left of it
  contexts.set(before)
  if not ok or not event then run:finish() end
  if not ok then error(event, 0) end
  return event
end

--- Runs a strategy over the candles of a frame; iterates its events: scheduled, opened, closed, cancelled.
---@param symbol string
---@param options { strategyName: string, exchangeName: string, frameName: string }
---@return fun(): table?
---@raise invalid_argument; invalid_value: candles that cannot be; script: getCandles raised
function M.run(symbol, options)
  local run = open("Backtest.run", symbol, options)
  return function()
    local event = advance(run)
    if not event and not run.over then
      run.over = true
      run:tellDone()
    end
    return event
  end
end

--- The same in the background; listenSignalBacktest gets the events, listenDone the end.
---@param symbol string
---@param options { strategyName: string, exchangeName: string, frameName: string }
---@return fun() stop  ends it before its time
---@raise invalid_argument, invalid_value
function M.background(symbol, options)
  local run = open("Backtest.background", symbol, options)
  function run.pause() loop.sleep(0) end
  loop.spawn(function()
    local ok, raised = xpcall(function()
      while not run.stopping and advance(run) do end -- luacheck: ignore 542
      if run.hold then run:save(true) end -- it was stopped between two events
    end, core.traceback)
    if not ok then run:report(raised, "Backtest.background") end
    run:finish()
    run:tellDone()
  end)
  return function() run.stopping = true end
end

--- Runs it to the end and gives the report.
---@param symbol string
---@param options { strategyName: string, exchangeName: string, frameName: string }
---@return holdfast.host.Report
---@raise as Backtest.run
function M.report(symbol, options)
  local run, list = open("Backtest.report", symbol, options), {}
  for event in function() return advance(run) end do list[#list + 1] = event end
  run:tellDone()
  local series, window = run.series, run.series.window
  local shown = series:shown(window + 1, math.min(series.count, run.total + window))
  return report.new {
    symbol = symbol, strategyName = options.strategyName, exchangeName = options.exchangeName,
    frameName = options.frameName, events = list, candles = shown,
  }
end

return M
