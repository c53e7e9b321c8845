-- SPDX-License-Identifier: MIT
--
-- One of two hosts that want the same slot of a risk profile, on the same symbol:
--
--   rivals.lua STORE NAME MINUTES  runs the strategy NAME, which opens whenever it may and closes soon, for so
--                                  many minutes of its own clock; prints how often it opened
--   rivals.lua check STORE NAME..  whether the ledger has the last signal of each, with its levels
--
-- Whenever it has opened, it must be the only one in the profile, which has one slot.

local holdfast = require "holdfast"
local host = require "holdfast.host"

local START, MINUTE = 1707343380000, 60000

local function run(store, name, minutes)
  holdfast.adapters.useAll(store)
  local minute, opened = 0, 0
  -- Half way to the take profit in each second minute: a level, and so a write to the ledger that both share.
  host.addExchange {
    exchangeName = "test",
    getCandles = function(_, _, since, limit)
      local list, price = {}, minute % 2 == 0 and 100 or 105
      for i = 1, limit do
        local time = since + (i - 1) * MINUTE
        list[i] = { timestamp = time, open = price, high = price, low = price, close = price, volume = 1 }
      end
      return list
    end,
  }
  host.addRisk { riskName = "one", validations = { function(p) return p.activePositionCount < 1 end } }
  host.addStrategy {
    strategyName = name, riskName = "one", interval = "1m",
    getSignal = function()
      if minute % 2 == 1 then return nil end
      return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 2 }
    end,
  }
  host.listenSignalLive(function(event)
    if event.action ~= "opened" then return end
    opened = opened + 1
    local slots = holdfast.PersistRiskAdapter.readPositionData("one")
    if #slots ~= 1 or slots[1].strategyName ~= name then
      io.stderr:write("both have the slot: ", holdfast.json.encode(slots), "\n")
      os.exit(1)
    end
  end)
  host.listenError(function(failure)
    if failure.retryable then return end -- the other one was in the way for long: the next minute tries again
    io.stderr:write(failure.source, ": ", failure.message, "\n")
    os.exit(1)
  end)
  local clock = host.manualClock(START)
  host.setClock(clock)
  host.Live.background("BTCUSDT", { strategyName = name, exchangeName = "test" })
  for i = 1, minutes do
    minute = i
    clock:advanceTo(START + i * MINUTE)
  end
  host.Live.stop()
  host.run()
  print(opened)
end

local function check(store, names)
  holdfast.adapters.useAll(store)
  local levels = holdfast.PersistPartialAdapter.readPartialData("BTCUSDT")
  for _, name in ipairs(names) do
    local found
    for id, entry in pairs(levels) do
      if entry.strategyName == name then found = entry.stage ~= "idle" and id end
    end
    assert(found, "the ledger has lost what was told of " .. name)
  end
end

if arg[1] == "check" then check(arg[2], { unpack(arg, 3) }) else run(arg[1], arg[2], tonumber(arg[3])) end
