-- SPDX-License-Identifier: MIT
--
-- Writes to a store without end, in every way that its log knows: follow_test.sh.
--
--     holdfast run follow_writer.lua URL SEED

local clock = require "holdfast.util.clock"
local holdfast = require "holdfast"

math.randomseed(tonumber(arg[2]))
local random = math.random

local options = { durability = "nosync" }
local names = { "candle", "order", "signal" }
local stores = {}
for i, name in ipairs(names) do stores[i] = holdfast.PersistBase(name, arg[1], options) end

local n = 0
local function value()
  n = n + 1
  return { n = n, text = ("x"):rep(random(0, 200)) }
end

local function change(store)
  local id = "id " .. random(1, 3000)
  if random() < 0.75 then store:writeValue(id, value()) else store:removeMany { id } end
end

local function several(count)
  holdfast.transaction(function()
    for _ = 1, count do change(stores[random(1, #stores)]) end
    if random() < 0.1 then stores[random(1, #stores)]:removeAll() end
  end)
end

while true do
  local kind = random(1, 100)
  if kind <= 70 then
    change(stores[random(1, #stores)])
  elseif kind <= 97 then
    several(random(2, 12))
  elseif kind == 98 then
    several(3000)
  elseif kind == 99 then
    stores[random(1, #stores)]:removeAll()
  else
    clock.sleep(random() * 0.02)
  end
end
