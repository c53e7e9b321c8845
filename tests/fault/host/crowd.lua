-- SPDX-License-Identifier: MIT
--
-- 200 symbols that open in one minute and close in the next, as far as a risk profile has room, so that the commits of
-- a host are those of many; crowd_test.sh kills it.
--
--   crowd.lua live STORE FOLDER MINUTES  lives so many minutes, from the one on after the last that was begun
--   crowd.lua check STORE FOLDER         whether what was told and what is stored agree; prints how many events
--                                        there were, and how many were told again
--
-- STORE is lmdb:BASE, file:BASE or lua:BASE (a class, examples/journal_adapter.lua).  FOLDER/minutes has a line for
-- each minute that was begun, FOLDER/events one for each event that was delivered.

local holdfast = require "holdfast"
local host = require "holdfast.host"

package.path = os.getenv("HOLDFAST_SOURCE") .. "/examples/?.lua;" .. package.path

local START, MINUTE, SYMBOLS, ROOM = 1707343380000, 60000, 200, 150
local command, store, folder = arg[1], arg[2], arg[3]

local function useStore()
  local scheme, base = store:match "^(%a+):(.*)$"
  if scheme == "lua" then
    holdfast.adapters.useAll(require "journal_adapter", base)
  else
    holdfast.adapters.useAll(store)
  end
end

local function linesOf(name)
  local list, file = {}, io.open(folder .. "/" .. name)
  for line in file and file:lines() or function() end do list[#list + 1] = line end
  if file then file:close() end
  return list
end

local function add(name)
  local file = assert(io.open(folder .. "/" .. name, "a"))
  file:setvbuf "no"
  return function(...) assert(file:write(string.format(...), "\n")) end
end

local function live(minutes)
  local begun, first = add "minutes", #linesOf "minutes"
  local heard = add "events"
  host.addExchange {
    exchangeName = "flat",
    getCandles = function(_, _, since, limit)
      local list = {}
      for i = 1, limit do
        local time = since + (i - 1) * MINUTE
        list[i] = { timestamp = time, open = 100, high = 100, low = 100, close = 100, volume = 1 }
      end
      return list
    end,
  }
  host.addRisk { riskName = "room", validations = { function(p) return p.activePositionCount < ROOM end } }
  host.addStrategy {
    strategyName = "flips", interval = "1m", riskName = "room",
    getSignal = function()
      return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 1 }
    end,
  }
  host.listenSignalLive(function(event)
    if not event.id then return end
    heard("%s %s %s %s", event.action, event.signal.id, event.id, event.redelivered and "again" or "new")
  end)
  host.listenError(function(failure)
    io.stderr:write(failure.source, ": ", failure.message, "\n")
    os.exit(1)
  end)
  local clock = host.manualClock(START + first * MINUTE)
  host.setClock(clock)
  begun("%d", first)
  for i = 1, SYMBOLS do host.Live.background("S" .. i, { strategyName = "flips", exchangeName = "flat" }) end
  for i = first, first + minutes - 1 do
    if i > first then begun("%d", i) end
    clock:advanceTo(START + i * MINUTE)
  end
  host.Live.stop()
  host.run()
end

-- What was told, in its order: signal -> action -> true.
local function told()
  local bySignal, seen, again = {}, {}, 0
  for _, line in ipairs(linesOf "events") do
    local action, signal, id, which = line:match "^(%S+) (%S+) (%S+) (%S+)$"
    assert(action, "half a line: " .. line)
    assert(not seen[id] or which == "again", id .. " was told a second time as if it were new")
    again = again + (seen[id] and 1 or 0)
    local before = bySignal[signal] or {}
    assert(action ~= "closed" or before.opened, id .. " was told, and not its opening")
    assert(action ~= "opened" or not before.closed or seen[id], id .. " was told after its end")
    bySignal[signal], before[action], seen[id] = before, true, true
  end
  return bySignal, again
end

local function check()
  local bySignal, again = told()
  local open, count = {}, 0
  for i = 1, SYMBOLS do
    local row = holdfast.PersistSignalAdapter.readSignalData("flips", "S" .. i)
    if row then
      open[row.id], count = true, count + 1
      assert(bySignal[row.id] and not bySignal[row.id].closed, row.id .. " is open, and was told otherwise")
    end
    for _, entry in pairs(holdfast.PersistPartialAdapter.readPartialData("S" .. i) or {}) do
      assert(not entry.events[1], "an event of S" .. i .. " is left in the outbox")
    end
  end
  local slots = holdfast.PersistRiskAdapter.readPositionData("room") or {}
  assert(#slots == count and count <= ROOM, ("%d are open, and %d slots taken"):format(count, #slots))
  for _, slot in ipairs(slots) do assert(open[slot.signalId], slot.signalId .. " has a slot and is not open") end
  local traded, events = {}, 0
  for trade in host.trades() do traded[trade.signalId] = true end
  for signal, actions in pairs(bySignal) do
    events = events + (actions.closed and 2 or 1)
    assert(open[signal] or actions.closed, signal .. " was opened, and is gone")
    assert(not actions.closed or traded[signal], signal .. " has closed, and has no trade")
    traded[signal] = nil
  end
  assert(not next(traded), tostring(next(traded)) .. " has a trade, and its end was not told")
  print(events, again)
end

useStore()
if command == "live" then live(tonumber(arg[4])) else check() end
