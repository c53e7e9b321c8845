-- SPDX-License-Identifier: MIT
--
-- A host whose status others look at, and who compares what they see with what is stored:
--
--   status.lua play STORE           minutes as fast as it can, in which positions open and close; prints "running"
--   status.lua check STORE STATE    reads what `holdfast status --json` has said; raises unless both runs are in that
--                                   state, with the positions that are stored; prints how many are open
--                                   STATE "alive": running, or not begun yet

package.path = arg[0]:match "^(.*)/" .. "/?.lua;" .. package.path

local flat = require "flat"
local holdfast = require "holdfast"
local host = require "holdfast.host"

local SYMBOLS = { "BTCUSDT", "ETH/USDT" }

local function play(store)
  holdfast.adapters.useAll(store)
  flat.add(host, 2)
  host.listenError(function(failure) error(failure.message, 0) end)
  -- Goes on where it was: no minute is lived twice.
  local first = flat.START
  for _, symbol in ipairs(SYMBOLS) do
    for _, entry in pairs(holdfast.PersistPartialAdapter.readPartialData(symbol) or {}) do
      first = math.max(first, entry.at)
    end
  end
  local clock = host.manualClock(first)
  host.setClock(clock)
  for _, symbol in ipairs(SYMBOLS) do
    host.Live.background(symbol, { strategyName = "main", exchangeName = "flat" })
  end
  io.stdout:setvbuf "line"
  print "running"
  while true do clock:advance(flat.MINUTE) end
end

local function expect(condition, ...) if not condition then error(string.format(...), 0) end end

local function check(store, state)
  local said = holdfast.json.decode(io.read "*a")
  holdfast.adapters.useAll(store)
  local open = 0
  for _, run in ipairs(said.runs) do
    local isAlive = state == "alive"
    expect(run.state == (isAlive and "running" or state), "%s is %s: %s", run.symbol, run.state, tostring(run.reason))
    expect(run.note ~= nil or isAlive or run.signal, "%s has neither a note nor a position", run.symbol)
    if not isAlive then
      local row = holdfast.PersistSignalAdapter.readSignalData("main", run.symbol)
      expect((row and row.id) == (run.signal and run.signal.id), "%s shows %s, and %s is stored", run.symbol,
        tostring(run.signal and run.signal.id), tostring(row and row.id))
      expect((row and "alarm" or "warning") == run.level, "%s is a %s", run.symbol, run.level)
      open = open + (row and 1 or 0)
    end
  end
  expect(state == "alive" or #said.runs == 2 or open == 0, "one of %d runs was forgotten", #said.runs)
  print(open)
end

if arg[1] == "play" then play(arg[2]) else check(arg[2], arg[3]) end
