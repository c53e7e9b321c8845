-- SPDX-License-Identifier: MIT
--
-- What is asked of the signals (signals.lua), as predicates.  The peers ask the same in their own ways; all have to
-- give the same number of entities.

return {
  -- One symbol of a hundred.
  symbol = function(v) return v.metadata.symbol == "BTCUSDT" end,
  -- Two fields with arithmetic.  The gain of a signal is 3 % of a price between 10 and 60,010: 3 % have it.
  sum = function(v) return v.priceTakeProfit - v.priceOpen > 1746.3 end,
  -- Half of all.
  half = function(v) return v.priceOpen >= 30010 end,
  -- A little more than a twentieth, and a little less.
  over = function(v) return v.priceOpen < 3610 end,
  under = function(v) return v.priceOpen < 2410 end,
  -- Five symbols of a hundred.
  substring = function(v) return v.symbol:find("BTC", 1, true) end,
}
