-- SPDX-License-Identifier: MIT
--
-- Positions end by the rules of docs/host.md, reckoned here once more from the prices alone: none ends without a reason
-- or at another price, and none that is due is still there after a minute in which nothing went wrong.

local MINUTE = 60000
local NEAR = 1e-9 -- nearer than that to a limit, either is right

local M = {}

function M.begin() return {} end

-- Why a position has to end in a minute, and at which price; "near" where rounding decides.
local function due(world, row, when)
  if when - row.pendingAt >= row.minuteEstimatedTime * MINUTE then
    return "time_expired", world.market.average(row.symbol, when)
  end
  local sign, near = row.position == "long" and 1 or -1, false
  local function isBeyond(price, limit)
    local distance = (price - limit) * sign / limit
    near = near or math.abs(distance) < NEAR
    return distance >= 0
  end
  for i = 5, 1, -1 do
    local candle = world.market.candle(row.symbol, when - i * MINUTE)
    local worst = sign == 1 and candle.low or candle.high
    if candle.timestamp >= row.pendingAt and not isBeyond(worst, row.priceStopLoss) then
      return near and "near" or "stop_loss", row.priceStopLoss
    end
  end
  if isBeyond(world.market.average(row.symbol, when), row.priceTakeProfit) then
    return near and "near" or "take_profit", row.priceTakeProfit
  end
  return near and "near" or nil
end

local function wrongEnd(world, event)
  if event.closeReason == "manual" then return end -- hands.lua looks at it
  local reason, price = due(world, event.signal, event.timestamp)
  if reason == "near" then return end
  if reason ~= event.closeReason then
    return ("%s: it closed by %s; the rules say %s"):format(event.id, event.closeReason, tostring(reason))
  end
  if math.abs(price - event.currentPrice) > price * NEAR then
    return ("%s: it closed at %.17g; the rules say %.17g"):format(event.id, event.currentPrice, price)
  end
end

function M.committed(_, changes, world)
  for _, change in ipairs(changes) do
    if change.name == "partial" then
      for id, entry in pairs(change.after or {}) do
        local before = change.before and change.before[id]
        for _, event in ipairs(entry.stage == "closed" and entry.events or {}) do
          local isNew = event.action == "closed" and (not before or before.stage ~= "closed")
          local problem = isNew and wrongEnd(world, event)
          if problem then return problem end
        end
      end
    end
  end
end

--- A minute has passed in which nothing went wrong; `rows` were open before it.
function M.minute(_, when, rows, world)
  for key, row in pairs(rows) do
    local now = world.disk.content.signal[key]
    if now and now.id == row.id and row.pendingAt < when then
      local reason = due(world, row, when)
      if reason and reason ~= "near" then
        return ("%s: %s was due at %d, %s, and is open still"):format(key, row.id, when, reason)
      end
    end
  end
end

--- The clock is right, and the host has had time to see it: nothing has begun in the future, where nobody watches it.
function M.settled(_, world)
  for _, name in ipairs { "signal", "schedule" } do
    for key, row in pairs(world.disk.content[name]) do
      if math.max(row.pendingAt, row.scheduledAt) > world.agenda.time then
        return ("%s: %s is of the future, and is not watched"):format(key, row.id)
      end
    end
  end
end

return M
