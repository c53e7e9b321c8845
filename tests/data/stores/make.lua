-- SPDX-License-Identifier: MIT
--
-- What is in the stores beside this file: `holdfast run make.lua BASE` with the version that the file is named after.
-- In that of LMDB, signal:log-42 was then damaged and read, so that it is in quarantine.  That of files lacks what the
-- transaction at the end writes.

local holdfast = require "holdfast"

local signals = holdfast.PersistBase("signal", arg[1])
local odd = holdfast.PersistBase("Ünïcode name/with:odd%chars", arg[1])
local big = holdfast.PersistBase("big", arg[1])

for i = 1, 300 do
  signals:writeValue("log-" .. i, {
    n = i, price = 44152.25 + i / 7, tags = holdfast.array {},
    meta = { symbol = i % 3 == 0 and "BTCUSDT" or "ETHUSDT", note = holdfast.null },
  })
end
for i = 1, 300, 7 do signals:removeValue("log-" .. i) end
for _, id in ipairs { "BTC/USDT:USDT", "..", "a%2Fb", "é", ("k"):rep(250), ("1a"):rep(125), "7", "007", "LOG-3" } do
  odd:writeValue(id, { me = id, inf = math.huge, neg = -0.0 })
end
for i = 1, 5 do big:writeValue("v" .. i, { text = ("x"):rep(i * 20000) }) end
holdfast.transaction(function()
  signals:writeValue("t1", { 1 })
  odd:writeValue("t2", { 2 })
end)
