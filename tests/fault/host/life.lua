-- SPDX-License-Identifier: MIT
--
-- A short life of a strategy host, and who judges what a power cut has left of it; used by crash_states.c.
--
--   life.lua live STORE    lives through it; tells iorecord_preload.c of each minute that begins and each event heard
--   life.lua judge         makes the global function `judge`, for hf_runtime_call()
--
-- In a quarter of an hour three strategies open at once, wait for a price and are filled, wait in vain, reach levels,
-- are closed by profit, by loss and by time, and are refused by a risk profile with room for two.

local ffi = require "ffi"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local same = require "holdfast.conformance.context".same

local START, MINUTE, LAST = 1707343380000, 60000, 15
local SYMBOL = "BTCUSDT"
-- The price of each minute from the first on, at which everything happens that can.
local PRICES = { 100, 100, 104, 101, 97.5, 99, 106, 111, 108, 104, 101, 94, 97, 100, 90, 100, 100 }

ffi.cdef "void iorecord_do_mark(const char *text);"

local function priceAt(time)
  return PRICES[math.max(1, math.min(#PRICES, math.floor((time - START) / MINUTE) + 1))]
end

-- A signal by the minute in which it is asked for.
local STRATEGIES = {
  first = function(minute, price)
    if minute % 6 == 1 then return { priceTakeProfit = price * 1.1, priceStopLoss = price * 0.95 } end
  end,
  second = function(minute, price)
    if minute == 4 or minute == 9 then
      return { priceOpen = price * 0.95, priceTakeProfit = price * 1.06, priceStopLoss = price * 0.9 }
    end
  end,
  third = function(minute, price)
    if minute % 5 == 0 then
      return { priceTakeProfit = price * 1.2, priceStopLoss = price * 0.8, minuteEstimatedTime = 3 }
    end
  end,
}

-- Empties the host, and has it live on the store.
local function begin(store, hear, fail)
  host.Live.stop()
  host.run()
  host.clear()
  for _, kind in ipairs { "Signal", "Schedule", "Risk", "Partial" } do
    holdfast["Persist" .. kind .. "Adapter"].close()
  end
  holdfast.adapters.useAll(store)
  host.setConfig { CC_AVG_PRICE_CANDLES_COUNT = 1, CC_SCHEDULE_AWAIT_MINUTES = 3 }
  host.addExchange {
    exchangeName = "test",
    getCandles = function(_, _, since, limit)
      local list = {}
      for i = 1, limit do
        local time = since + (i - 1) * MINUTE
        local price = priceAt(time + MINUTE) -- of the minute that it ends with
        list[i] = { timestamp = time, open = price, high = price, low = price, close = price, volume = 1 }
      end
      return list
    end,
  }
  host.addRisk {
    riskName = "two",
    validations = { function(p) if p.activePositionCount >= 2 then error("there are two already", 0) end end },
  }
  for name, give in pairs(STRATEGIES) do
    host.addStrategy {
      strategyName = name, interval = "1m", riskName = "two",
      getSignal = function(_, when)
        local signal = give((when - START) / MINUTE, priceAt(when))
        if not signal then return end
        signal.position, signal.minuteEstimatedTime = "long", signal.minuteEstimatedTime or 60
        return signal
      end,
    }
  end
  local function listen(event)
    if event.id then hear(event) end
  end
  host.listenSignalLive(listen)
  host.listenPartial(listen)
  host.listenError(function(failure) fail(failure.source .. ": " .. failure.message) end)
end

-- The slots are those of the open signals.
local function checkSlots(fail)
  local open = {}
  for name in pairs(STRATEGIES) do
    local row = holdfast.PersistSignalAdapter.readSignalData(name, SYMBOL)
    if row then open[row.id] = name end
  end
  for _, slot in ipairs(holdfast.PersistRiskAdapter.readPositionData("two") or {}) do
    if open[slot.signalId] ~= slot.strategyName then fail("a slot without a position: " .. slot.signalId) end
    open[slot.signalId] = nil
  end
  local id = next(open)
  if id then fail("a position without a slot: " .. id) end
end

-- Lives from a minute on.
local function live(store, first, hear, fail, minute)
  begin(store, hear, fail)
  local clock = host.manualClock(START + first * MINUTE)
  host.setClock(clock)
  if minute then minute(first) end
  for _, name in ipairs { "first", "second", "third" } do
    host.Live.background(SYMBOL, { strategyName = name, exchangeName = "test" })
  end
  clock:advanceTo(START + first * MINUTE)
  checkSlots(fail)
  for n = first + 1, LAST do
    if minute then minute(n) end
    clock:advanceTo(START + n * MINUTE)
  end
  host.Live.stop()
  host.run()
  checkSlots(fail)
end

local function mark(...) ffi.C.iorecord_do_mark(string.format(...)) end

local function record(store)
  live(store, 0, function(event) mark("heard %s", holdfast.json.encode(event)) end, error,
    function(n) mark("minute %d", n) end)
end

-- What is heard where nothing happens.
local expected = {}

local function learn()
  local kinds = {}
  live("memory:life", 0, function(event)
    expected[#expected + 1] = event
    kinds[event.closeReason or event.reason or event.way or event.action] = true
  end, error)
  for _, kind in ipairs { "scheduled", "opened", "take_profit", "stop_loss", "time_expired", "timeout", "profit" } do
    assert(kinds[kind], "no event of this life is " .. kind)
  end
end

-- Adds an event to those that were heard; says what is wrong with it, or nil.
local function add(list, byId, event)
  local redelivered, before = event.redelivered, byId[event.id]
  event.redelivered = nil
  if not before then
    byId[event.id] = event
    list[#list + 1] = event
  elseif not redelivered then
    return event.id .. " came twice, the second time as if it were new"
  elseif not same(event, before) then
    return event.id .. " came twice, and was another the second time"
  end
end

local function compare(list)
  for i, event in ipairs(expected) do
    if not list[i] then return ("event %d, %s, was not heard"):format(i, event.id) end
    if not same(event, list[i]) then return ("event %d is %s, not %s"):format(i, list[i].id, event.id) end
  end
  local more = list[#expected + 1]
  return more and "there is one event too many: " .. more.id or nil
end

--- What is wrong with a store that a power cut has left; "" if nothing is.
---@param store string
---@param minute integer   the last one that was begun
---@param heard table[]    the events that were heard before
---@return string
function _G.judge(store, minute, heard)
  local list, byId, wrong = {}, {}, nil
  local function fail(what) wrong = wrong or what end
  local function hear(event)
    local problem = add(list, byId, event)
    if problem then fail(problem) end
  end
  for _, event in ipairs(heard) do hear(event) end
  local ok, raised = pcall(live, store, minute, hear, fail)
  if not ok then
    pcall(host.Live.stop)
    pcall(host.run)
    fail(tostring(raised))
  end
  return wrong or compare(list) or ""
end

if arg[1] == "live" then record(arg[2]) else learn() end
