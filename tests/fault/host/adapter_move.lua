-- SPDX-License-Identifier: MIT
--
-- A host that moves one signal back and forth between two adapters, and who looks where it is:
--
--   adapter_move.lua move BASE HOW FIRST [DIE]  moves number FIRST, FIRST + 1, ...; a line with its number acknowledges
--                                               each.  HOW: together (one transaction) or apart.  In move number DIE it
--                                               kills itself between the two writes, as `kill -9` does
--   adapter_move.lua check BASE ACKNOWLEDGED    prints the number of the last move that happened; raises unless exactly
--                                               one adapter has the signal, the one where this move puts it

local ffi = require("ffi")
local holdfast = require("holdfast")

ffi.cdef("int kill(int pid, int signal); int getpid(void);")

local command, base = arg[1], arg[2]
local signals, scheduled = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
signals.useLmdb(base)
scheduled.useLmdb(base)

-- Where the signal is after a move, and before it.
local places = {
  [0] = { read = scheduled.readScheduleData, write = scheduled.writeScheduleData },
  { read = signals.readSignalData, write = signals.writeSignalData },
}

if command == "move" then
  io.stdout:setvbuf("line") -- whole lines: unbuffered, the first byte is written alone
  local together = arg[3] == "together"
  local first, die = tonumber(arg[4]), tonumber(arg[5])
  for number = first, math.huge do
    local to, from = places[number % 2], places[(number + 1) % 2]
    local function move()
      local row = from.read("main", "BTC/USDT") or { minuteEstimatedTime = math.huge }
      row.number = number
      to.write(row, "main", "BTC/USDT")
      if number == die then ffi.C.kill(ffi.C.getpid(), 9) end
      from.write(nil, "main", "BTC/USDT")
    end
    if together then holdfast.transaction(move) else move() end
    io.stdout:write(number, "\n")
  end
else
  local acknowledged = tonumber(arg[3])
  local there = {}
  for i = 0, 1 do there[i] = places[i].read("main", "BTC/USDT") end
  if acknowledged == 0 and not there[0] and not there[1] then
    print(0)
    return
  end
  assert(not (there[0] and there[1]), "both adapters have the signal")
  local place = there[1] and 1 or 0
  local row = assert(there[place], "no adapter has the signal")
  assert(row.number % 2 == place, "the signal is not where move " .. row.number .. " puts it")
  assert(row.number == acknowledged or row.number == acknowledged + 1,
    "move " .. acknowledged .. " was acknowledged, and the signal is as after move " .. row.number)
  assert(row.minuteEstimatedTime == math.huge, "the signal has changed on its way")
  print(row.number)
end
