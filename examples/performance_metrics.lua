-- SPDX-License-Identifier: MIT
--
-- Performance metrics: one entity for each symbol, brought up to date with every closed trade.  The trade and
-- the figures that follow from it are one transaction, so they always agree, whatever ends the program.
--
--     holdfast run examples/performance_metrics.lua

local holdfast = require "holdfast"

local base = "./logs/metrics"
local performance = holdfast.PersistBase("performance", base)
local trades = holdfast.PersistBase("trade", base)
performance:removeAll()
trades:removeAll()

local function closeTrade(id, trade)
  holdfast.transaction(function()
    trades:writeValue(id, trade, { ifAbsent = true }) -- a trade that comes twice is counted once
    local known = performance:readMany { trade.symbol }[trade.symbol]
    local sum = known or { trades = 0, wins = 0, pnl = 0, best = -math.huge, worst = math.huge }
    sum.trades = sum.trades + 1
    sum.wins = sum.wins + (trade.pnl > 0 and 1 or 0)
    sum.pnl = sum.pnl + trade.pnl
    sum.best = math.max(sum.best, trade.pnl)
    sum.worst = math.min(sum.worst, trade.pnl)
    performance:writeValue(trade.symbol, sum)
  end)
end

closeTrade("t-1", { symbol = "BTCUSDT", pnl = 167.5 })
closeTrade("t-2", { symbol = "BTCUSDT", pnl = -82.25 })
closeTrade("t-3", { symbol = "ETHUSDT", pnl = -12.5 })
closeTrade("t-4", { symbol = "SOLUSDT", pnl = 30 })
closeTrade("t-5", { symbol = "BTCUSDT", pnl = 20 })

local ok, failure = pcall(closeTrade, "t-3", { symbol = "ETHUSDT", pnl = -12.5 })
print("t-3 again:", ok, failure.code)

local function report(symbol, sum)
  print(("%-8s %d trades, %3.0f %% won, %+8.2f, best %+.2f, worst %+.2f"):format(symbol, sum.trades,
    100 * sum.wins / sum.trades, sum.pnl, sum.best, sum.worst))
end

for symbol, sum in performance:entries() do report(symbol, sum) end

-- A few symbols, read at one moment.
local total = 0
for _, sum in pairs(performance:readMany { "BTCUSDT", "SOLUSDT", "DOGEUSDT" }) do total = total + sum.pnl end
print(("BTC and SOL together: %+.2f"):format(total))

-- The figures agree with the trades.
local wins = 0
for _ in trades:filter(function(t) return t.pnl > 0 end) do wins = wins + 1 end
print("trades won:", wins, "of", trades:count())
