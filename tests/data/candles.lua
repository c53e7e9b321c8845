-- SPDX-License-Identifier: MIT
--
-- Prints made-up candles as CSV, for what is not written in Lua:
--
--     holdfast run tests/data/candles.lua '{"count":3000,"seed":7}' > candles.csv
--
-- The argument is a JSON object of `count` and the options of `candles` in examples/market.lua.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../../examples/?.lua;" .. package.path

local json = require "holdfast".json
local market = require "market"

local options = json.decode(arg[1] or "{}")
io.write(market.formatCandles(market.candles(options.count or 3000, options)))
