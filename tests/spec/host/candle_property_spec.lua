-- SPDX-License-Identifier: MIT
--
-- Candle stores against plain tables: candles at random are written in pieces that overlap and have gaps, and what the
-- store says of them is what a table of all of them says.  HOLDFAST_SEED=N tries another seed.

local host = require "holdfast.host"
local hosts = require "support.hosts"
local temp = require "support.temp"

local MINUTE, DAY = 60000, 86400000
local START = 1709078400000 -- 2024-02-28T00:00:00Z: the day after it is a leap day
local STEPS = { ["1m"] = MINUTE, ["5m"] = 5 * MINUTE, ["1h"] = 60 * MINUTE, ["1d"] = DAY }
local NAMES = { "1m", "5m", "1h", "1d" }

local function decimal(value, decimals) return tonumber(("%%.%df"):format(decimals):format(value)) end

-- The candle at a time; of some kinds its numbers are no decimals.
local function candle(time, kind)
  local open, close = 50 + math.random() * 10, 50 + math.random() * 10
  local one = { timestamp = time, open = open, close = close, high = math.max(open, close) + math.random(),
    low = math.min(open, close) - math.random(), volume = math.random(0, 3) == 0 and 0 or math.random() * 1e5 }
  if kind < 9 then
    for _, field in ipairs { "open", "high", "low", "close", "volume" } do one[field] = decimal(one[field], kind) end
    one.low, one.high = math.min(one.low, one.open, one.close), math.max(one.high, one.open, one.close)
  end
  return one
end

-- A table of all candles that there should be, by time.
local Model = {}
Model.__index = Model

local function modelOf(step) return setmetatable({ step = step, candles = {} }, Model) end

function Model:list(from, till)
  local list = {}
  for time, one in pairs(self.candles) do
    if time >= from and time < till then list[#list + 1] = one end
  end
  table.sort(list, function(a, b) return a.timestamp < b.timestamp end)
  return list
end

function Model:gaps(from, till)
  local list, gap = {}, nil
  for time = from, till - self.step, self.step do
    if self.candles[time] then
      gap = nil
    elseif gap then
      gap.to, gap.count = time + self.step, gap.count + 1
    else
      gap = { from = time, to = time + self.step, count = 1 }
      list[#list + 1] = gap
    end
  end
  return list
end

-- What an exchange would give: nil where the first is missing.
function Model:made(step, since, limit)
  local list = {}
  for begins = since, since + (limit - 1) * step, step do
    local one
    for time = begins, begins + step - self.step, self.step do
      local part = self.candles[time]
      if not part then return list[1] and list or nil end
      one = one or { timestamp = begins, open = part.open, high = part.high, low = part.low, volume = 0 }
      one.high, one.low, one.close = math.max(one.high, part.high), math.min(one.low, part.low), part.close
      one.volume = one.volume + part.volume
    end
    list[#list + 1] = one
  end
  return list[1] and list or nil
end

-- A stretch of times, and how long it is.
local function stretch(step, most)
  local from = START + math.random(0, most) * step
  return from, from + math.random(1, math.random() < 0.3 and most or 50) * step
end

local function write(store, model, interval, most)
  local from, till = stretch(model.step, most)
  local list, kind, share = {}, math.random(0, 10), math.random() < 0.5 and 1 or math.random()
  for time = from, till - model.step, model.step do
    if math.random() <= share then
      list[#list + 1] = candle(time, kind)
      model.candles[time] = list[#list]
    end
  end
  assert.equal(#list, store:write("X/Y", list, interval))
end

local function compare(store, model, interval, most)
  local from, till = stretch(model.step, most)
  assert.same(model:list(from, till), store:candles("X/Y", from, till, { interval = interval }))
  assert.same(model:gaps(from, till), store:gaps("X/Y", { interval = interval, from = from, to = till }))
end

local function askFor(store, model, most)
  local interval = NAMES[math.random(#NAMES)]
  local step, limit = STEPS[interval], math.random(1, 30)
  local since = math.ceil(stretch(MINUTE, most) / step) * step
  local expected = model:made(step, since, limit)
  local ok, got = pcall(store.getCandles, "X/Y", interval, since, limit)
  if expected then
    assert.is_true(ok, tostring(got))
    assert.same(expected, got)
  elseif ok then
    assert.same({}, got) -- only where nothing comes after it, or where it is not whole yet
    local last = model:list(0, math.huge)
    assert.is_true(#last > 0 and last[#last].timestamp < since + step)
  else
    assert.equal("not_found", got.code)
  end
end

describe("candles at random", function()
  before_each(function() hosts.fresh() end)
  after_each(function()
    hosts.finish()
    temp.removeAll()
  end)

  local seed = tonumber(os.getenv "HOLDFAST_SEED") or 17
  for round = 1, 6 do
    local kind = ({ "memory", "lmdb", "file" })[round % 3 + 1]
    it(("are in a %s store what they are in tables (seed %d)"):format(kind, seed + round), function()
      math.randomseed(seed + round)
      local base = kind == "memory" and "property" .. round or temp.quickDirectory()
      local store = host.candleStore(kind .. ":" .. base)
      local minutes, hours = modelOf(MINUTE), modelOf(60 * MINUTE)
      local writes = kind == "memory" and 60 or 25
      for _ = 1, writes do
        write(store, minutes, nil, 4500)
        compare(store, minutes, nil, 4500)
        askFor(store, minutes, 4500)
      end
      store:write("Z", { candle(START, 2) }) -- what is beside it does not matter
      for _ = 1, writes do
        write(store, hours, "1h", 2500)
        compare(store, hours, "1h", 2500)
      end
      local all = minutes:list(0, math.huge)
      assert.same(all, store:candles "X/Y")
      for _, row in ipairs(store:list()) do
        if row.symbol == "X/Y" and row.interval == "1m" then
          local gaps, missing = minutes:gaps(all[1].timestamp, all[#all].timestamp + MINUTE), 0
          for _, gap in ipairs(gaps) do missing = missing + gap.count end
          assert.same({ #all, #gaps, missing }, { row.count, row.gaps, row.missing })
        end
      end
    end)
  end
end)
