-- SPDX-License-Identifier: MIT
--
-- Live mode: a strategy on a symbol, minute by minute.
--
-- Time is in whole minutes: a tick is of a minute and sees the candles before it.  A minute that changed something is
-- not lived again, whatever crashes in between.  A tick that fails (no price, a store that is down) is reported; the
-- next one tries again.

local adapters = require "holdfast.adapters"
local calendar = require "holdfast.host.calendar"
local calls = require "holdfast.host.scheduler.call"
local checks = require "holdfast.host.checks"
local commits = require "holdfast.host.state.commit"
local config = require "holdfast.host.config"
local core = require "holdfast.core"
local defaultStore = require "holdfast.host.state.default_store"
local drift = require "holdfast.host.runs.drift"
local events = require "holdfast.host.events"
local hands = require "holdfast.host.runs.hands"
local locks = require "holdfast.host.state.lock"
local loop = require "holdfast.host.scheduler.loop"
local Position = require "holdfast.host.state.position"
local prices = require "holdfast.host.market.prices"
local registry = require "holdfast.host.registry"
local requests = require "holdfast.host.state.requests"
local restore = require "holdfast.host.state.restore"
local retention = require "holdfast.host.state.retention"
local Run = require "holdfast.host.runs.base"
local signal = require "holdfast.host.state.signal"
local statuses = require "holdfast.host.state.status"
local watchdog = require "holdfast.host.scheduler.watchdog"

local M = {}

local MINUTE = 60000

---@class holdfast.host.LiveRun: holdfast.host.Run
---@field position holdfast.host.Position
---@field stopping boolean
---@field number integer  grows from run to run: in this order they live a minute, whatever they did in the one before
---@field task? table
---@field drift holdfast.host.Drift
---@field hands holdfast.host.Hands
---@field status holdfast.host.Status
---@field lates table<string, fun(): holdfast.Error>  what is raised where a function of the user is late, by what it is
local LiveRun = setmetatable({}, { __index = Run })
LiveRun.__index = LiveRun

-- Those that run, by strategy and symbol.
local runs = {}
local launched = 0

-- ------------------------------------------------------------------- ticks

-- Functions of the user may wait, but not for ever.
function LiveRun:try(what, fn, ...)
  local late = self.lates[what]
  if not late then
    late = watchdog.lateOf(function()
      return ("%s of strategy '%s' on %s"):format(what, self.strategy.strategyName, self.symbol)
    end)
    self.lates[what] = late
  end
  return calls.wait(watchdog.ofUser(), late, fn, self.context, ...)
end

function LiveRun:call(what, fn, ...)
  local ok, raised = self:try(what, fn, ...)
  if not ok then self:report(raised, what) end
end

-- The open signal: its time, its prices, what is asked of it, then its levels.  The stop loss is hit where a candle
-- touched it, as in a backtest, and not only where the average price is beyond it: the last candle, and those before
-- it, since a minute may have been left out.
--   called  the minute's tick was before: only what ends it is looked at
function LiveRun:tickOpen(price, when, list, called)
  local position = self.position
  local row = position.row
  if signal.isExpired(row, when) then
    position:close("time_expired", price, when)
    return self.drift:late(row, row.pendingAt + row.minuteEstimatedTime * MINUTE, when)
  end
  for _, candle in ipairs(list) do
    local worst = row.position == "long" and candle.low or candle.high
    if candle.timestamp >= row.pendingAt and signal.isStopped(row, worst) then
      return position:close("stop_loss", row.priceStopLoss, when)
    end
  end
  if signal.isTaken(row, price) then return position:close("take_profit", row.priceTakeProfit, when) end
  if self.hands:take("close", when, price) or called then return end
  local reached, profitLevels, lossLevels = self:reached(row, position.entry, price, when)
  if reached then position:reach(reached, profitLevels, lossLevels, when) end
  self:tellTick("active", row, price, when)
end

-- The scheduled signal.
function LiveRun:await(price, when, called)
  local position = self.position
  local row = position.waiting
  local due = row.scheduledAt + config.values.CC_SCHEDULE_AWAIT_MINUTES * MINUTE
  if when >= due then
    position:cancel("timeout", price, when)
    return self.drift:late(row, due, when)
  end
  if signal.isStopped(row, price) then return position:cancel("price_reject", price, when) end
  if self.hands:take("cancel", when, price) or called then return end
  if self.hands.pause or not signal.isReached(row, price) then return self:tellTick("waiting", row, price, when) end
  local opened = signal.copy(row)
  opened.pendingAt = when
  local _, isPaused = position:open(opened, price)
  if isPaused then self:tellTick("waiting", row, price, when) end
end

-- Nothing is open: asks for a signal, at most once in each interval.
function LiveRun:ask(price, when)
  if self.hands.pause then return self:tellTick("idle", nil, price, when) end
  local position, interval = self.position, calendar.intervals[self.strategy.interval]
  local askedAt = position.entry.askedAt
  if askedAt > when + interval then askedAt = 0 end -- the clock was far ahead then
  if math.floor(when / interval) <= math.floor(askedAt / interval) then
    return self:tellTick("idle", nil, price, when)
  end
  local row = self:signalOf(price, when, position.entry.id,
    self:try("getSignal", self.strategy.getSignal, self.symbol, when, price))
  if self.stopping then return end
  if row then
    local ok, raised = pcall(position.checkId, position, row)
    if not ok then
      if not core.isError(raised, "invalid_value") then error(raised, 0) end
      self:report(raised, "getSignal")
      row = nil
    end
  end
  if row then
    local begin = row.pendingAt > 0 and position.open or position.schedule
    if begin(position, row, price) then return end
  else
    position:asked(when, interval > MINUTE)
  end
  self:tellTick("idle", nil, price, when)
end

-- Tells of what was found at the start.
function LiveRun:tellRestored(price, when)
  local position = self.position
  self.restored = true
  if position.row then
    self:callback("onActive", self.symbol, signal.copy(position.row), price, when, false)
  elseif position.waiting then
    self:callback("onSchedule", self.symbol, signal.copy(position.waiting), price, when, false)
  end
end

-- Looks whether the run is still the only one: its lock file may have been deleted, and another process begun.
function LiveRun:checkLock()
  local ok, raised = pcall(self.lock.check, self.lock)
  if ok then return end
  self.lost = core.isError(raised, "busy")
  error(raised, 0)
end

-- Whether the minute was lived already: a later one was.  Where that was by a clock that was wrong, the run goes on
-- from now, since a stop loss that nobody watches costs more than anything.  It must not take an old minute for now
-- where it is the present clock that is wrong: prices of the past would close what is open.  The exchange knows which.
-- A program that moves the clock itself, to play past minutes for example, knows it better.
function LiveRun:isLate(when)
  local position = self.position
  local lived = position:lived()
  if lived > when + MINUTE and loop.isReal() and prices.areNewest(self.exchange, self.symbol, when) then
    if self.stopping then return true end
    position:resume(when)
    self.drift:resumed(when, lived)
    return false
  end
  self.drift:wait(when, lived)
  return when <= lived
end

-- The price of the minute.  Where there is none, what waits for its price can still be cancelled.
function LiveRun:price(when)
  local ok, price, list = pcall(prices.average, self.exchange, self.symbol, when,
    function() return not self.stopping end)
  if ok then return price, list end
  local waiting = self.position.waiting
  if waiting and not self.stopping and when > self.position:lived() then
    self.hands:take("cancel", when, waiting.priceOpen)
  end
  error(price, 0)
end

-- Lives a minute that was not lived yet.
function LiveRun:live(when, called)
  local position = self.position
  -- Where somebody says at which price it ended, it has, whether there is a price or not.
  local isNew = when > position:lived()
  if isNew and (self.hands:take("close", when) or self.hands:take("cancel", when)) then self.hands:settle(when) end
  local price, list = self:price(when)
  self.status:sees(price)
  if self.stopping then return end
  retention.lookSoon(when, function(raised) self:report(raised, "PersistTradeAdapter") end)
  if not self.restored then self:tellRestored(price, when) end
  if when <= position:lived() then return end
  if position.row then return self:tickOpen(price, when, list, called) end
  if position.waiting then return self:await(price, when, called) end
  if not called then return self:ask(price, when) end
end

--   called  the minute's tick was before, and somebody has asked for something since
function LiveRun:tick(when, called)
  local position = self.position
  self:checkLock()
  if position.stale then restore.position(position, when) end
  if position.blocked then return self.hands:clean(when) end
  if position.tradesStale then restore.trades(position, when) end
  if position.slotsStale then restore.slots(position, when) end
  position.delivery:deliver() -- what was not handed to all, since delivering was cut off
  self.hands:look(when)
  if self:isLate(when) and self.restored then return end
  self:live(when, called)
  if not position.stale then self.hands:settle(when) end
end

-- ------------------------------------------------------------------ running

-- The minute that it is.
local function present() return math.floor(loop.now() / MINUTE) * MINUTE end

-- Ticks, and reports what that raises.
---@return number when  the minute
---@return boolean ok    nothing was raised
function LiveRun:turn(called)
  local when = present()
  self.context.when, self.hands.called = when, false
  self.drift:look()
  self.status:begin()
  local ok, raised = xpcall(self.tick, core.traceback, self, when, called)
  if not ok then self:report(raised, "tick") end
  self.status:done(when, ok)
  return when, ok
end

-- Sleeps until a time.  What somebody in this process asks of the run meanwhile is done at once; where that fails, it
-- is left to the next minute: a listener of errors that asks again for each of them would keep it at it without an end.
function LiveRun:rest(due)
  local heard = self.hands
  heard.waits = false
  while not (self.lost or self.stopping) do
    if heard.waits or not heard.called then
      loop.sleepUntil(due, self.number, function(finish) heard.wake = finish end)
      heard.wake = nil
    end
    if self.stopping or heard.waits or not heard.called or loop.now() >= due then return end
    local _, ok = self:turn(true)
    heard.waits = not ok
  end
end

function LiveRun:loop()
  while not (self.lost or self.stopping) do
    local when, ok = self:turn()
    self:emit("minute", self:identity { timestamp = when, failed = not ok })
    -- The clock may have been put right meanwhile: until its old time, nobody would watch what is open.
    self:rest(math.min(when, present()) + MINUTE)
  end
end

-- Functions of the user that must not stop everybody else for ever.
local function eachFunction(self, fn)
  fn(self.strategy.getSignal)
  fn(self.exchange.getCandles)
  for _, callback in pairs(self.strategy.callbacks) do fn(callback) end
  for _, name in ipairs(self.strategy.risks) do
    local profile = registry.find("risk", name, "live")
    for _, v in ipairs(profile.validations) do fn(type(v) == "table" and v.validate or v) end
    for _, callback in pairs(profile.callbacks) do fn(callback) end
  end
end

function LiveRun:start()
  self.lock = locks.take(self.strategy.strategyName, self.symbol, self.title)
  locks.refuseFollower(self.lock, self.strategy.strategyName, self.symbol)
  local ok, raised = pcall(adapters.hold, self.title)
  if not ok then
    self.lock:release()
    error(raised, 0)
  end
  self.hold = raised
  eachFunction(self, watchdog.interruptible)
  self.status:start(self.lock)
end

-- Ends it: what is durable stays, and can be taken up by whoever runs it next.
function LiveRun:finish()
  self.position.delivery:flush(self.lost)
  self.status:finish(self.lost)
  if self.lock then self.lock:release() end
  if self.hold then self.hold() end
  self.lock, self.hold = nil, nil
  self.hands:finish()
  if runs[self.key] == self then runs[self.key] = nil end
  self:tellDone()
end

function LiveRun:stop()
  self.stopping = true
  if self.hands.wake then self.hands.wake() end
end

-- Refuses names under which nothing can ever be stored; that a store is down is for the first minute to say.
local function checkStorable(what, run)
  local ok, raised = pcall(adapters.PersistSignalAdapter.readSignalData, run.strategy.strategyName, run.symbol)
  if not ok and core.isError(raised, "invalid_argument") then checks.refuse("%s: %s", what, raised.message) end
end

-- Makes a run and starts it.  Nobody else may run the same.
local function launch(what, symbol, given)
  launched = launched + 1
  local run = setmetatable({ stopping = false, number = launched, lates = {} }, LiveRun)
  Run.init(run, what, symbol, given, false)
  run.status = statuses.new(run)
  defaultStore.make() -- before anything reads it, and so makes it
  checkStorable(what, run)
  run.title = ("%s %s %s"):format(what, symbol, run.strategy.strategyName)
  run.key = requests.keyOf(run.strategy.strategyName, symbol)
  local before = runs[run.key]
  if before and not before.stopping then
    error(core.error("busy", ("%s: strategy '%s' runs on %s already: stop it first"):format(what,
      run.strategy.strategyName, symbol), { retryable = false }), 0)
  end
  if not before then
    commits.forget()
    restore.forget()
    run:start()
  end
  runs[run.key] = run
  local context = run.context
  function context.average(other) return (prices.average(run.exchange, other, context.when)) end
  function context.candles(other, interval, count)
    return prices.last(run.exchange, other, interval, count, context.when, "getCandles")
  end
  function context.known(exchangeName, other) return prices.known(exchangeName, other, context.when) end
  run.position, run.drift, run.hands = Position.new(run), drift.new(run), hands.new(run)
  run.task = loop.spawn(function()
    local ok, raised = xpcall(function()
      if before then
        loop.join(before.task) -- it was stopped, and is in the middle of a tick
        run:start()
      end
      run:loop()
    end, core.traceback)
    if not ok then run:report(raised, what) end
    run:finish()
  end)
  return run
end

--- Runs a strategy on a symbol in the background.
---@param symbol string
---@param options { strategyName: string, exchangeName: string }
---@return fun() stop  ends it after the tick that is under way; what is open stays stored, for the next run
---@raise invalid_argument; busy: it runs already, here or in another process
function M.background(symbol, options)
  local run = launch("Live.background", symbol, options)
  return function() run:stop() end
end

--- Runs a strategy on a symbol; iterates the events that change something: scheduled, opened, closed, cancelled.
--- It never ends by itself; leaving the loop does not end it either: Live.stop does.
---@param symbol string
---@param options { strategyName: string, exchangeName: string }
---@return fun(): table?
---@raise invalid_argument, busy
function M.run(symbol, options)
  local run = launch("Live.run", symbol, options)
  local queue, first, last, wake, current = {}, 1, 0, nil, nil
  local deliver = run.deliver
  function run:deliver(event)
    deliver(self, event)
    if event.action == "partial" or run.unattended then return end
    last = last + 1
    queue[last] = events.copy(event)
    if wake then wake() end
  end
  loop.onEnd(run.task, function() if wake then wake() end end)
  -- The loop acknowledges what it was given when it asks for the next: a process that is killed in the loop's body is
  -- followed by one that is given it again.
  run.position.delivery.keeps = { scheduled = true, opened = true, closed = true, cancelled = true }
  -- A loop that is left says nothing, but its iterator is collected: from then on there is nobody to wait for.
  local attended = newproxy(true)
  getmetatable(attended).__gc = function()
    run.unattended, run.position.delivery.keeps, queue = true, nil, {}
  end
  return function()
    local _ = attended -- lives as long as the loop
    if current then run.position.delivery:acknowledge(current.id) end
    if first > last and not run.task.done then
      loop.wait(function(w) wake = w end, function() return first <= last or run.task.done end)
      wake = nil
    end
    current = queue[first]
    if not current then return end
    queue[first], first = nil, first + 1
    return current
  end
end

--- Ends runs: that of a strategy on a symbol, or, without a strategy, all on the symbol, or, without both, all.
---@param symbol? string
---@param options? { strategyName: string }
---@return integer count  how many were told to end
function M.stop(symbol, options)
  local count = 0
  for _, run in pairs(runs) do
    if (symbol == nil or run.symbol == symbol)
      and (options == nil or options.strategyName == nil or run.strategy.strategyName == options.strategyName) then
      if not run.stopping then count = count + 1 end
      run:stop()
    end
  end
  return count
end

--- What runs.
---@return { symbol: string, strategyName: string, exchangeName: string, stopping: boolean }[]
function M.list()
  local list = {}
  for _, run in pairs(runs) do
    list[#list + 1] = {
      symbol = run.symbol, strategyName = run.strategy.strategyName, exchangeName = run.exchange.exchangeName,
      stopping = run.stopping,
    }
  end
  table.sort(list, function(a, b)
    if a.symbol ~= b.symbol then return a.symbol < b.symbol end
    return a.strategyName < b.strategyName
  end)
  return list
end

return M
