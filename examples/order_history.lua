-- SPDX-License-Identifier: MIT
--
-- Order history: every order with all its executions, and for each symbol an index in the order of time.  An order and
-- its line in the index are written in one transaction.  An order is open, then filled in parts, then done.
--
--     holdfast run examples/order_history.lua

local holdfast = require "holdfast"

local base = "./logs/orders"
local orders = holdfast.PersistBase("order-history", base)
local bySymbol = holdfast.PersistBase("order-by-symbol", base)
orders:removeAll()
bySymbol:removeAll()

local function place(id, time, symbol, side, quantity, price)
  holdfast.transaction(function()
    orders:writeValue(id, {
      id = id, symbol = symbol, side = side, quantity = quantity, price = price,
      status = "open", placedAt = time, executions = holdfast.array {},
    }, { ifAbsent = true })
    bySymbol:writeValue(("%s/%d/%s"):format(symbol, time, id), id)
  end)
end

-- Adds an execution; refuses to fill more than was ordered, and then nothing is written.
local function execute(id, time, quantity, price)
  return holdfast.transaction(function()
    local order = orders:readValue(id)
    local filled = quantity
    for _, execution in ipairs(order.executions) do filled = filled + execution.quantity end
    if filled > order.quantity then
      error(holdfast.error("conflict", ("order %s is for %g, not for %g"):format(id, order.quantity, filled)))
    end
    table.insert(order.executions, { time = time, quantity = quantity, price = price })
    order.status = filled == order.quantity and "filled" or "partly filled"
    orders:writeValue(id, order)
    return order.status
  end)
end

local time = 1707343380000
place("o-1", time, "BTCUSDT", "buy", 0.5, 44152.25)
place("o-2", time + 1500, "ETHUSDT", "sell", 4, 2370.4)
place("o-3", time + 90000, "BTCUSDT", "sell", 0.25, 44890)
place("o-10", time + 120000, "BTCUSDT", "buy", 1, 43900)
print("o-1:", execute("o-1", time + 200, 0.2, 44152.25))
print("o-1:", execute("o-1", time + 450, 0.3, 44152.5))
print("o-3:", execute("o-3", time + 95000, 0.25, 44891))

local ok, failure = pcall(execute, "o-2", time + 99000, 5, 2371)
print("o-2:", ok, failure.message)
local order = orders:readValue("o-2")
print("o-2 is", order.status, "with executions", holdfast.json.encode(order.executions))

print("orders in the order of their ids:")
for o in orders:take(10) do print("", o.id, o.symbol, o.side, o.status) end

-- The latest two of a symbol: ids from the index, orders at once.
local ids = {}
for id in bySymbol:values { prefix = "BTCUSDT/", reverse = true, limit = 2 } do ids[#ids + 1] = id end
local found = orders:readMany(ids)
print("the latest of BTCUSDT:")
for _, id in ipairs(ids) do print("", id, found[id].side, found[id].status) end

local open = 0
for o in orders:filter(function(o) return o.status ~= "filled" end) do open = open + o.quantity * o.price end
print(("open: %.2f USDT"):format(open))
