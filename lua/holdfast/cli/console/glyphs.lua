-- SPDX-License-Identifier: MIT
--
-- Text as a terminal shows it: how many columns it takes, cut to so many, and with nothing in it that moves the cursor
-- or turns the writing around.  The ranges are those of Unicode 15 that are wide, or that take no column of their own,
-- as terminals draw them; small gaps between them, where nothing is assigned, are filled.

-- As they are now: what is typed may replace them.
local ipairs, math, string, table =
  ipairs, math, string, table

local M = {}

-- First and last code points.
local WIDE = {
  0x1100, 0x115F, 0x231A, 0x231B, 0x2329, 0x232A, 0x23E9, 0x23EC, 0x23F0, 0x23F0, 0x23F3, 0x23F3, 0x25FD, 0x25FE,
  0x2614, 0x2615, 0x2648, 0x2653, 0x267F, 0x267F, 0x2693, 0x2693, 0x26A1, 0x26A1, 0x26AA, 0x26AB, 0x26BD, 0x26BE,
  0x26C4, 0x26C5, 0x26CE, 0x26CE, 0x26D4, 0x26D4, 0x26EA, 0x26EA, 0x26F2, 0x26F3, 0x26F5, 0x26F5, 0x26FA, 0x26FA,
  0x26FD, 0x26FD, 0x2705, 0x2705, 0x270A, 0x270B, 0x2728, 0x2728, 0x274C, 0x274C, 0x274E, 0x274E, 0x2753, 0x2755,
  0x2757, 0x2757, 0x2795, 0x2797, 0x27B0, 0x27B0, 0x27BF, 0x27BF, 0x2B1B, 0x2B1C, 0x2B50, 0x2B50, 0x2B55, 0x2B55,
  0x2E80, 0x3029, 0x302E, 0x303E, 0x3041, 0x3098, 0x309B, 0x3247, 0x3250, 0x4DBF, 0x4E00, 0xA4C6, 0xA960, 0xA97C,
  0xAC00, 0xD7A3, 0xF900, 0xFAFF, 0xFE10, 0xFE19, 0xFE30, 0xFE6B, 0xFF01, 0xFF60, 0xFFE0, 0xFFE6, 0x16FE0, 0x1B2FB,
  0x1F004, 0x1F004, 0x1F0CF, 0x1F0CF, 0x1F18E, 0x1F18E, 0x1F191, 0x1F19A, 0x1F200, 0x1F320, 0x1F32D, 0x1F335,
  0x1F337, 0x1F37C, 0x1F37E, 0x1F393, 0x1F3A0, 0x1F3CA, 0x1F3CF, 0x1F3D3, 0x1F3E0, 0x1F3F0, 0x1F3F4, 0x1F3F4,
  0x1F3F8, 0x1F43E, 0x1F440, 0x1F440, 0x1F442, 0x1F4FC, 0x1F4FF, 0x1F53D, 0x1F54B, 0x1F54E, 0x1F550, 0x1F567,
  0x1F57A, 0x1F57A, 0x1F595, 0x1F596, 0x1F5A4, 0x1F5A4, 0x1F5FB, 0x1F64F, 0x1F680, 0x1F6C5, 0x1F6CC, 0x1F6CC,
  0x1F6D0, 0x1F6D2, 0x1F6D5, 0x1F6DF, 0x1F6EB, 0x1F6EC, 0x1F6F4, 0x1F6FC, 0x1F7E0, 0x1F7F0, 0x1F90C, 0x1F93A,
  0x1F93C, 0x1F945, 0x1F947, 0x1F9FF, 0x1FA70, 0x1FAF8, 0x20000, 0x3FFFD,
}
local NARROWEST = {
  0x0300, 0x036F, 0x0483, 0x0489, 0x0591, 0x05BD, 0x05BF, 0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x0610, 0x061A,
  0x064B, 0x065F, 0x0670, 0x0670, 0x06D6, 0x06DC, 0x06DF, 0x06E4, 0x06E7, 0x06E8, 0x06EA, 0x06ED, 0x0900, 0x0902,
  0x093A, 0x093A, 0x093C, 0x093C, 0x0941, 0x0948, 0x094D, 0x094D, 0x0E31, 0x0E31, 0x0E34, 0x0E3A, 0x0E47, 0x0E4E,
  0x1AB0, 0x1ACE, 0x1DC0, 0x1DFF, 0x200B, 0x200D, 0x2060, 0x2064, 0x20D0, 0x20F0, 0x302A, 0x302D, 0x3099, 0x309A,
  0xFE00, 0xFE0F, 0xFE20, 0xFE2F, 0xE0100, 0xE01EF,
}

-- Whether a code point is in one of the ranges.
local function within(ranges, code)
  local low, high = 1, #ranges / 2
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if code < ranges[2 * middle - 1] then
      high = middle - 1
    elseif code > ranges[2 * middle] then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

local CHARACTER = "[%z\1-\127\192-\255][\128-\191]*"

local function codeOf(character)
  local lead, a, b, c = character:byte(1, 4)
  if lead < 0x80 or not a then return lead end
  if lead < 0xE0 then return (lead - 0xC0) * 64 + a - 128 end
  if lead < 0xF0 then return ((lead - 0xE0) * 64 + a - 128) * 64 + (b or 128) - 128 end
  return (((lead - 0xF0) * 64 + a - 128) * 64 + (b or 128) - 128) * 64 + (c or 128) - 128
end

local function columnsOf(character)
  if #character == 1 then return 1 end
  local code = codeOf(character)
  if within(NARROWEST, code) then return 0 end
  return within(WIDE, code) and 2 or 1
end

--- How many columns a text without control characters takes.
---@param text string  UTF-8
---@return integer
function M.width(text)
  if not text:find("[\128-\255]") then return #text end
  local columns = 0
  for character in text:gmatch(CHARACTER) do columns = columns + columnsOf(character) end
  return columns
end

--- The text cut to so many columns, with an ellipsis in the last one where something is missing.
---@param text string
---@param columns integer  from 1 on
---@return string
function M.cut(text, columns)
  if M.width(text) <= columns then return text end
  local kept, taken = {}, 0
  for character in text:gmatch(CHARACTER) do
    taken = taken + columnsOf(character)
    if taken > columns - 1 then break end
    kept[#kept + 1] = character
  end
  return table.concat(kept) .. "…"
end

--- The text with so many blanks after it, or before it, that it takes so many columns.
---@param text string
---@param columns integer
---@param right? boolean  before it
---@return string
function M.pad(text, columns, right)
  local blanks = (" "):rep(columns - M.width(text))
  return right and blanks .. text or text .. blanks
end

local SHORT = { [8] = "\\b", [9] = "\\t", [10] = "\\n", [12] = "\\f", [13] = "\\r" }

local function escaped(character)
  local code = codeOf(character)
  return SHORT[code] or string.format("\\u%04x", code)
end

-- What a terminal obeys rather than shows, beside ASCII's: the control characters from U+0080 on; marks and overrides
-- of the direction of writing; separators of lines and paragraphs; the mark of byte order.
local OBEYED = {
  "\194[\128-\159]", "\216\156", "\226\128[\142\143\168-\174]", "\226\129[\166-\169]", "\239\187\191",
}

--- The text with what a terminal obeys rather than shows written as JSON escapes it.
---@param text string  UTF-8
---@return string
function M.harmless(text)
  if text:find("[%c\127]") then text = text:gsub("[%c\127]", escaped) end
  if not text:find("[\194\216\226\239]") then return text end
  for _, pattern in ipairs(OBEYED) do text = text:gsub(pattern, escaped) end
  return text
end

return M
