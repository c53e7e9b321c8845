-- SPDX-License-Identifier: MIT
--
-- BSON, read: fields of a document, and values as JSON text.
--
-- The bytes come from a server and are not trusted: every length is checked against the document that it is in, and
-- what does not fit raises `corrupt`.  Text goes into one buffer that is used again, as in writer.lua.
--
-- What other programs stored and JSON has no word for becomes: a date its ISO text, an ObjectId its hexadecimal
-- digits, a Decimal128 its digits as a string, binary data base64, a UUID its usual text, a regular expression
-- "/pattern/options", a timestamp {"t":seconds,"i":number}, NaN and undefined null, JavaScript code its text, and the
-- smallest and largest key "MinKey" and "MaxKey".

local core = require "holdfast.core"
local ffi = require "ffi"

local encode = core.json.encode
local cast, copy = ffi.cast, ffi.copy
local byte = string.byte

local M = {}

-- The marker of writer.lua.
local MARKER = require("holdfast.backends.mongo.writer").MARKER

-- Deeper than any server keeps; what an entity may have at most is checked by the core.
local DEPTH_MAX = 200

local bytes, text8 = ffi.typeof("uint8_t[?]"), ffi.typeof("const uint8_t *")
local int32, int64, double = ffi.typeof("const int32_t *"), ffi.typeof("const int64_t *"), ffi.typeof("const double *")

local function corrupt(what) error(core.error("corrupt", "what MongoDB has is no BSON: " .. what), 0) end

-- ---- documents

-- The end of a document at p, behind which nothing of it lies; `limit`: the end of what is around it.
local function endOf(p, limit)
  if limit - p < 5 then corrupt("a document is cut short") end
  local length = cast(int32, p)[0]
  if length < 5 or length > limit - p then corrupt("a document has a wrong length") end
  if p[length - 1] ~= 0 then corrupt("a document has no end") end
  return p + length
end

local function keyEnd(p, limit)
  while p < limit and p[0] ~= 0 do p = p + 1 end
  if p >= limit then corrupt("a key has no end") end
  return p
end

-- Bytes of the values whose size is fixed.
local SIZES = { [1] = 8, [6] = 0, [7] = 12, [8] = 1, [9] = 8, [10] = 0, [16] = 4, [17] = 8, [18] = 8, [19] = 16,
  [127] = 0, [255] = 0 }

-- Where a value ends.
local function valueEnd(kind, p, limit)
  local size = SIZES[kind]
  if not size then
    if kind == 11 then -- a regular expression: two texts
      return keyEnd(keyEnd(p, limit) + 1, limit) + 1
    end
    if limit - p < 4 then corrupt("a value is cut short") end
    size = cast(int32, p)[0]
    if size < 0 then corrupt("a value has a wrong length") end
    if kind == 2 or kind == 13 or kind == 14 then
      size = size + 4
      if size < 5 then corrupt("a string has a wrong length") end
    elseif kind == 5 then
      size = size + 5
    elseif kind == 12 then
      size = size + 16
    elseif kind ~= 3 and kind ~= 4 and kind ~= 15 then
      corrupt("an element of the unknown type " .. kind)
    end
  end
  if size > limit - p then corrupt("a value is longer than what it is in") end
  return p + size
end

--- Calls fn(key, type, value, valueEnd, limit) for each element of a document.
local function each(data, length, fn)
  local p = cast(text8, data)
  local limit = endOf(p, p + length) - 1
  p = p + 4
  while p < limit do
    local kind = p[0]
    local value = keyEnd(p + 1, limit)
    local key = ffi.string(p + 1, value - p - 1)
    value = value + 1
    local after = valueEnd(kind, value, limit)
    fn(key, kind, value, after)
    p = after
  end
end
M.each = each

--- The text of a string value, the number of a numeric one, or nil.
function M.plain(kind, p)
  if kind == 2 then return ffi.string(p + 4, cast(int32, p)[0] - 1) end
  if kind == 16 then return tonumber(cast(int32, p)[0]) end
  if kind == 18 or kind == 9 then return tonumber(cast(int64, p)[0]) end
  if kind == 1 then return tonumber(cast(double, p)[0]) end
  if kind == 8 then return p[0] ~= 0 end
  return nil
end

--- The text of the string field `name` of a document, or nil: quicker than M.each().
function M.text(data, length, name)
  local p = cast(text8, data)
  local limit = endOf(p, p + length) - 1
  p = p + 4
  while p < limit do
    local kind = p[0]
    local value = keyEnd(p + 1, limit) + 1
    local after = valueEnd(kind, value, limit)
    if kind == 2 and ffi.string(p + 1, value - p - 2) == name then return ffi.string(value + 4, after - value - 5) end
    p = after
  end
  return nil
end

-- ---- text

local capacity, size = 4096, 0
local buffer = bytes(capacity)

local function room(count)
  if size + count <= capacity then return end
  repeat capacity = 2 * capacity until capacity >= size + count
  local larger = bytes(capacity)
  copy(larger, buffer, size)
  buffer = larger
end

local function put(text)
  room(#text)
  copy(buffer + size, text, #text)
  size = size + #text
end

local function putByte(code)
  room(1)
  buffer[size] = code
  size = size + 1
end

local QUOTE, BACKSLASH = byte '"', byte "\\"
local ESCAPED = {}
for code = 0, 31 do ESCAPED[code] = string.format("\\u%04x", code) end
ESCAPED[QUOTE], ESCAPED[BACKSLASH], ESCAPED[10] = '\\"', "\\\\", "\\n"

-- The bytes from p to `limit`, quoted.
local function putQuoted(p, limit)
  room(limit - p + 2)
  buffer[size] = QUOTE
  size = size + 1
  while p < limit do
    local c = p[0]
    if c >= 32 and c ~= QUOTE and c ~= BACKSLASH then
      buffer[size] = c
      size = size + 1
    else
      local escaped = ESCAPED[c]
      put(escaped)
      room(limit - p + 1)
    end
    p = p + 1
  end
  buffer[size] = QUOTE
  size = size + 1
end

local function putText(text)
  local p = cast(text8, text)
  putQuoted(p, p + #text)
end

local digits = bytes(20)

-- A whole number of at most 15 digits.
local function putShort(value)
  room(17)
  if value < 0 then
    putByte(byte "-")
    value = -value
  end
  local count = 0
  repeat
    local rest = math.floor(value / 10)
    digits[count] = 48 + (value - rest * 10)
    count = count + 1
    value = rest
  until value == 0
  for i = count - 1, 0, -1 do
    buffer[size] = digits[i]
    size = size + 1
  end
end

local function putDouble(value)
  if value ~= value then
    put("null")
  elseif value % 1 == 0 and value > -1e15 and value < 1e15 and (value ~= 0 or 1 / value > 0) then
    putShort(value)
  else
    put(encode(value))
  end
end

-- As the number that scripts see, unless that is another one.
local function putInt64(value)
  local number = tonumber(value)
  if number > -1e15 and number < 1e15 then
    putShort(number)
  elseif number < 2 ^ 63 and cast("int64_t", number) == value then
    put(encode(number))
  else
    put((tostring(value):gsub("LL$", "")))
  end
end

-- ---- what JSON has no word for

local function hex(p, count)
  local out = {}
  for i = 0, count - 1 do out[i + 1] = string.format("%02x", p[i]) end
  return table.concat(out)
end

-- Days since 1970 as year, month, day; the calendar in periods of 400 years that begin with March.
local function dateOf(days)
  days = days + 719468
  local era = math.floor(days / 146097)
  local ofEra = days - era * 146097
  local yearOfEra = math.floor(
    (ofEra - math.floor(ofEra / 1460) + math.floor(ofEra / 36524) - math.floor(ofEra / 146096)) / 365)
  local ofYear = ofEra - (365 * yearOfEra + math.floor(yearOfEra / 4) - math.floor(yearOfEra / 100))
  local shifted = math.floor((5 * ofYear + 2) / 153)
  local month = shifted < 10 and shifted + 3 or shifted - 9
  return yearOfEra + era * 400 + (month <= 2 and 1 or 0), month, ofYear - math.floor((153 * shifted + 2) / 5) + 1
end

--- Milliseconds since 1970 as JavaScript's toISOString writes them.
function M.isoDate(milliseconds)
  local days = math.floor(milliseconds / 86400000)
  local rest = milliseconds - days * 86400000
  local year, month, day = dateOf(days)
  local form = (year >= 0 and year <= 9999) and "%04d" or year < 0 and "-%06d" or "+%06d"
  return string.format(form .. "-%02d-%02dT%02d:%02d:%02d.%03dZ", math.abs(year), month, day,
    math.floor(rest / 3600000), math.floor(rest / 60000) % 60, math.floor(rest / 1000) % 60, rest % 1000)
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(p, count)
  local out = {}
  for i = 0, count - 1, 3 do
    local n = p[i] * 65536 + (i + 1 < count and p[i + 1] or 0) * 256 + (i + 2 < count and p[i + 2] or 0)
    for shift = 0, 3 do
      local index = math.floor(n / 64 ^ (3 - shift)) % 64 + 1
      out[#out + 1] = i + shift > count and "=" or ALPHABET:sub(index, index)
    end
  end
  return table.concat(out)
end

local function putBinary(p)
  local count, kind = cast(int32, p)[0], p[4]
  p = p + 5
  if kind == 2 and count >= 4 then -- an old form, with its length once more
    p, count = p + 4, count - 4
  end
  if kind == 4 and count == 16 then
    local all = hex(p, 16)
    putText(("%s-%s-%s-%s-%s"):format(all:sub(1, 8), all:sub(9, 12), all:sub(13, 16), all:sub(17, 20), all:sub(21)))
  else
    putText(base64(p, count))
  end
end

local function putRegex(p, after)
  local pattern = ffi.string(cast("const char *", p))
  putText("/" .. pattern .. "/" .. ffi.string(p + #pattern + 1, after - p - #pattern - 2))
end

-- Code with a scope: its length, the code, the scope.
local function putScopedCode(p, after)
  local length = after - p >= 14 and cast(int32, p + 4)[0] or 0
  if length < 1 or length > after - p - 8 then corrupt("code has a wrong length") end
  putQuoted(p + 8, p + 8 + length - 1)
end

local OTHERS = {
  [5] = putBinary,
  [6] = function() put("null") end,
  [7] = function(p) putText(hex(p, 12)) end,
  [9] = function(p) putText(M.isoDate(tonumber(cast(int64, p)[0]))) end,
  [11] = putRegex,
  [12] = function(_, after) putText(hex(after - 12, 12)) end,
  [13] = function(p, after) putQuoted(p + 4, after - 1) end,
  [14] = function(p, after) putQuoted(p + 4, after - 1) end,
  [15] = putScopedCode,
  [17] = function(p)
    local half = ffi.typeof("const uint32_t *")
    put(('{"t":%d,"i":%d}'):format(tonumber(cast(half, p)[1]), tonumber(cast(half, p)[0])))
  end,
  [19] = function(p) putText(require("holdfast.backends.mongo.libmongoc").decimalText(p)) end,
  [127] = function() putText("MaxKey") end,
  [255] = function() putText("MinKey") end,
}

-- ---- values

local putValue

-- The elements of a document or an array, in brackets.
local function putElements(p, limit, isArray, depth)
  if depth > DEPTH_MAX then corrupt("it is nested too deep") end
  local last = endOf(p, limit) - 1
  p = p + 4
  putByte(isArray and byte "[" or byte "{")
  local isFirst = true
  while p < last do
    if not isFirst then putByte(byte ",") end
    isFirst = false
    local kind = p[0]
    local value = keyEnd(p + 1, last)
    if not isArray then
      putQuoted(p + 1, value)
      putByte(byte ":")
    end
    value = value + 1
    local after = valueEnd(kind, value, last)
    putValue(kind, value, after, depth)
    p = after
  end
  putByte(isArray and byte "]" or byte "}")
end

function putValue(kind, p, after, depth)
  if kind == 2 then
    putQuoted(p + 4, after - 1)
  elseif kind == 3 or kind == 4 then
    putElements(p, after, kind == 4, depth + 1)
  elseif kind == 1 then
    putDouble(tonumber(cast(double, p)[0]))
  elseif kind == 16 then
    putShort(tonumber(cast(int32, p)[0]))
  elseif kind == 18 then
    putInt64(cast(int64, p)[0])
  elseif kind == 8 then
    put(p[0] ~= 0 and "true" or "false")
  elseif kind == 10 then
    put("null")
  else
    OTHERS[kind](p, after)
  end
end

-- The text of a marked entity: an object with the marker as its only key and a string; nil for all others.
local function markedText(p, after)
  local text, count = nil, 0
  if after - p < 5 + #MARKER or ffi.string(p + 5, #MARKER) ~= MARKER then return nil end
  each(p, after - p, function(key, kind, value)
    count = count + 1
    text = key == MARKER and kind == 2 and M.plain(kind, value)
  end)
  return count == 1 and text or nil
end

--- A value as JSON text.
function M.json(kind, p, after)
  if kind == 3 then
    local text = markedText(p, after)
    if text then return text end
  end
  if capacity > 8 * 1024 * 1024 then
    capacity = 4096
    buffer = bytes(capacity)
  end
  size = 0
  putValue(kind, p, after, 0)
  return ffi.string(buffer, size)
end

return M
