-- SPDX-License-Identifier: MIT
--
-- Removes trades of live runs that are older than CC_TRADE_RETENTION_DAYS: once a day of host time, and then a piece
-- each minute, when nothing else is to be done, through the ids in their order.  Many trades take many minutes, and
-- none of these is held up.
--
-- How old a trade is says the minute of a tick for which an exchange has given a price: a clock that is years ahead,
-- alone, removes nothing.

local adapter = require "holdfast.adapters".PersistTradeAdapter
local config = require "holdfast.host.config"
local loop = require "holdfast.host.scheduler.loop"

local M = {}

local DAY = 86400000
local PIECE = 1000 -- ids that are looked at in one piece

local lastSweep -- when the last one began
local lastPiece -- the minute of the last piece
local sweeping, cursor = false, nil -- whether one is under way, and the id from which it goes on
local arranged = false

--- Forgets when trades were removed, for a host that begins again.
function M.forget() lastSweep, lastPiece, sweeping, cursor = nil, nil, false, nil end

-- The last of the next ids, or nil where there are none.
local function lastOf(collection, from)
  local last
  for id in collection:keys { from = from, limit = PIECE } do last = id end
  return last
end

-- Looks at the next ids.
local function sweep(when)
  local cutoff = when - config.values.CC_TRADE_RETENTION_DAYS * DAY
  local collection = adapter.collection()
  local last = lastOf(collection, cursor)
  local gone = {}
  local range = { from = cursor, to = last, where = function(v)
    return type(v) == "table" and v.backtest == false and type(v.closedAt) == "number" and v.closedAt < cutoff
  end }
  for id in collection:keys(range) do gone[#gone + 1] = id end
  if gone[1] then collection:removeMany(gone) end
  sweeping = last ~= nil and last ~= cursor
  cursor = sweeping and last or nil
end

--- Has a piece of what is too old removed soon, where that is due.
---@param when number  the minute of a tick that has a price
---@param failed fun(raised: any)  told of what keeps it from being removed: that is tried again a day later
function M.lookSoon(when, failed)
  if config.values.CC_TRADE_RETENTION_DAYS == math.huge or arranged or when == lastPiece then return end
  if not sweeping then
    if lastSweep and math.abs(when - lastSweep) < DAY then return end
    lastSweep, sweeping = when, true
  end
  arranged, lastPiece = true, when
  loop.whenIdle(function()
    arranged = false
    local ok, raised = pcall(sweep, when)
    if ok then return end
    sweeping, cursor = false, nil
    failed(raised)
  end)
end

return M
