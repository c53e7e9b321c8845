-- SPDX-License-Identifier: MIT
--
-- Entities as JSONB.  JSONB keeps the value of a document, not its text, and cannot hold all that JSON can: no
-- \u0000 and no half of a surrogate pair in a string, no -0, no number with an exponent of thousands or with
-- thousands of digits.  Such a document is stored as {"$holdfast": "<its JSON text>"}, and so is one that looks like
-- that itself.

local core = require "holdfast.core"
local ffi = require "ffi"

local M = {}

local json = core.json

-- What is left of a text without its strings.
local function withoutStrings(text)
  return (text:gsub("\\.", ""):gsub('"[^"]*"', '""'))
end

local function hasOddNumber(text)
  return text:find("%-0%.?0*[^%d%.]") or text:find("%-0%.?0*$") or text:find("%d[eE][+-]?%d%d%d%d")
end

local function hasOddCharacter(text)
  return text:find("\\u0000", 1, true) or text:find("\\u[dD][89a-fA-F]")
end

local BACKSLASH, U, MINUS, ZERO, NINE, E, SMALL_E = ("\\u-09Ee"):byte(1, -1)

local function isDigit(byte) return byte >= ZERO and byte <= NINE end

-- Whether there is anything to look at more closely: \u, -0, or a long exponent, in one pass that LuaJIT compiles.
local function isSuspicious(text)
  local bytes = ffi.cast("const uint8_t *", text) -- with a 0 after the last one
  for i = 0, #text - 2 do
    local byte, following = bytes[i], bytes[i + 1]
    if byte == BACKSLASH and following == U then return true end
    if byte == MINUS and following == ZERO then return true end
    if (byte == E or byte == SMALL_E) and i > 0 and isDigit(bytes[i - 1]) and i + 4 < #text
      and isDigit(bytes[i + 3]) and isDigit(bytes[i + 4]) then
      return true
    end
  end
  return false
end

-- Numbers of PostgreSQL have up to 16,383 digits after the point.
local MANY_DIGITS = 10000

local function hasLongNumber(text)
  for digits in withoutStrings(text):gmatch("%d+") do
    if #digits > MANY_DIGITS then return true end
  end
  return false
end

-- Whether it may be an object with the member $holdfast, which can be written with escapes, too.
local function looksWrapped(text)
  if not text:find("^%s*{") then return false end
  return text:find('holdfast"', 1, true) or text:find('\\u00[2-7]%x[^"]*"%s*:')
end

local function mustBeWrapped(text)
  if looksWrapped(text) then return true end
  if #text > MANY_DIGITS and hasLongNumber(text) then return true end
  if not isSuspicious(text) then return false end
  if hasOddCharacter(text) and hasOddCharacter((text:gsub("\\\\", ""))) then return true end
  return hasOddNumber(text) and hasOddNumber(withoutStrings(text))
end

--- The text to store for an entity.
---@param text string
---@return string
function M.wrap(text)
  if mustBeWrapped(text) then return '{"$holdfast":' .. json.encode(text) .. "}" end
  return text
end

--- The entity's text, from what is stored.
---@param text string
---@return string
function M.unwrap(text)
  if text:sub(1, 14) ~= '{"$holdfast": ' then return text end
  local ok, value = pcall(json.decode, text)
  if not ok or type(value["$holdfast"]) ~= "string" then return text end
  for name in pairs(value) do
    if name ~= "$holdfast" then return text end -- somebody else's
  end
  return value["$holdfast"]
end

return M
