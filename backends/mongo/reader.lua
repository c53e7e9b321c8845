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
local libmongoc = require "holdfast.backends.mongo.libmongoc"

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

-- The bytes that are read; places in them are numbers, since adding to a pointer makes an object each time.
local data = ffi.cast("const uint8_t *", nil)

local function int32At(at) return cast(int32, data + at)[0] end

local function textAt(at, count) return ffi.string(data + at, count) end

-- The end of a document, after which nothing of it lies; `limit`: the end of what is around it.
local function endOf(at, limit)
  if limit - at < 5 then corrupt("a document is cut short") end
  local length = int32At(at)
  if length < 5 or length > limit - at then corrupt("a document has a wrong length") end
  if data[at + length - 1] ~= 0 then corrupt("a document has no end") end
  return at + length
end

local function keyEnd(at, limit)
  while at < limit and data[at] ~= 0 do at = at + 1 end
  if at >= limit then corrupt("a key has no end") end
  return at
end

-- Bytes of the values whose size is fixed.
local SIZES = { [1] = 8, [6] = 0, [7] = 12, [8] = 1, [9] = 8, [10] = 0, [16] = 4, [17] = 8, [18] = 8, [19] = 16,
  [127] = 0, [255] = 0 }

-- Bytes that a value has beyond the length that it begins with.
local BEYOND = { [2] = 4, [3] = 0, [4] = 0, [5] = 5, [12] = 16, [13] = 4, [14] = 4, [15] = 0 }

-- Where a value ends.
local function valueEnd(kind, at, limit)
  local size = SIZES[kind]
  if not size then
    if kind == 11 then -- a regular expression: two texts
      return keyEnd(keyEnd(at, limit) + 1, limit) + 1
    end
    local beyond = BEYOND[kind]
    if not beyond then corrupt("an element of the unknown type " .. kind) end
    if limit - at < 4 then corrupt("a value is cut short") end
    size = int32At(at)
    if size < (kind == 5 and 0 or 1) then corrupt("a value has a wrong length") end
    size = size + beyond
  end
  if size > limit - at then corrupt("a value is longer than what it is in") end
  return at + size
end

--- Calls fn(key, type, place, placeAfter) for each element of a document.  The places are for the functions below,
--- until another document is read.
---@param bson ffi.cdata*
---@param length integer
function M.each(bson, length, fn)
  data = cast(text8, bson)
  local last, at = endOf(0, length) - 1, 4
  while at < last do
    local kind = data[at]
    local value = keyEnd(at + 1, last)
    local key = textAt(at + 1, value - at - 1)
    value = value + 1
    local after = valueEnd(kind, value, last)
    fn(key, kind, value, after)
    at = after
  end
end

--- The value of an element that is a string, a number, a boolean or a date (in milliseconds); nil for all others.
function M.plain(kind, at)
  if kind == 2 then return textAt(at + 4, int32At(at) - 1) end
  if kind == 16 then return tonumber(int32At(at)) end
  if kind == 18 or kind == 9 then return tonumber(cast(int64, data + at)[0]) end
  if kind == 1 then return tonumber(cast(double, data + at)[0]) end
  if kind == 8 then return data[at] ~= 0 end
  return nil
end

--- The text of the string field `name` of a document, or nil: quicker than M.each().
function M.text(bson, length, name)
  data = cast(text8, bson)
  local last, at = endOf(0, length) - 1, 4
  while at < last do
    local kind = data[at]
    local value = keyEnd(at + 1, last) + 1
    local after = valueEnd(kind, value, last)
    if kind == 2 and textAt(at + 1, value - at - 2) == name then return textAt(value + 4, after - value - 5) end
    at = after
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

-- Some bytes at p, quoted.
local function putQuoted(p, count)
  room(count + 2)
  buffer[size] = QUOTE
  size = size + 1
  for i = 0, count - 1 do
    local c = p[i]
    if c >= 32 and c ~= QUOTE and c ~= BACKSLASH then
      buffer[size] = c
      size = size + 1
    else
      put(ESCAPED[c])
      room(count - i + 1)
    end
  end
  buffer[size] = QUOTE
  size = size + 1
end

local function putText(text) putQuoted(cast(text8, text), #text) end

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

local function hex(at, count)
  return (textAt(at, count):gsub(".", function(c) return string.format("%02x", c:byte()) end))
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

local function base64(at, count)
  local out = {}
  for i = at, at + count - 1, 3 do
    local left = at + count - i
    local n = data[i] * 65536 + (left > 1 and data[i + 1] or 0) * 256 + (left > 2 and data[i + 2] or 0)
    for place = 0, 3 do
      local index = math.floor(n / 64 ^ (3 - place)) % 64 + 1
      out[#out + 1] = place > left and "=" or ALPHABET:sub(index, index)
    end
  end
  return table.concat(out)
end

local function putBinary(at)
  local count, kind = int32At(at), data[at + 4]
  at = at + 5
  if kind == 2 and count >= 4 then -- an old form, with its length once more
    at, count = at + 4, count - 4
  end
  if kind == 4 and count == 16 then
    local all = hex(at, 16)
    putText(("%s-%s-%s-%s-%s"):format(all:sub(1, 8), all:sub(9, 12), all:sub(13, 16), all:sub(17, 20), all:sub(21)))
  else
    putText(base64(at, count))
  end
end

local function putRegex(at, after)
  local last = keyEnd(at, after)
  putText("/" .. textAt(at, last - at) .. "/" .. textAt(last + 1, after - last - 2))
end

local function putString(at, after) putQuoted(data + at + 4, after - at - 5) end

-- Code with a scope: its length, the code, the scope.
local function putScopedCode(at, after)
  local length = after - at >= 14 and int32At(at + 4) or 0
  if length < 1 or length > after - at - 8 then corrupt("code has a wrong length") end
  putQuoted(data + at + 8, length - 1)
end

local function putTimestamp(at)
  local halves = cast("const uint32_t *", data + at)
  put(('{"t":%d,"i":%d}'):format(tonumber(halves[1]), tonumber(halves[0])))
end

local OTHERS = {
  [5] = putBinary,
  [6] = function() put("null") end,
  [7] = function(at) putText(hex(at, 12)) end,
  [9] = function(at) putText(M.isoDate(tonumber(cast(int64, data + at)[0]))) end,
  [11] = putRegex,
  [12] = function(_, after) putText(hex(after - 12, 12)) end,
  [13] = putString,
  [14] = putString,
  [15] = putScopedCode,
  [17] = putTimestamp,
  [19] = function(at) putText(libmongoc.decimalText(data + at)) end,
  [127] = function() putText("MaxKey") end,
  [255] = function() putText("MinKey") end,
}

-- ---- values

local putValue

-- The elements of a document or an array, in brackets.
local function putElements(at, limit, isArray, depth)
  if depth > DEPTH_MAX then corrupt("it is nested too deep") end
  local last = endOf(at, limit) - 1
  at = at + 4
  putByte(isArray and byte "[" or byte "{")
  local isFirst = true
  while at < last do
    if not isFirst then putByte(byte ",") end
    isFirst = false
    local kind = data[at]
    local value = keyEnd(at + 1, last)
    if not isArray then
      putQuoted(data + at + 1, value - at - 1)
      putByte(byte ":")
    end
    value = value + 1
    local after = valueEnd(kind, value, last)
    putValue(kind, value, after, depth)
    at = after
  end
  putByte(isArray and byte "]" or byte "}")
end

function putValue(kind, at, after, depth)
  if kind == 2 then
    putString(at, after)
  elseif kind == 3 or kind == 4 then
    putElements(at, after, kind == 4, depth + 1)
  elseif kind == 1 then
    putDouble(tonumber(cast(double, data + at)[0]))
  elseif kind == 16 then
    putShort(tonumber(int32At(at)))
  elseif kind == 18 then
    putInt64(cast(int64, data + at)[0])
  elseif kind == 8 then
    put(data[at] ~= 0 and "true" or "false")
  elseif kind == 10 then
    put("null")
  else
    OTHERS[kind](at, after)
  end
end

-- The text of a marked entity: an object with the marker as its only key and a string; nil for all others.
local function markedText(at, after)
  local value, last = at + 4 + 1 + #MARKER + 1, after - 1
  if value >= last or data[at + 4] ~= 2 or textAt(at + 5, #MARKER) ~= MARKER or data[value - 1] ~= 0 then return nil end
  return valueEnd(2, value, last) == last and M.plain(2, value) or nil
end

--- A value as JSON text.
function M.json(kind, at, after)
  if kind == 3 then
    local text = markedText(at, after)
    if text then return text end
  end
  if capacity > 8 * 1024 * 1024 then
    capacity = 4096
    buffer = bytes(capacity)
  end
  size = 0
  putValue(kind, at, after, 0)
  return ffi.string(buffer, size)
end

return M
