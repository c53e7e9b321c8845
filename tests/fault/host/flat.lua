-- SPDX-License-Identifier: MIT
--
-- An exchange where nothing ever changes, and a strategy on it whose every position ends when its time is over.

local MINUTE = 60000

local M = { START = 1707343380000, MINUTE = MINUTE }

--- Adds both to a host, as "flat" and "main".
---@param host table
---@param minutes integer  how long a position is open
function M.add(host, minutes)
  host.addExchange {
    exchangeName = "flat",
    getCandles = function(_, _, since, limit)
      local list = {}
      for i = 1, limit do
        list[i] = { timestamp = since + (i - 1) * MINUTE, open = 100, high = 100, low = 100, close = 100, volume = 1 }
      end
      return list
    end,
  }
  host.addStrategy {
    strategyName = "main", interval = "1m",
    getSignal = function()
      return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = minutes }
    end,
  }
end

return M
