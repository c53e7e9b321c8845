-- SPDX-License-Identifier: MIT
--
-- A host whose store was put back from an older copy, or was copied for another host: it lives on from what it had
-- told the end of already, over the same prices or others.  Whoever acts once for each id must never be told two
-- things under one, nor one thing under two.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local temp = require "support.temp"

package.path = (os.getenv("HOLDFAST_SOURCE") or ".") .. "/examples/?.lua;" .. package.path
local market = require "market"

local START, MINUTE = hosts.START, hosts.MINUTE
local MINUTES = 600 -- of made-up prices
local seed = tonumber(os.getenv("HOLDFAST_FAULT_SEED")) or os.time() % 100000

-- A text for what an event says, its id apart.
local function textOf(value, depth)
  if type(value) ~= "table" then
    return type(value) == "number" and ("%.17g"):format(value) or tostring(value)
  end
  local parts = {}
  for name, each in pairs(value) do
    if depth > 0 or name ~= "id" and name ~= "redelivered" then
      parts[#parts + 1] = name .. "=" .. textOf(each, depth + 1)
    end
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- All that was told in all lives: raises where an id has two contents, or a content two ids.
local function newRecord()
  local record = { byId = {}, byText = {}, closings = {}, count = 0, same = 0, again = 0, ghosts = 0 }
  function record.add(event)
    local text = textOf(event, 0)
    local before, id = record.byId[event.id], record.byText[text]
    assert(before == nil or before == text, ("seed %d: %s was told with two contents:\n%s\n%s"):format(seed, event.id,
      tostring(before), text))
    assert(id == nil or id == event.id, ("seed %d: one event has the ids %s and %s"):format(seed, tostring(id),
      event.id))
    record.byId[event.id], record.byText[text] = text, event.id
    record.count = record.count + 1
    if before then record.same = record.same + 1 end
    if before and event.redelivered then record.again = record.again + 1 end
    if event.action == "closed" and not before then
      local closings = (record.closings[event.signal.id] or 0) + 1
      record.closings[event.signal.id] = closings
      if closings > 1 then record.ghosts = record.ghosts + 1 end
    end
  end
  return record
end

local function addStrategies()
  host.addRisk { riskName = "two", validations = { function(p) return p.activePositionCount < 2 end } }
  for name, s in pairs {
    long = { interval = "5m", position = "long", minutes = 90, profit = 0.006, loss = 0.008 },
    short = { interval = "1m", position = "short", minutes = 45, profit = 0.0055, loss = 0.006, risk = "two" },
    waits = { interval = "15m", position = "long", minutes = 60, profit = 0.006, loss = 0.01, limit = 0.002 },
  } do
    host.addStrategy {
      strategyName = name, interval = s.interval, riskName = s.risk,
      getSignal = function(symbol)
        local price, sign = host.getAveragePrice(symbol), s.position == "long" and 1 or -1
        return {
          position = s.position, minuteEstimatedTime = s.minutes, priceOpen = s.limit and price * (1 - sign * s.limit),
          priceTakeProfit = price * (1 + sign * s.profit), priceStopLoss = price * (1 - sign * s.loss),
        }
      end,
    }
  end
end

-- Lives from a minute to another one, in a world of prices, and gives what was told, in order.
local function live(store, from, to, world, onEvent)
  hosts.fresh(store)
  addStrategies()
  local candles = market.candles(MINUTES, { seed = world, from = START - 10 * MINUTE, volatility = 0.001 })
  host.addExchange {
    exchangeName = "test", getCandles = host.candleFeed { symbol = "BTC", candles = candles }.getCandles,
  }
  local ids = {}
  local function hear(event)
    if not event.id then return end
    ids[#ids + 1] = event.id
    onEvent(event)
  end
  host.listenSignalLive(hear)
  host.listenPartial(hear)
  local failure
  host.listenError(function(f) failure = failure or f.message end)
  local clock = hosts.clock(from)
  for _, name in ipairs { "long", "short", "waits" } do hosts.live(name, "BTC") end
  clock:advance((to - from) * MINUTE)
  host.Live.stop()
  host.run()
  assert.is_nil(failure)
  hosts.fresh() -- closes the store
  return ids
end

for _, scheme in ipairs { "lmdb", "file" } do
  describe("a host over copies of its store (" .. scheme .. ")", function()
    local root, copies

    before_each(function()
      math.randomseed(seed)
      root, copies = temp.quickDirectory(), {}
    end)
    after_each(function()
      hosts.finish()
      hosts.fresh()
      temp.removeAll()
    end)

    local function copy(from, minute)
      local to = ("%s/%d"):format(root, #copies + 1)
      assert(os.execute(("cp -r %s %s"):format(temp.quote(from), temp.quote(to))) == 0)
      copies[#copies + 1] = { path = to, minute = minute }
      return to
    end

    -- Lives, and copies the store on the way now and then: while listeners are told, so that it is not noted yet.
    local function liveAndCopy(path, from, to, world, record, chance)
      local now = from -- what is told once more is of an earlier minute
      return live(scheme .. ":" .. path, from, to, world, function(event)
        record.add(event)
        now = math.max(now, (event.timestamp - START) / MINUTE)
        if math.random() < chance then copy(path, now) end
      end)
    end

    it("tells no id with two contents, and no content under two ids", function()
      local record = newRecord()
      liveAndCopy(root .. "/store", 0, 250, 1, record, 0.3)
      assert.is_true(#copies > 3, "seed " .. seed)
      for life = 1, 12 do
        local from = copies[math.random(#copies)]
        while from.minute > MINUTES - 300 do from = copies[math.random(#copies)] end
        local path = ("%s/life%d"):format(root, life)
        assert(os.execute(("cp -r %s %s"):format(temp.quote(from.path), temp.quote(path))) == 0)
        -- At once or much later, over prices that are those of the first life or others.
        local first = from.minute + (math.random(2) == 1 and 1 or math.random(100))
        liveAndCopy(path, first, first + math.random(150), math.random(3), record, 0.05)
      end
      assert.is_true(record.ghosts > 3, ("seed %d: only %d signals were closed twice"):format(seed, record.ghosts))
      assert.is_true(record.same > 3, ("seed %d: only %d events were told twice"):format(seed, record.same))
      assert.is_true(record.again > 0, ("seed %d: no event was told again"):format(seed))
    end)

    it("tells the same, under the same ids, from the same copy over the same prices", function()
      local record = newRecord()
      liveAndCopy(root .. "/store", 0, 120, 1, record, 0.3)
      for _, each in ipairs { unpack(copies, 1, 4) } do
        local lives = {}
        for number = 1, 2 do
          local path = ("%s/%d-%d"):format(root, each.minute, number)
          os.execute(("rm -rf %s; cp -r %s %s"):format(temp.quote(path), temp.quote(each.path), temp.quote(path)))
          lives[number] = live(scheme .. ":" .. path, each.minute + 1, each.minute + 100, 2, record.add)
        end
        assert.is_true(#lives[1] > 3)
        assert.same(lives[1], lives[2])
      end
    end)
  end)
end

describe("a host with a ledger of before, whose events have ids without contents,", function()
  after_each(hosts.finish)

  it("tells them again as they were, and goes on", function()
    local world = hosts.world()
    local row = {
      id = "main/BTCUSDT/" .. START, symbol = "BTCUSDT", strategyName = "main", exchangeName = "test",
      position = "long", priceOpen = 100, priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 3,
      scheduledAt = START, scheduledPrice = 100, pendingAt = START,
    }
    holdfast.PersistSignalAdapter.writeSignalData(row, "main", "BTCUSDT")
    holdfast.PersistPartialAdapter.writePartialData({
      [row.id] = {
        strategyName = "main", exchangeName = "test", stage = "opened", at = START, askedAt = START,
        profitLevels = holdfast.array {}, lossLevels = holdfast.array {},
        events = {
          { id = row.id .. ":opened", action = "opened", signal = row, currentPrice = 100, timestamp = START,
            symbol = "BTCUSDT", strategyName = "main", exchangeName = "test", backtest = false },
        },
      },
    }, "BTCUSDT")
    hosts.strategy { interval = "1d" }
    hosts.live()
    world.pass(5)
    assert.equal("again:opened closed:time_expired", world.heard.summary())
    assert.equal(row.id .. ":opened", world.heard.events[1].id)
    assert.matches("^" .. row.id:gsub("%p", "%%%0") .. ":closed:%x+$", world.heard.events[2].id)
    assert.same({}, world.heard.errors)
  end)
end)
