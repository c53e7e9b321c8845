-- SPDX-License-Identifier: MIT
--
-- Paths of indexes as texts, in the spelling that the core gives them: metadata.symbol, tags[1], v["any key"], v.id.

local M = {}

-- A name between quotes, with \" and \\ and bytes as \001.  A match ends where its escape does: another may be next.
local function unquoted(text)
  return (text:gsub("\\(.)(%d?%d?)", function(char, digits)
    return char:find("%d") and string.char(tonumber(char .. digits)) or char .. digits
  end))
end

-- Where a quoted name that begins at `from` ends: the place of its closing quote.
local function closingQuote(text, from)
  local at = from
  while true do
    local found = text:find('["\\]', at)
    if not found or text:sub(found, found) == '"' then return found end
    at = found + 2
  end
end

-- The step at a place of the text, and the place after it; nil where there is none.
local function step(text, at)
  local name, after = text:match("^%.([%a_\128-\255][%w_\128-\255]*)()", at)
  if name then return name, after end
  local place, afterPlace = text:match("^%[(%d+)%]()", at)
  if place then return tonumber(place), afterPlace end
  if text:sub(at, at + 1) ~= '["' then return nil end
  local closing = closingQuote(text, at + 2)
  if not closing or text:sub(closing + 1, closing + 1) ~= "]" then return nil end
  return unquoted(text:sub(at + 2, closing - 1)), closing + 2
end

--- The steps of a path; nil where it is none.
---@param text string
---@return (string|integer)[]?
function M.steps(text)
  local steps = {}
  if not text:find("^v%f[^%w_\128-\255]") then text = "." .. text else text = text:sub(2) end
  local at = 1
  while at <= #text do
    local key, after = step(text, at)
    if key == nil then return nil end
    steps[#steps + 1], at = key, after
  end
  return steps[1] ~= nil and steps or nil
end

return M
