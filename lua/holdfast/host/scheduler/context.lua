-- SPDX-License-Identifier: MIT
--
-- On whose behalf a function of the user runs: which symbol, strategy and exchange, and at what time.  This is how
-- host.getAveragePrice(symbol) inside getSignal knows what to ask, and that nothing later than `when` may be seen.
-- It belongs to the coroutine, since others run while one waits.

local core = require "holdfast.core"

local M = {}

---@class holdfast.host.Context
---@field symbol string
---@field strategyName string
---@field exchangeName string
---@field frameName? string
---@field exchange table    of addExchange
---@field backtest boolean
---@field when number       ms since the epoch: now, for whoever runs
---@field average fun(symbol: string): number               the average price at `when`
---@field known? fun(exchangeName: string, symbol: string): number?  an average price of about `when` that was asked for
--- already; none in backtests
---@field candles fun(symbol: string, interval: string, count: number): table[]  the last ones before `when`

local MAIN = {} -- stands for the script itself, outside of any coroutine
local contexts = setmetatable({}, { __mode = "k" })

local function key()
  local co, isMain = coroutine.running()
  return co and not isMain and co or MAIN
end

--- Makes a context that of this coroutine; gives the one before, to be set again.
---@param context? holdfast.host.Context
---@return holdfast.host.Context? before
function M.set(context)
  local k = key()
  local before = contexts[k]
  contexts[k] = context
  return before
end

--- That of this coroutine.
---@return holdfast.host.Context?
function M.get() return contexts[key()] end

--- The same, for a function of the host that makes no sense without one.
---@param what string  the function
---@return holdfast.host.Context
---@raise invalid_argument
function M.need(what)
  local context = contexts[key()]
  if context then return context end
  error(core.error("invalid_argument", "host." .. what
    .. ": call it inside getSignal, a callback or a validation: it answers for the strategy that runs"), 0)
end

return M
