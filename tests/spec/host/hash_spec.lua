-- SPDX-License-Identifier: MIT
--
-- The hash of a value's content, by which a host tells events apart: that it never changes, since events that were
-- delivered before an upgrade are told by it after that, and what it refuses.  And the copies of events that listeners
-- get.

local core = require "holdfast.core"
local events = require "holdfast.host.events"
local hash = require "holdfast.util.hash"
local raises = require("support.raises")

-- The text that is hashed, as it is defined: one for each value, in whatever order its fields were set; names sorted,
-- numbers with all their digits, and lengths before texts, so that nothing in one can look like the end of it.
local function text(value, parts)
  local kind = type(value)
  if kind == "table" then
    local keys, byKey = {}, {}
    for key, each in pairs(value) do
      local name = type(key) .. tostring(key)
      keys[#keys + 1], byKey[name] = name, each
    end
    table.sort(keys)
    parts[#parts + 1] = "{"
    for _, name in ipairs(keys) do
      text(name, parts)
      text(byKey[name], parts)
    end
    parts[#parts + 1] = "}"
  elseif kind == "string" then
    parts[#parts + 1] = ("%d:%s"):format(#value, value)
  elseif kind == "number" then
    parts[#parts + 1] = ("%.17g;"):format(value == 0 and 0 or value) -- 0 and -0 are equal
  else
    parts[#parts + 1] = kind == "boolean" and tostring(value) or kind
  end
end

local function defined(value)
  local parts = {}
  text(value, parts)
  return hash.of(table.concat(parts))
end

local NUMBERS = { 0, -0, 1 / 0, -1 / 0, 0 / 0, -(0 / 0), 1e14, 1e15, 1e16, 1e17, 1e300, 5e-324, -1, 0.1, 2 ^ 53, 2 ^ 63,
  598431514198927.125, 12345678.0009765625, 1.00000762939453125 }

local KEYS = { "a", "ab", "a\0", "\200", "\127", "", "1", 1, 2, 10, 1.5, -1, 1e15, 286776566.390625 }

local function anyNumber()
  local kind = math.random(3)
  if kind == 1 then return NUMBERS[math.random(#NUMBERS)] end
  if kind == 2 then return math.random(2 ^ 40) / 2 ^ math.random(30) end -- exactly in the middle of two texts, at times
  return (math.random() - 0.5) * 10 ^ math.random(-20, 20)
end

local function anyValue(depth)
  local kind = math.random(depth > 3 and 4 or 6)
  if kind == 1 then return math.random() < 0.5 end
  if kind == 2 then return anyNumber() end
  if kind == 3 then return ("x"):rep(math.random(0, 12)) .. string.char(math.random(0, 255)) end
  if kind == 4 then return core.json.null end
  local value = {}
  for _ = 1, math.random(0, 8) do value[KEYS[math.random(#KEYS)]] = anyValue(depth + 1) end
  return value
end

describe("the hash of a value's content", function()
  it("is that of events which earlier versions have delivered", function()
    local event = {
      action = "closed", symbol = "BTCUSDT", strategyName = "main", exchangeName = "binance", backtest = false,
      currentPrice = 43210.55, timestamp = 1707343380000, closeReason = "take_profit", closeTimestamp = 1707343380000,
      pnl = { pnlPercentage = 1.2345678901234567, priceOpen = 42000.42, priceClose = 43167.33945 },
      signal = { id = "main/BTCUSDT/1707343320000", note = "\195\164 \"quoted\"", minuteEstimatedTime = math.huge },
    }
    assert.equal("a899c9d32962962f", core.contentHash(event))
    assert.equal("0bcf65461e4d0e3a", core.contentHash { 1, { true, "" }, x = -0.5 })
    assert.equal(core.contentHash(event), hash.ofValue(event))
  end)

  it("is the one that is defined, for values of every kind", function()
    math.randomseed(7)
    for _ = 1, 3000 do
      local value = anyValue(0)
      assert.equal(defined(value), core.contentHash(value))
    end
  end)

  it("does not depend on the order in which fields were set", function()
    local one, other = {}, {}
    for i = 1, 50 do one["k" .. i] = i end
    for i = 50, 1, -1 do other["k" .. i] = i end
    assert.equal(core.contentHash(one), core.contentHash(other))
    other.k50 = 51
    assert.not_equal(core.contentHash(one), core.contentHash(other))
  end)

  it("refuses what has no content that lasts", function()
    local deep, wide = {}, {}
    for _ = 1, 128 do deep = { deep } end
    for i = 1, 1001 do wide[i] = i end
    raises.error("invalid_argument", nil, core.contentHash, { [true] = 1 })
    raises.error("invalid_argument", nil, core.contentHash, deep)
    raises.error("invalid_argument", nil, core.contentHash, wide)
    assert.equal(16, #core.contentHash(deep[1]))
  end)

  it("holds where a finalizer changes the table meanwhile", function()
    local value = {}
    for i = 1, 200 do value["key" .. i] = i + 0.5 end
    local changes = 0
    local function arrange()
      getmetatable(newproxy(true)).__gc = function()
        changes = changes + 1
        value["key" .. changes % 200 + 1], value["new" .. changes] = nil, changes
        if changes < 300 then arrange() end
      end
    end
    arrange()
    for _ = 1, 300 do
      pcall(core.contentHash, value) -- the loop over its keys may say that it was changed
      collectgarbage("step", 200)
    end
    assert.is_true(changes > 10)
  end)
end)

describe("a copy of an event", function()
  it("has all that is in it, and shares no table with it", function()
    local value = {
      list = { 1, { x = 1 }, "c" }, holes = { 1, nil, 3, nil, nil, 6 }, empty = {}, [0] = "zero", [1.5] = true,
      array = core.json.array {}, flag = false, null = core.json.null,
    }
    local copy = events.copy(value)
    assert.same(value, copy)
    assert.is_true(core.json.isArray(copy.array))
    assert.not_equal(value.list, copy.list)
    assert.not_equal(value.list[2], copy.list[2])
    copy.list[2].x = 2
    assert.equal(1, value.list[2].x)
    assert.same({ [3] = 1 }, events.copy { nil, nil, 1 })
  end)

  it("has errors as they are, and so is anything that is no table", function()
    local failure = core.error("busy", "it is busy")
    local copy = events.copy { error = failure, n = 1 }
    assert.is_true(rawequal(failure, copy.error))
    assert.is_true(rawequal(failure, events.copy(failure)))
    assert.equal("x", events.copy "x")
    assert.is_nil(events.copy(nil))
  end)
end)
