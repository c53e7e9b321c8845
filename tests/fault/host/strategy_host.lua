-- SPDX-License-Identifier: MIT
--
-- The script of examples/strategy_host.c, in a process that ends as by `kill -9` when it comes to a certain moment:
--
--   strategy_host ... BASE EXAMPLE CLASS KIND NUMBER
--
-- EXAMPLE is the script proper, CLASS the file of its store, "" for LMDB.  KIND and NUMBER say at which moment it ends:
--   row     before a signal, a scheduled signal or slots of a risk profile are written, in LMDB in a transaction
--   ledger  before the ledger is written
--   before  when this event has been stored, and the program has not got it
--   after   when the program has got it, and the host has not noted that it did

local adapters = require("holdfast.adapters")
local ffi = require("ffi")
local host = require("holdfast.host")

ffi.cdef("int kill(int pid, int signal); int getpid(void);")

local base, example, class, kind, number = ...
local left = tonumber(number)

local function moment(which)
  if which ~= kind then return end
  left = left - 1
  if left == 0 then ffi.C.kill(ffi.C.getpid(), 9) end
end

for name, write in pairs {
  PersistSignalAdapter = "writeSignalData", PersistScheduleAdapter = "writeScheduleData",
  PersistRiskAdapter = "writePositionData", PersistPartialAdapter = "writePartialData",
} do
  local adapter = adapters[name]
  local original = adapter[write]
  adapter[write] = function(...)
    moment(name == "PersistPartialAdapter" and "ledger" or "row")
    return original(...)
  end
end

-- Callbacks come before listeners; the program's listener is there already, so that it comes before ours.
local add = host.addStrategy
function host.addStrategy(strategy)
  strategy.callbacks = {}
  for _, name in ipairs { "onSchedule", "onOpen", "onClose", "onCancel", "onPartialProfit", "onPartialLoss" } do
    strategy.callbacks[name] = function() moment("before") end
  end
  add(strategy)
end
local function heard(event)
  if event.id then moment("after") end
end
host.listenSignalLive(heard)
host.listenPartial(heard)

assert(loadfile(example))(base, class ~= "" and class or nil)
