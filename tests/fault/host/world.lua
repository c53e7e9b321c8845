-- SPDX-License-Identifier: MIT
--
-- A strategy host in live mode that is replayed and killed, and who looks at what its listeners got:
--
--   world.lua run STORE FOLDER [CANDLES.csv]  plays the minutes of candles, by a clock of its own, from the one on
--                                             which it was killed; STORE is lmdb:BASE, file:BASE, memory: or
--                                             lua:BASE (a class of eight methods, examples/journal_adapter.lua)
--   world.lua compare FOLDER FOLDER           whether both got the same, each event exactly once by its id;
--                                             prints how many there were, and how many the second got again
--
-- HOLDFAST_TEST_LONG_MS=0 has it commit whenever it can, as on a machine that stands still again and again.
--
-- FOLDER/minutes has a line for each minute that was begun, FOLDER/events one for each event that was delivered.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local same = require "holdfast.conformance.context".same
local together = require "holdfast.host.state.together"

local source = os.getenv("HOLDFAST_SOURCE")
package.path = source .. "/examples/?.lua;" .. package.path
local market = require "market"

local MINUTES = 1200

together.LONG_MS = tonumber(os.getenv("HOLDFAST_TEST_LONG_MS")) or together.LONG_MS

local function useStore(store)
  local scheme, base = store:match("^(%a+):(.*)$")
  if scheme == "lua" then
    holdfast.adapters.useAll(require "journal_adapter", base)
  else
    holdfast.adapters.useAll(store)
  end
end

-- A strategy without memory: what it gives depends on the price and the time only.
local function addStrategy(s)
  host.addStrategy {
    strategyName = s.name, interval = s.interval, riskName = s.risk,
    getSignal = function(symbol, when)
      local price, minute = host.getAveragePrice(symbol), when / 60000
      if s.pause and minute % s.pause < s.pause / 2 then return nil end
      local position = s.position or (math.floor(minute / 7) % 2 == 0 and "long" or "short")
      local sign = position == "long" and 1 or -1
      return {
        position = position, note = s.name, minuteEstimatedTime = s.minutes,
        priceTakeProfit = price * (1 + sign * s.profit), priceStopLoss = price * (1 - sign * s.loss),
        priceOpen = s.limit and price * (1 - sign * s.limit) or nil,
      }
    end,
  }
end

local function addAll(path)
  local count = 0
  for number, symbol in ipairs { "BTCUSDT", "ETH/USDT" } do
    -- The second market is wild: prices jump over orders that wait.
    local candles = path and host.readCandles(path)
      or market.candles(MINUTES, { seed = 40 + number, volatility = number == 2 and 0.004 or nil })
    count = #candles
    host.addExchange {
      exchangeName = "exchange of " .. symbol,
      getCandles = host.candleFeed { symbol = symbol, candles = candles }.getCandles,
    }
  end
  host.addRisk {
    riskName = "three",
    validations = { function(p) if p.activePositionCount >= 3 then error("there are three already", 0) end end },
  }
  addStrategy {
    name = "long", interval = "5m", position = "long", profit = 0.006, loss = 0.008, minutes = 90, risk = "three",
  }
  addStrategy {
    name = "short", interval = "1m", position = "short", profit = 0.0055, loss = 0.006, minutes = 45, risk = "three",
  }
  addStrategy {
    name = "waits", interval = "15m", profit = 0.006, loss = 0.01, minutes = 60, limit = 0.004, risk = "three",
  }
  addStrategy { name = "pauses", interval = "3m", profit = 0.007, loss = 0.0055, minutes = 30, pause = 40 }
  return count
end

-- A line at the end of a file.  A process that was killed in the middle of that may have left half of one.
local function append(path, text)
  local file = assert(io.open(path, "a+"))
  local isTorn = file:seek("end") > 0 and file:seek("end", -1) and file:read(1) ~= "\n"
  assert(file:write(isTorn and "\n" or "", text, "\n"))
  assert(file:close())
end

-- The last minute that was begun; not half of its line.
local function lastMinute(path)
  local file, last = io.open(path), nil
  if not file then return end
  for line in file:lines() do last = #line == 13 and tonumber(line) or last end
  file:close()
  return last
end

local function run(store, folder, path)
  useStore(store)
  local count = addAll(path)
  local first = 1707343380000 + 10 * 60000
  local last = 1707343380000 + count * 60000
  local begun = lastMinute(folder .. "/minutes")
  local function hear(event)
    if event.id then append(folder .. "/events", holdfast.json.encode(event)) end
  end
  host.listenSignalLive(hear)
  host.listenPartial(hear)
  host.listenError(function(failure)
    io.stderr:write(failure.source, ": ", failure.message, "\n", failure.cause or "", "\n")
    os.exit(1)
  end)
  local clock = host.manualClock(begun or first)
  host.setClock(clock)
  for _, symbol in ipairs { "BTCUSDT", "ETH/USDT" } do
    for _, name in ipairs { "long", "short", "waits", "pauses" } do
      host.Live.background(symbol, { strategyName = name, exchangeName = "exchange of " .. symbol })
    end
  end
  for minute = begun or first, last, 60000 do
    append(folder .. "/minutes", ("%d"):format(minute))
    clock:advanceTo(minute)
  end
  host.Live.stop()
  host.run()
end

-- ----------------------------------------------------------------- comparing

-- The events of a folder, each once, and how many there were again.
local function heard(folder)
  local list, byId, again = {}, {}, 0
  local function add(event)
    local redelivered, before = event.redelivered, byId[event.id]
    event.redelivered = nil
    if before then
      assert(redelivered, event.id .. " came twice, the second time as if it were new")
      assert(same(event, before), event.id .. " came twice, and was another the second time")
      again = again + 1
    else
      byId[event.id] = event
      list[#list + 1] = event
    end
  end
  for line in assert(io.open(folder .. "/events")):lines() do
    local isWhole, event = pcall(holdfast.json.decode, line)
    -- Where its listener was killed in the middle of the line, it is delivered again.
    if isWhole then add(event) else assert(line:sub(1, 1) == "{", "this is no half of an event: " .. line) end
  end
  return list, again
end

local function compare(one, other)
  local expected, twice = heard(one)
  assert(twice == 0, "the uninterrupted run told something twice")
  local list, again = heard(other)
  local kinds = {}
  for i, event in ipairs(expected) do
    local what = event.closeReason or event.reason or event.way or event.action
    kinds[what] = (kinds[what] or 0) + 1
    if not list[i] then error(("event %d, %s, was not heard"):format(i, event.id), 0) end
    assert(same(event, list[i]), ("event %d is %s, not %s: %s %s"):format(i, list[i].id, event.id,
      holdfast.json.encode(list[i]), holdfast.json.encode(event)))
  end
  local more = list[#expected + 1]
  assert(not more, more and "there is one event too many: " .. more.id)
  for _, what in ipairs { "scheduled", "opened", "take_profit", "stop_loss", "time_expired", "profit", "loss" } do
    assert(kinds[what], "no event of these candles is " .. what)
  end
  print(#expected .. " " .. again)
end

if arg[1] == "run" then run(arg[2], arg[3], arg[4]) else compare(arg[2], arg[3]) end
