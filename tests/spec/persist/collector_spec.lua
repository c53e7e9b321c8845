-- SPDX-License-Identifier: MIT
--
-- LuaJIT's collector while entities are read: its cycles are spaced out, and what a script has set stays as it is.

local holdfast = require("holdfast")
local temp = require("support.temp")

local DEFAULT = 200

local function open(n)
  local store = holdfast.PersistBase("signal", "memory:collector-" .. temp.directory():gsub("%W", ""))
  local batch = {}
  for i = 1, n do
    batch[i] = { n = i, text = ("x"):rep(300) .. i, inner = { a = i, b = { i } } }
  end
  store:writeMany(batch)
  return store
end

local function setPause(pause)
  local was = collectgarbage("setpause", pause)
  finally(function()
    collectgarbage("setpause", was)
  end)
end

-- Allocates nothing beside what reading does: assert.is_number() would.
local function readAll(store)
  local n = 0
  for value in store:values() do
    n = n + value.n / value.n
  end
  assert.equal(store:count(), n)
end

-- Calls `act` at the end of each cycle from now on, until the function that this returns is called.
local function atEachCycle(act)
  local going = true
  local function arm()
    getmetatable(newproxy(true)).__gc = function()
      if going then
        act()
        arm()
      end
    end
  end
  arm()
  return function()
    going = false
  end
end

-- How many cycles reading everything ten times takes.
local function cyclesOf(store)
  collectgarbage()
  local cycles = 0
  local stop = atEachCycle(function()
    cycles = cycles + 1
  end)
  for _ = 1, 10 do
    readAll(store)
  end
  stop()
  return cycles
end

describe("the collector", function()
  it("goes round less often while entities are read beside much that is alive", function()
    local store, alive = open(10000), {}
    for i = 1, 200000 do
      alive[i] = "alive " .. i
    end
    setPause(DEFAULT)
    collectgarbage()
    local spaced = cyclesOf(store)
    collectgarbage("setpause", DEFAULT + 1)
    collectgarbage()
    local plain = cyclesOf(store)
    assert.is_true(plain >= 3, "cycles with the script's own pause: " .. plain)
    assert.is_true(spaced < plain * 0.75, ("%d cycles, and %d with the script's own pause"):format(spaced, plain))
    assert.equal(200000, #alive)
  end)

  for _, pause in ipairs({ DEFAULT, 0, 100, 1000 }) do
    it("has after reading the pause that it had, " .. pause, function()
      local store, alive = open(3000), ("x"):rep(8 * 1024 * 1024)
      setPause(pause)
      readAll(store)
      store:readValue(1)
      store:readMany({ 1, 2, 3 })
      assert.equal(pause, collectgarbage("setpause", DEFAULT))
      assert.equal(8 * 1024 * 1024, #alive)
    end)
  end

  it("keeps the pause that a finalizer sets while an entity is decoded", function()
    local store, alive = open(10000), ("x"):rep(8 * 1024 * 1024)
    setPause(DEFAULT)
    local times = 0
    local stop = atEachCycle(function()
      times = times + 1
      collectgarbage("setpause", 150)
    end)
    for _ = 1, 10 do
      readAll(store)
    end
    stop()
    assert.is_true(times > 0, "no cycle came to its end")
    assert.equal(150, collectgarbage("setpause", DEFAULT))
    assert.equal(8 * 1024 * 1024, #alive)
  end)

  it("has its pause again after an entity that a finalizer ended with an error, once the next is read", function()
    local store, alive = open(10000), ("x"):rep(8 * 1024 * 1024)
    setPause(DEFAULT)
    local stop = atEachCycle(function()
      error("on purpose")
    end)
    for _ = 1, 10 do
      pcall(readAll, store)
    end
    stop()
    store:readValue(1)
    assert.equal(DEFAULT, collectgarbage("setpause", DEFAULT))
    assert.equal(8 * 1024 * 1024, #alive)
  end)
end)
