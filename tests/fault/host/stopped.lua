-- SPDX-License-Identifier: MIT
--
-- A live host that goes on by a minute for each line that it reads, and says so:
--
--   stopped.lua STORE  prints "running", then "minute N" after each; raises where another host has the strategy

package.path = arg[0]:match "^(.*)/" .. "/?.lua;" .. package.path

local flat = require "flat"
local holdfast = require "holdfast"
local host = require "holdfast.host"

holdfast.adapters.useAll(arg[1])
flat.add(host, 2)
local opened = 0
host.listenSignalLive(function(event) if event.action == "opened" then opened = opened + 1 end end)
host.listenError(function(failure) error(failure.message, 0) end)
local clock = host.manualClock(flat.START)
host.setClock(clock)
host.Live.background("BTCUSDT", { strategyName = "main", exchangeName = "flat" })
io.stdout:setvbuf "line"
print "running"
local minute = 0
for _ in io.lines() do
  minute = minute + 1
  clock:advanceTo(flat.START + minute * flat.MINUTE)
  print(("minute %d, opened %d"):format(minute, opened))
end
