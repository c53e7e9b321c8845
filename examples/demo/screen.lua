-- SPDX-License-Identifier: MIT
--
-- What the demo shows, and how: headings, one line for each event, checks that passed or did not.  Colours are for
-- terminals only.

local M = {}

local coloured = os.getenv("TERM") ~= "dumb" and not os.getenv("NO_COLOR") and os.execute("test -t 1") == 0

--- Text in a colour, where there are colours.
---@param code string  of ECMA-48: "31" red, "1" bold, "2" faint
---@param text string
---@return string
function M.style(code, text) return coloured and ("\27[%sm%s\27[0m"):format(code, text) or text end

local style = M.style

---@param text string
---@param remark? string
function M.heading(text, remark) print("\n" .. style("1", text) .. (remark and ": " .. remark or "")) end

--- How many checks have failed.
M.failed = 0

---@param ok any
---@param what string
function M.check(ok, what)
  print(("  %s  %s"):format(ok and style("32", "ok  ") or style("31;1", "FAIL"), what))
  if not ok then M.failed = M.failed + 1 end
end

--- 1234567 -> "1,234,567"
---@param n number
---@return string
function M.thousands(n)
  local text = ("%.0f"):format(n)
  return (text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

---@param ms number  since the epoch
---@return string
function M.clock(ms) return os.date("!%H:%M", ms / 1000) end

---@param p number
---@return string
function M.price(p) return ("%.2f"):format(p) end

---@param p number
---@return string
function M.percent(p) return style(p < 0 and "31" or "32", ("%+.2f%%"):format(p)) end

--- Shows a text that may be long.
---@param code string  its colour
---@param text string
function M.wrap(code, text)
  local line = " "
  for word in text:gmatch("%S+") do
    if #line + #word > 98 then
      print(style(code, line))
      line = "   "
    end
    line = line .. " " .. word
  end
  print(style(code, line))
end

-- One line about a position.
local function line(first, symbol, strategyName, code, action, position, price, remark)
  print(("  %-5s  %-8s %-9s %s  %-5s %10s  %s"):format(first, symbol, strategyName,
    style(code, ("%-9s"):format(action)), position, M.price(price), remark))
end

-- For each action: colour, price, remark, and its name, where it is another.
local show = {}

function show.scheduled(event)
  return "2", event.signal.priceOpen, "waits for this price, now it is " .. M.price(event.currentPrice)
end

function show.opened(event)
  local signal = event.signal
  return "36", signal.priceOpen, ("to take %s, to stop %s"):format(M.price(signal.priceTakeProfit),
    M.price(signal.priceStopLoss))
end

function show.closed(event)
  local remark = M.percent(event.pnl.pnlPercentage) .. "  " .. event.closeReason:gsub("_", " ")
  return event.pnl.pnlPercentage < 0 and "31" or "32", event.currentPrice, remark
end

function show.cancelled(event)
  return "2", event.currentPrice, event.reason == "risk" and "no slot is free" or event.reason:gsub("_", " ")
end

function show.partial(event)
  if event.level ~= 50 then return end -- they come at every tenth of the way
  return "2", event.currentPrice, "to its " .. event.way, "half way"
end

--- Shows an event, if it is worth a line.
---@param event table
function M.event(event)
  local code, price, remark, action = show[event.action](event)
  if not code then return end
  if event.redelivered then remark = remark .. style("33", "  (told after the kill)") end
  line(M.clock(event.timestamp), event.symbol, event.strategyName, code, action or event.action,
    event.signal.position, price, remark)
end

--- Shows what a process has found of one before it.
---@param found table  {what=, signal=, price=}
function M.restored(found)
  local signal, isOpen = found.signal, found.what == "open"
  line("found", signal.symbol, signal.strategyName, "33", isOpen and "open" or "waiting", signal.position,
    signal.priceOpen, ("since %s, now it is %s"):format(M.clock(isOpen and signal.pendingAt or signal.scheduledAt),
    M.price(found.price)))
end

return M
