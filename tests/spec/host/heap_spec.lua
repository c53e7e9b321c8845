-- SPDX-License-Identifier: MIT
--
-- The collector while the host works: larger steps, and a longer pause of a larger heap; and what a script has set.

local host = require "holdfast.host"
local hosts = require "support.hosts"

-- What is set.
local function now(option)
  local value = collectgarbage(option, 200)
  collectgarbage(option, value)
  return value
end

describe("the collector", function()
  local world, ballast, pause, step

  before_each(function()
    world = hosts.world()
    ballast = {}
    hosts.strategy { getSignal = function() pause, step = now "setpause", now "setstepmul" end }
    hosts.live()
    collectgarbage "stop" -- so that the heap stays as large as it is
  end)

  after_each(function()
    collectgarbage "restart"
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
    hosts.finish()
  end)

  local function growTo(kib)
    while collectgarbage "count" < kib do ballast[#ballast + 1] = ("x"):rep(1000) .. #ballast end
  end

  it("does more at a time while the host works, and waits for longer where the heap is large", function()
    growTo(4 * 1024)
    world.pass(1)
    assert.equal(400, pause)
    assert.equal(1000, step)
    growTo(64 * 1024)
    world.pass(1)
    assert.is_true(pause > 200 and pause <= 300, pause)
    assert.equal(200, now "setpause")
    assert.equal(200, now "setstepmul")
  end)

  it("does as a script says", function()
    growTo(4 * 1024)
    collectgarbage("setpause", 150)
    collectgarbage("setstepmul", 250)
    world.pass(1)
    assert.equal(150, pause)
    assert.equal(250, step)
    assert.equal(150, now "setpause")
    assert.equal(250, now "setstepmul")
  end)

  it("goes on as a function of the user has set it meanwhile", function()
    growTo(4 * 1024)
    host.listenMinute(function()
      collectgarbage("setpause", 350)
      collectgarbage("setstepmul", 350)
    end)
    world.pass(1)
    assert.equal(350, now "setpause")
    assert.equal(350, now "setstepmul")
  end)
end)
