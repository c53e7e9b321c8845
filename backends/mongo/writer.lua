-- SPDX-License-Identifier: MIT
--
-- BSON, written: from JSON text, and by hand for the commands that the backend sends.
--
-- The bytes go straight into one buffer that grows and is used again, which takes a tenth of the time of a call into
-- libbson for each element, and a JSON parser of libbson's is not wanted at all: it takes {"$date": ...} for a date.
-- Nothing here calls scripts, so one buffer for all is enough; what is in it counts until the next M.reset().
--
-- Numbers: whole ones that a 32- or 64-bit integer holds exactly become one, so that other programs see natural
-- types; all others are doubles, -0 and the infinity that JSON writes as 1e999 among them.

local core = require "holdfast.core"
local ffi = require "ffi"

local json = core.json
local cast, copy = ffi.cast, ffi.copy
local byte = string.byte

local M = {}

-- What MongoDB allows for a document; a little of it is for the fields beside the entity.
M.SIZE_MAX = 16 * 1024 * 1024 - 2048

-- How deep an entity may be nested as BSON: MongoDB's documents have 100 levels, of which commands take some.
local DEPTH_MAX = 90

--- The only key of an object whose value is an entity as JSON text: for what BSON, or this server, cannot hold.
M.MARKER = "holdfast:json"

local int32, int64, double = ffi.typeof("int32_t *"), ffi.typeof("int64_t *"), ffi.typeof("double *")
local bytes, text8 = ffi.typeof("uint8_t[?]"), ffi.typeof("const uint8_t *")

local capacity, size = 4096, 0
local buffer = bytes(capacity)

local function grow(wanted)
  repeat capacity = 2 * capacity until capacity >= wanted
  local larger = bytes(capacity)
  copy(larger, buffer, size)
  buffer = larger
end

local function room(count)
  if size + count > capacity then grow(size + count) end
end

--- Begins again.
function M.reset()
  if capacity > 8 * 1024 * 1024 then
    capacity = 4096
    buffer = bytes(capacity)
  end
  size = 0
end

--- How many bytes there are, and where; the place holds until something is added.
function M.bytes() return buffer, size end

function M.size() return size end

-- ---- elements

-- The head of an element: its type and its key.
local function head(kind, key)
  local length = #key
  room(length + 2)
  buffer[size] = kind
  copy(buffer + size + 1, key, length + 1)
  size = size + length + 2
end

local function putInt32(value)
  room(4)
  cast(int32, buffer + size)[0] = value
  size = size + 4
end

local function putInt64(value)
  room(8)
  cast(int64, buffer + size)[0] = value
  size = size + 8
end

local function putDouble(value)
  room(8)
  cast(double, buffer + size)[0] = value
  size = size + 8
end

-- Opens a document; returns where, for finish().
local function begin()
  local at = size
  putInt32(0)
  return at
end

local function finish(at)
  room(1)
  buffer[size] = 0
  size = size + 1
  cast(int32, buffer + at)[0] = size - at
end

M.begin, M.finish = begin, finish

--- An element that is a document, or an array, opened; its end is M.finish().
function M.document(key)
  head(3, key)
  return begin()
end

function M.array(key)
  head(4, key)
  return begin()
end

function M.string(key, value)
  head(2, key)
  putInt32(#value + 1)
  room(#value + 1)
  copy(buffer + size, value, #value)
  size = size + #value + 1
  buffer[size - 1] = 0
end

function M.boolean(key, value)
  head(8, key)
  room(1)
  buffer[size] = value and 1 or 0
  size = size + 1
end

local WHOLE_MAX = 2 ^ 53 -- up to it, and not beyond, each whole number is a double of its own

local function isWhole(value) return value % 1 == 0 and (value ~= 0 or 1 / value > 0) end

--- A number as the type that is natural for it.
function M.number(key, value)
  if not (isWhole(value) and value >= -WHOLE_MAX and value <= WHOLE_MAX) then
    head(1, key)
    putDouble(value)
  elseif value >= -2 ^ 31 and value < 2 ^ 31 then
    head(16, key)
    putInt32(value)
  else
    head(18, key)
    putInt64(value)
  end
end

--- A date: milliseconds since 1970.
function M.date(key, milliseconds)
  head(9, key)
  putInt64(milliseconds)
end

-- ---- JSON text

-- Keys that would be taken for something else: by our own reader, and by libraries of other languages, which make a
-- reference of an object with $ref, or fail to.
local MARKED_KEYS = { [M.MARKER] = true, ["$ref"] = true }

-- Raised, as these values, where the text cannot become BSON as it is.
local MARK, DUPLICATE = {}, {}

local QUOTE, BACKSLASH, COMMA = byte '"', byte "\\", byte ","
local OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = byte "{", byte "}", byte "[", byte "]"
local ESCAPES = { [byte "b"] = 8, [byte "f"] = 12, [byte "n"] = 10, [byte "r"] = 13, [byte "t"] = 9 }

-- The text is known to be JSON, and its strings end in the memory of a Lua string, which ends in NUL.
local source ---@type ffi.cdata*
local position = 0

local function skipSpace()
  while source[position] <= 32 and source[position] ~= 0 do position = position + 1 end
  return source[position]
end

local function hex4(at) return tonumber(ffi.string(source + at, 4), 16) end

local function putUtf8(code)
  room(4)
  local p = buffer + size
  if code < 0x80 then
    p[0] = code
    size = size + 1
  elseif code < 0x800 then
    p[0], p[1] = 0xC0 + math.floor(code / 64), 0x80 + code % 64
    size = size + 2
  elseif code < 0x10000 then
    p[0], p[1], p[2] = 0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64
    size = size + 3
  else
    p[0], p[1] = 0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64
    p[2], p[3] = 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64
    size = size + 4
  end
end

--- A character as UTF-8.
function M.utf8(code)
  local before = size
  putUtf8(code)
  local text = ffi.string(buffer + before, size - before)
  size = before
  return text
end

-- An escape; position is after its backslash.
local function putEscape()
  local c = source[position]
  if c ~= byte "u" then
    position = position + 1
    room(1)
    buffer[size] = ESCAPES[c] or c
    size = size + 1
    return
  end
  local code = hex4(position + 1)
  position = position + 5
  if code >= 0xD800 and code < 0xDC00 then -- the second half follows: the text is known to be right
    code = 0x10000 + (code - 0xD800) * 1024 + hex4(position + 2) - 0xDC00
    position = position + 6
  end
  putUtf8(code)
end

-- The content of a string; position is after its opening quote, and then after the closing one.
local function putContent()
  while true do
    local first = position
    local at = first
    local c = source[at]
    while c ~= QUOTE and c ~= BACKSLASH do
      at = at + 1
      c = source[at]
    end
    room(at - first + 1)
    copy(buffer + size, source + first, at - first)
    size = size + at - first
    position = at + 1
    if c == QUOTE then return end
    putEscape()
  end
end

local function putString()
  room(4)
  local at = size
  size = size + 4
  putContent()
  room(1)
  buffer[size] = 0
  size = size + 1
  cast(int32, buffer + at)[0] = size - at - 4
end

-- Which key was last seen in which object, for each depth: objects have each key once in BSON.
local seen, serial, seenCount = {}, 0, 0

local function checkKey(keyAt, depth, object)
  local length = size - keyAt
  local key = ffi.string(buffer + keyAt, length)
  if key:find("\0", 1, true) then error(MARK, 0) end
  local keys = seen[depth]
  if keys[key] == object then error(DUPLICATE, 0) end
  if not keys[key] then seenCount = seenCount + 1 end
  keys[key] = object
  return key
end

-- A number with few digits and nothing else, or nil; the type byte is at `at`.
local function putShortNumber(at)
  local p, value, negative = position, 0, false
  if source[p] == byte "-" then
    negative = true
    p = p + 1
  end
  local first = p
  local c = source[p]
  while c >= 48 and c <= 57 do
    value = value * 10 + (c - 48)
    p = p + 1
    c = source[p]
  end
  local isLonger = c == byte "." or c == byte "e" or c == byte "E"
  if isLonger or p - first > 15 or (negative and value == 0) then return false end
  if negative then value = -value end
  position = p
  if value >= -2147483648 and value <= 2147483647 then
    buffer[at] = 16
    putInt32(value)
  else
    buffer[at] = 18
    putInt64(value)
  end
  return true
end

-- A whole number of up to 19 digits as an integer of 64 bits, or nil.
local function exactInt64(word)
  local sign, digits = word:match("^(%-?)(%d+)$")
  if not digits or #digits > 19 or (#digits == 19 and digits > "9223372036854775807") then return nil end
  local value = 0LL
  for i = 1, #digits do value = value * 10 + (digits:byte(i) - 48) end
  if sign == "-" then value = -value end
  return value
end

local function putLongNumber(at)
  local p = position
  repeat
    p = p + 1
    local c = source[p]
  until not (c >= 48 and c <= 57 or c == byte "." or c == byte "e" or c == byte "E" or c == byte "+" or c == byte "-")
  local word = ffi.string(source + position, p - position)
  position = p
  local value = json.decode(word)
  local exact = not (value == 0 and 1 / value < 0) and exactInt64(word)
  if exact then
    buffer[at] = 18
    putInt64(exact)
  elseif isWhole(value) and math.abs(value) <= WHOLE_MAX then
    local small = value >= -2 ^ 31 and value < 2 ^ 31
    buffer[at] = small and 16 or 18;
    (small and putInt32 or putInt64)(value)
  else
    buffer[at] = 1
    putDouble(value)
  end
end

local putValue

local function putObject(at, depth)
  buffer[at] = 3
  local document = begin()
  serial = serial + 1
  local object = serial
  seen[depth] = seen[depth] or {}
  position = position + 1
  local c, count = skipSpace(), 0
  while c ~= CLOSE do
    if c == COMMA then
      position = position + 1
      skipSpace()
    end
    position = position + 1
    room(1)
    local element = size
    size = size + 1
    putContent()
    local key = checkKey(element + 1, depth, object)
    if MARKED_KEYS[key] then error(MARK, 0) end
    room(1)
    buffer[size] = 0
    size = size + 1
    skipSpace()
    position = position + 1 -- the colon
    putValue(element, depth)
    count = count + 1
    c = skipSpace()
  end
  position = position + 1
  finish(document)
end

local indexNames = {}
for i = 0, 999 do indexNames[i] = tostring(i) end

--- The key of an element of an array.
function M.index(count) return indexNames[count] or tostring(count) end

local function putArray(at, depth)
  buffer[at] = 4
  local list = begin()
  position = position + 1
  local c, count = skipSpace(), 0
  while c ~= CLOSE_LIST do
    if c == COMMA then position = position + 1 end
    local element = size
    head(0, M.index(count))
    putValue(element, depth)
    count = count + 1
    c = skipSpace()
  end
  position = position + 1
  finish(list)
end

-- The value at the position; `at`: where its type goes; `depth`: of what contains it.
function putValue(at, depth)
  local c = skipSpace()
  if c == QUOTE then
    buffer[at] = 2
    position = position + 1
    putString()
  elseif c == OPEN or c == OPEN_LIST then
    if depth == DEPTH_MAX then error(MARK, 0) end
    if c == OPEN then putObject(at, depth + 1) else putArray(at, depth + 1) end
  elseif c == byte "t" or c == byte "f" then
    buffer[at] = 8
    room(1)
    buffer[size] = c == byte "t" and 1 or 0
    size = size + 1
    position = position + (c == byte "t" and 4 or 5)
  elseif c == byte "n" then
    buffer[at] = 10
    position = position + 4
  elseif not putShortNumber(at) then
    putLongNumber(at)
  end
end

--- An element that is an entity kept as its JSON text.
function M.marked(key, text)
  local document = M.document(key)
  M.string(M.MARKER, text)
  finish(document)
end

local function parse(key, text)
  local at = size
  head(0, key)
  position = 0
  source = cast(text8, text)
  if seenCount > 10000 then seen, seenCount = {}, 0 end
  putValue(at, 0)
end

--- An element that is an entity.
---@param key string
---@param text string  JSON, known to be right
function M.json(key, text)
  local before = size
  local ok, raised = pcall(parse, key, text)
  if not ok and raised == DUPLICATE then -- of keys that are there more than once the last counts, as for scripts
    size = before
    ok, raised = pcall(parse, key, json.encode(json.decode(text)))
  end
  if not ok then
    size = before
    if raised ~= MARK then error(raised, 0) end
    M.marked(key, text)
  end
  if size - before > M.SIZE_MAX then
    local took = size - before
    size = before
    error(core.error("invalid_value",
      string.format("the entity takes %d bytes as BSON, and a MongoDB document holds at most %d", took, M.SIZE_MAX)), 0)
  end
end

return M
