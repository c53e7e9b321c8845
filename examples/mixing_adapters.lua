-- SPDX-License-Identifier: MIT
--
-- A store for each kind of state: the example "Partial Adapter Registration" of the TypeScript framework.  Signals in
-- Redis, risk in a store that notes every change, the rest where it is by default, in LMDB.
--
--     REDIS_PORT=6379 holdfast run examples/mixing_adapters.lua

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path

local holdfast = require "holdfast"
local signals, scheduled = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
local risk, partial = holdfast.PersistRiskAdapter, holdfast.PersistPartialAdapter

-- Use Redis only for signal state (high-frequency updates)
signals.usePersistSignalAdapter(require "redis_adapter")

-- Use an audited store for risk positions (who changed what)
risk.usePersistRiskAdapter(require "audited", "./dump/risk")

-- Use the default for schedule and partial
-- (no registration needed - defaults are used)

for _, adapter in ipairs(holdfast.adapters.list()) do print(adapter.name, adapter.entityName, adapter.id) end

scheduled.writeScheduleData({ position = "long", priceOpen = 50000 }, "main", "BTC/USDT")
partial.writePartialData({ profit = { 10 } }, "BTC/USDT")
risk.writePositionData({ { symbol = "BTC/USDT" } }, "portfolio")
risk.writePositionData({ { symbol = "BTC/USDT" }, { symbol = "ETH/USDT" } }, "portfolio")

-- The order is filled: the scheduled signal becomes an open one.  These two are in different stores, and no transaction
-- covers two stores, so this is refused before anything is done twice or lost:
local function fill()
  local row = scheduled.readScheduleData("main", "BTC/USDT")
  scheduled.writeScheduleData(nil, "main", "BTC/USDT")
  signals.writeSignalData(row, "main", "BTC/USDT")
end
local ok, failure = pcall(holdfast.transaction, fill)
print("in one transaction:", ok, failure.code)
print("still scheduled:", scheduled.readScheduleData("main", "BTC/USDT").priceOpen)

-- So choose the order: open first.  If the program ends in between, both are there, and the one that is open wins.
signals.writeSignalData(scheduled.readScheduleData("main", "BTC/USDT"), "main", "BTC/USDT")
scheduled.writeScheduleData(nil, "main", "BTC/USDT")
print("open:", signals.readSignalData("main", "BTC/USDT").priceOpen)
print("scheduled:", scheduled.readScheduleData("main", "BTC/USDT"))

-- With both in one store it is one transaction: give signals no store of their own.

local audit = holdfast.PersistBase("risk-audit", "./dump/risk")
for id, change in audit:entries() do print("risk:", id, change.what, change.id) end

-- Too late: signals are in use.
ok, failure = pcall(signals.useMemory)
print(ok, failure.code, failure.message)
