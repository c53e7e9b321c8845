-- SPDX-License-Identifier: MIT
--
-- A host that is taken in hand while it is killed, and who looks at what came of that:
--
--   hands.lua run STORE FOLDER    runs two strategies, minute after minute, from the one on in which it was killed
--   hands.lua rows STORE          the signals that are open or wait, in a line
--   hands.lua check STORE FOLDER  whether all answers are true, and no signal ended twice; prints how many requests
--                                 were carried out, and how many were not
--
-- FOLDER/minute has the minute, FOLDER/events a line for each event that was delivered, FOLDER/answers what the command
-- has printed.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local sleep = require("holdfast.util.clock").sleep

local MINUTE = 60000
local signals, schedules = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter

-- Lines of JSON.  A process that was killed while it wrote one has left a part of it.
local function lines(path)
  local list = {}
  for line in io.lines(path) do
    local isWhole, value = pcall(holdfast.json.decode, line)
    if isWhole and type(value) == "table" then list[#list + 1] = value end
  end
  return list
end

local function append(path, text)
  local file = assert(io.open(path, "a"))
  assert(file:write("\n", text, "\n"))
  assert(file:close())
end

local function addAll()
  host.addExchange {
    exchangeName = "flat",
    getCandles = function(_, _, since, limit)
      local list = {}
      for i = 1, limit do
        list[i] = { timestamp = since + (i - 1) * MINUTE, open = 100, high = 100, low = 100, close = 100, volume = 1 }
      end
      return list
    end,
  }
  for name, priceOpen in pairs { now = false, waits = 95 } do
    host.addStrategy {
      strategyName = name,
      getSignal = function()
        return {
          position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 40,
          priceOpen = priceOpen or nil,
        }
      end,
    }
  end
end

local function run(folder)
  addAll()
  host.setConfig { CC_SCHEDULE_AWAIT_MINUTES = 50 }
  host.listenSignalLive(function(event)
    if event.id then append(folder .. "/events", holdfast.json.encode(event)) end
  end)
  host.listenError(function(failure)
    io.stderr:write(failure.source, ": ", failure.message, "\n")
    if not failure.retryable then os.exit(1) end
  end)
  local file = io.open(folder .. "/minute")
  local minute = file and file:read "*n" or math.floor(os.time() / 60)
  if file then file:close() end
  local clock = host.manualClock(minute * MINUTE)
  host.setClock(clock)
  for _, name in ipairs { "now", "waits" } do
    host.Live.background("BTC", { strategyName = name, exchangeName = "flat" })
  end
  while true do
    minute = minute + 1
    local new = assert(io.open(folder .. "/minute.new", "w"))
    new:write(("%d"):format(minute))
    new:close()
    assert(os.rename(folder .. "/minute.new", folder .. "/minute"))
    clock:advanceTo(minute * MINUTE)
    sleep(0.01)
  end
end

local function rows()
  local ids = {}
  for _, adapter in ipairs { signals, schedules } do
    for row in adapter.collection():values() do ids[#ids + 1] = row.id end
  end
  table.sort(ids)
  print(table.concat(ids, " "))
end

-- What the events say: the end of each signal, and the event of each request.
local function ends(folder)
  local bySignal, byRequest = {}, {}
  for _, event in ipairs(lines(folder .. "/events")) do
    if event.action == "closed" or event.action == "cancelled" then
      local before = bySignal[event.signal.id]
      assert(not before or before == event.id, event.signal.id .. " has ended twice: " .. event.id)
      bySignal[event.signal.id] = event.id
      assert((event.requestId ~= nil) == ((event.closeReason or event.reason) == "manual"), event.id)
    end
    if event.requestId then
      local before = byRequest[event.requestId]
      assert(not before or before == event.id, event.requestId .. " was carried out twice: " .. event.id)
      byRequest[event.requestId] = event.id
    end
  end
  return byRequest
end

local function check(folder)
  local byRequest, answers, done, others = ends(folder), lines(folder .. "/answers"), 0, 0
  local outcomes = {}
  for id, answer in holdfast.PersistHostAdapter.collection():entries { prefix = "answer/" } do
    assert(id == "answer/" .. answer.id)
    answers[#answers + 1] = answer
  end
  for _, answer in ipairs(answers) do
    if answer.outcome ~= "waiting" and not outcomes[answer.id] then
      assert(answer.outcome == "done" == (byRequest[answer.id] ~= nil), answer.id .. " was answered " .. answer.outcome)
      assert(answer.eventId == byRequest[answer.id], answer.id .. " tells of another event")
      if answer.outcome == "done" then done = done + 1 else others = others + 1 end
    end
    local before = outcomes[answer.id]
    assert(not before or answer.outcome == "waiting" or before == answer.outcome, answer.id .. " has two answers")
    if answer.outcome ~= "waiting" then outcomes[answer.id] = answer.outcome end
  end
  for id in pairs(byRequest) do assert(outcomes[id], id .. " was carried out, and has no answer") end
  for id in holdfast.PersistHostAdapter.collection():keys { prefix = "request/" } do error(id .. " waits still", 0) end
  print(done, others)
end

holdfast.adapters.useAll(arg[2])
if arg[1] == "run" then run(arg[3]) elseif arg[1] == "rows" then rows() else check(arg[3]) end
