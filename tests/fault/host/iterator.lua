-- SPDX-License-Identifier: MIT
--
-- A host whose events are iterated:
--
--   iterator.lua STORE MINUTE COUNT  begins in that minute; prints each event that its loop is given, and kills
--                                    itself, as `kill -9` does, in the body of the COUNTth

package.path = arg[0]:match "^(.*)/" .. "/?.lua;" .. package.path

local ffi = require "ffi"
local flat = require "flat"
local holdfast = require "holdfast"
local host = require "holdfast.host"

ffi.cdef "int kill(int pid, int signal); int getpid(void);"

holdfast.adapters.useAll(arg[1])
flat.add(host, 3)
host.setClock(host.manualClock(flat.START + tonumber(arg[2]) * flat.MINUTE))
local left = tonumber(arg[3])
for event in host.Live.run("BTCUSDT", { strategyName = "main", exchangeName = "flat" }) do
  io.write(event.id, "\n")
  io.flush()
  left = left - 1
  if left == 0 then ffi.C.kill(ffi.C.getpid(), 9) end
end
