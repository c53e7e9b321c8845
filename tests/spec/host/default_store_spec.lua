-- SPDX-License-Identifier: MIT
--
-- The store of a host for which nobody has registered one: it keeps a log if the host has made it, and is left as it
-- is where it was there.

local assert = require("luassert")
local command = require "support.command"
local process = require "support.process"
local temp = require "support.temp"

local SCRIPT = [[
  local host, holdfast = require "holdfast.host", require "holdfast"
  local clock = host.manualClock(1707343380000)
  host.setClock(clock)
  host.addExchange { exchangeName = "test", getCandles = function(_, _, since, limit)
    local list = {}
    for i = 0, limit - 1 do
      list[i + 1] = { timestamp = since + i * 60000, open = 100, high = 100, low = 100, close = 100, volume = 1 }
    end
    return list
  end }
  host.addStrategy { strategyName = "main", interval = "1m", getSignal = function()
    return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 60 }
  end }
  host.Live.background("BTCUSDT", { strategyName = "main", exchangeName = "test" })
  clock:advance(120000)
  host.Live.stop()
  host.run()
]]

describe("a host's default store", function()
  local folder

  before_each(function()
    folder = temp.directory()
    temp.writeFile(folder .. "/host.lua", SCRIPT)
  end)

  after_each(temp.removeAll)

  local function runHost()
    local result = process.shell("cd " .. temp.quote(folder) .. " && " .. command.line { "run", "host.lua" })
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
  end

  local function settings()
    return command.ok { "set", folder .. "/dump/data", "--json" }
  end

  it("keeps a log and the values that were replaced, where the host has made it", function()
    runHost()
    assert.matches('"changes":"7d"', settings())
    assert.matches('"history":true', settings())
    local log = command.ok { "watch", folder .. "/dump/data", "signal", "--from", "3", "--timeout", "0" }
    assert.matches("write signal:main/BTCUSDT", log, 1, true)
    command.run { "set", folder .. "/dump/data", "changes=off", "history=false" }
    runHost()
    assert.matches('"changes":"off"', settings())
  end)

  it("stays as it is, where it was there", function()
    command.ok { "put", folder .. "/dump/data", "risk", "x", "1" }
    runHost()
    assert.matches('"changes":"off"', settings())
    assert.matches('"format":1', settings())
  end)
end)
