-- SPDX-License-Identifier: MIT
--
-- How the report of a run shows things to people: numbers, prices, percents, times, durations, and texts of unknown
-- origin made fit for a terminal, for Markdown and for XML.

local M = {}

--- What stands where there is no value.
M.none = "n/a"

local function finite(n)
  return type(n) == "number" and n == n and n > -math.huge and n < math.huge
end
M.finite = finite

local formats = {}
for decimals = 0, 12 do formats[decimals] = "%." .. decimals .. "f" end

-- The digits of a number, and what they say.  What is said of each of many trades keeps away from patterns, which
-- LuaJIT does not compile.
local function digits(n, decimals)
  local text = string.format(formats[decimals] or "%." .. decimals .. "f", n)
  local value = tonumber(text)
  if value == 0 and n <= 0 then return string.format("%." .. decimals .. "f", 0), 0 end
  if value > -1000 and value < 1000 then return text, value end
  local first = value < 0 and 2 or 1
  local last = decimals > 0 and #text - decimals - 1 or #text
  local rest = text:sub(last + 1)
  while last - first >= 3 do
    rest = "," .. text:sub(last - 2, last) .. rest
    last = last - 3
  end
  return text:sub(1, last) .. rest, value
end

--- A number with its thousands apart: 44,292.65.  A negative number that is shown as zero has no sign.
---@param n? number
---@param decimals integer
---@return string
function M.number(n, decimals)
  if not finite(n) then return M.none end
  return (digits(n, decimals))
end

--- The same with a plus before what is above zero.
---@param n? number
---@param decimals integer
---@return string
function M.signed(n, decimals)
  if not finite(n) then return M.none end
  local text, value = digits(n, decimals)
  return value > 0 and "+" .. text or text
end

--- A gain or loss in percent: +0.50%.
---@param n? number
---@return string
function M.percent(n)
  return finite(n) and M.signed(n, 2) .. "%" or M.none
end

--- How many decimals tell prices of this size apart: 2 for 44,292.65, 5 for 1.08421, 10 for 0.0000123456.
---@param price? number
---@return integer
function M.priceDecimals(price)
  if not finite(price) or price == 0 then return 2 end
  return math.max(2, math.min(10, 5 - math.floor(math.log10(math.abs(price)))))
end

--- A price, with as many decimals as tell it apart.
---@param price? number
---@return string
function M.price(price)
  return M.number(price, M.priceDecimals(price))
end

local MINUTE, HOUR, DAY = 60000, 3600000, 86400000

-- The date of a moment; nil where there is none, after the last year that the system knows.  Those of many trades are
-- asked for, and neighbours are of the same day.
local lastDay, lastDate
local function dayOf(ms)
  local day = math.floor(ms / DAY)
  if day ~= lastDay then lastDay, lastDate = day, os.date("!%Y-%m-%d", day * DAY / 1000) end
  return lastDate
end

--- A moment in ms since 1970 as UTC; what no date can say, as what has no value.
---@param ms? number
---@param format? string of os.date
---@return string
function M.time(ms, format)
  if not finite(ms) then return M.none end
  if format then return os.date("!" .. format, math.floor(ms / 1000)) or M.none end
  local day = dayOf(ms)
  return day and day .. string.format(" %02d:%02d", ms % DAY / HOUR, ms % HOUR / MINUTE) or M.none
end

--- A duration: 45m, 2h 05m, 3d 04h.
---@param minutes? number
---@return string
function M.duration(minutes)
  if not finite(minutes) then return M.none end
  local n = math.floor(minutes + 0.5)
  if n < 60 then return string.format("%dm", n) end
  if n < 1440 then return string.format("%dh %02dm", n / 60, n % 60) end
  return string.format("%dd %02dh", n / 1440, n % 1440 / 60)
end

--- A code as words: take_profit is "take profit".
---@param code? string
---@return string
function M.words(code)
  return code and M.line(code):gsub("_", " ") or M.none
end

--- Counts by reason, in the order of their names: "stop loss 2, take profit 5"; nil where there are none.
---@param counts table<string, integer>
---@return string?
function M.counts(counts)
  local parts = {}
  for name, count in pairs(counts) do parts[#parts + 1] = M.words(name) .. " " .. count end
  table.sort(parts)
  return parts[1] and table.concat(parts, ", ")
end

-- What begins a character of UTF-8 as RFC 3629 has it (no surrogates, nothing overlong), longest last.
local characters = {
  "^[%z\1-\127]", "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]", "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]", "^\244[\128-\143][\128-\191][\128-\191]",
}
local replacement = "\239\191\189"

local function character(text, at)
  for _, pattern in ipairs(characters) do
    local _, last = text:find(pattern, at)
    if last then return text:sub(at, last), last + 1 end
  end
  return replacement, at + 1
end

--- The text as valid UTF-8: bytes that are none become U+FFFD.
---@param text string
---@return string
function M.utf8(text)
  if not text:find("[\128-\255]") then return text end
  local out, at = {}, 1
  while at <= #text do
    out[#out + 1], at = character(text, at)
  end
  return table.concat(out)
end

--- The text on one line: control characters, which could also move a terminal's cursor, become spaces.
---@param text string
---@return string
function M.line(text)
  if not text:find("[%z\1-\31\127-\255]") then return text end
  return (M.utf8(text):gsub("\194[\128-\159]", " "):gsub("[%z\1-\31\127]+", " "))
end

--- How many characters a text has.
---@param text string  valid UTF-8
---@return integer
function M.length(text)
  if not text:find("[\128-\255]") then return #text end
  return select(2, text:gsub("[^\128-\191]", ""))
end

--- The text cut to so many characters, with "..." where something went.
---@param text string  valid UTF-8
---@param length integer
---@return string
function M.cut(text, length)
  if #text <= length or M.length(text) <= length then return text end
  local n, stop = 0, #text
  for at in text:gmatch("()[^\128-\191]") do
    if n == length - 3 then
      stop = at - 1
      break
    end
    n = n + 1
  end
  return text:sub(1, stop) .. "..."
end

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- The text for XML: on one line, markup escaped, and nothing in it that XML 1.0 forbids.
---@param text string
---@return string
function M.xml(text)
  if not text:find("[%z\1-\31\127-\255&<>\"']") then return text end
  return (M.line(text):gsub("\239\191[\190\191]", replacement):gsub("[&<>\"']", entities))
end

--- The text for a cell of a Markdown table: it stays in its cell, and nothing in it is markup.
---@param text string
---@return string
function M.markdown(text)
  if not text:find("[%z\1-\31\127-\255\\`*_%[%]~|#&<>]") then return text end
  local escaped = text:gsub("\r\n?", "\n"):gsub("[\\`*_%[%]~|#]", "\\%0"):gsub("[&<>]", entities)
  local lines = {}
  for one in (escaped .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = M.line(one) end
  return table.concat(lines, "<br>")
end

return M
