-- SPDX-License-Identifier: MIT
--
-- The settings of the host, under the names that they have in the TypeScript framework.

local refuse = require("holdfast.host.checks").refuse

local M = {}

--- What holds until setConfig says otherwise.
---@class holdfast.host.Config
local DEFAULTS = {
  CC_SCHEDULE_AWAIT_MINUTES = 120, -- how long a signal with priceOpen waits before it is cancelled
  CC_AVG_PRICE_CANDLES_COUNT = 5, -- one-minute candles in the average price
  CC_PERCENT_SLIPPAGE = 0.1, -- of the price, each way
  CC_PERCENT_FEE = 0.1, -- of the price, each way
  CC_MIN_TAKEPROFIT_DISTANCE_PERCENT = 0.5, -- from priceOpen: what is nearer does not pay its fees
  CC_MIN_STOPLOSS_DISTANCE_PERCENT = 0.5, -- from priceOpen: what is nearer is hit at once
  CC_MAX_STOPLOSS_DISTANCE_PERCENT = 20, -- from priceOpen
  CC_MAX_SIGNAL_LIFETIME_MINUTES = 1440, -- the longest minuteEstimatedTime; math.huge: signals may last for ever
  CC_MAX_SIGNAL_GENERATION_SECONDS = 180, -- a function that takes longer has failed (backtests: a validation)
  CC_GET_CANDLES_RETRY_COUNT = 3, -- how often getCandles is asked again in the same tick (live only)
  CC_GET_CANDLES_RETRY_DELAY_MS = 5000, -- before it is asked again
  CC_MAX_CANDLES_PER_REQUEST = 1000, -- the most that getCandles is asked for at once
  CC_STATUS_INTERVAL_MINUTES = 1, -- between two notes of how live runs are, for `holdfast status`; 0: none
  CC_TRADE_RETENTION_DAYS = math.huge, -- how long trades of live runs are kept after their end
}

M.values = {}
for name, value in pairs(DEFAULTS) do M.values[name] = value end

local INTEGERS = {
  CC_AVG_PRICE_CANDLES_COUNT = 1, CC_GET_CANDLES_RETRY_COUNT = 0, CC_MAX_CANDLES_PER_REQUEST = 1,
  CC_STATUS_INTERVAL_MINUTES = 0,
}

local function names()
  local list = {}
  for name in pairs(DEFAULTS) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, ", ")
end

--- Changes settings; those that are not named stay as they are.  All are checked before any is changed.
---@param settings table<string, number>
---@raise invalid_argument
function M.set(settings)
  if type(settings) ~= "table" then refuse("setConfig: give a table of settings, not a %s", type(settings)) end
  for name, value in pairs(settings) do
    if DEFAULTS[name] == nil then refuse("setConfig: there is no setting %s: %s exist", tostring(name), names()) end
    if type(value) ~= "number" then refuse("setConfig: %s must be a number, not a %s", name, type(value)) end
    if value < 0 or value ~= value then
      refuse("setConfig: %s must be a number of at least 0, not %s", name, tostring(value))
    end
    local least = INTEGERS[name]
    if least and (value % 1 ~= 0 or value < least) then
      refuse("setConfig: %s must be a whole number of at least %d, not %s", name, least, tostring(value))
    end
  end
  for name, value in pairs(settings) do M.values[name] = value end
end

--- Makes all settings what they were at first.
function M.reset()
  for name, value in pairs(DEFAULTS) do M.values[name] = value end
end

return M
