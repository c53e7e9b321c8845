-- SPDX-License-Identifier: MIT
--
-- Documents at random, as JSON texts: written as other programs might write them, not as this one does.  Those of one
-- collection have a shape in common, and some do not keep to it: fields are missing, doubled, of another kind, in
-- another order; keys and strings are escaped where they need not be, or must be; numbers are spelt in many ways.

local draws = require "support.asked.draws"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

-- Names of fields: some begin as others do, or are methods of strings, or need escapes.
M.names = {
  "symbol", "price", "metadata", "side", "a", "b", "s", "n", "priceOpen", "priceTakeProfit", "tags", "note", "status",
  "symbo", "symbols", "metadata.symbol", "id", "v", "len", "sub", "find", "type", "x", "", "1", "two words", 'q"uote',
  "back\\slash", "line\nbreak", "é", "😀", "nul\0nul", "then", ("k"):rep(15), ("k"):rep(16), ("k"):rep(31),
  ("k"):rep(40), ("k"):rep(46), ("k"):rep(80),
}

M.strings = {
  "BTCUSDT", "BTC", "ETHUSDT", "long", "short", "", "a", "b", "btcusdt", "BTCUSD", "BTCUSDT2", "open", "number",
  "string",
  "nil", "table", "symbol", "0", "1", "10", "0x10", " 5 ", "1e3", "true", "null", '"', "\\", '\\"', 'a"b', "a\\b",
  "a\\",
  '","symbol":"BTCUSDT","x":"', '{"symbol":"BTC","price":5}', '"symbol":', "/", "a/b", "\0", "a\0b", "\1", "\n",
  "\t\r\b\f",
  "\127", "é", "€", "😀", "\226\128\168", "%", ".", "B.C", "^BTC", "BTC$", "[", "a-b", "aBTCb", "xxBTCUSDT",
  ("x"):rep(15), ("x"):rep(16), ("x"):rep(31), ("x"):rep(32), ("x"):rep(63), ("x"):rep(64), ("x"):rep(65),
  ("\\"):rep(15), ("\\"):rep(16), ("\\"):rep(33), ("\\"):rep(63), ("\\"):rep(64), ("\\"):rep(127), ('"'):rep(16),
  ("\\\""):rep(20),
  ("y"):rep(30) .. '"' .. ("y"):rep(40),
}

-- Numbers as JSON has them; Lua reads each to the same value, but for those out of range.
M.numbers = {
  "0", "1", "2", "3", "10", "100", "-1", "1.5", "0.5", "5", "7", "-0", "-0.0", "0.1", "0.2", "0.3",
  "0.30000000000000004",
  "1e3", "1000", "1E+3", "1.0", "10e-1", "0.10", "1.50", "4.35", "100.0", "1e999", "-1e999", "1e308", "5e-324",
  "1e-400",
  "-1e-400", "0e999", "2.2250738585072014e-308", "2.2250738585072011e-308", "1.7976931348623157e308",
  "1.7976931348623159e308", "9007199254740992", "9007199254740993", "9007199254740991", "-9007199254740993",
  "123456789012345678", "999999999999999999", "1000000000000000000", "12345678901234567890", "43210.123456789012",
  "0.1000000000000000055511151231257827", "1.0000000000000002", "0.99999999999999989", "1e23", "8.5e22", "1e22",
  "1e00000000000000000000001", "0." .. ("0"):rep(50) .. "1e51", "1" .. ("0"):rep(60), ("9"):rep(40) .. "e-40", "3e-1",
  "2e0",
  -- 64 bits hold other digits of these.
  "18446744073709551617", "36893488147419103237", "1.8446744073709551621", "-184467440737.09551617",
  "0.0000000000000000000001234", "5.0000000000000000000000", "0.00000000000000000018446744073709551621",
}

-- ---- spelling

local SHORT = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function unicode(code)
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04X\\u%04x"):format(0xD800 + math.floor(code / 1024), 0xDC00 + code % 1024)
end

-- The code of a character that is given as UTF-8.
local function codeOf(char)
  local code = char:byte()
  if code < 0x80 then return code end
  code = code % (code < 0xE0 and 0x20 or code < 0xF0 and 0x10 or 0x08)
  for i = 2, #char do code = code * 64 + char:byte(i) % 64 end
  return code
end

--- A string as JSON has it; `often`: one in so many characters is escaped without need, 0: none.
---@param draw asked.Draw
---@param text string
---@param often integer
---@return string
function M.spell(draw, text, often)
  if often == 0 and not text:find '[%c"\\\127]' then return '"' .. text .. '"' end
  local out = text:gsub("[%z\1-\127\194-\244][\128-\191]*", function(char)
    if SHORT[char] then return often > 0 and oneIn(draw, 3) and unicode(codeOf(char)) or SHORT[char] end
    if char:byte() < 0x20 then return unicode(char:byte()) end
    if often > 0 and oneIn(draw, often) then return char == "/" and "\\/" or unicode(codeOf(char)) end
  end)
  return '"' .. out .. '"'
end

local function howOften(draw)
  if not oneIn(draw, 12) then return 0 end
  return pick(draw, { 1, 2, 8, 30 })
end

-- ---- values

local value

local function number(draw, shape)
  local way = draw(8)
  if way <= 4 then return pick(draw, shape.numbers) end
  if way <= 5 then return pick(draw, M.numbers) end
  if way == 6 then return tostring(draw(2000) - 1000) end
  if way == 7 then return ("%d.%02d"):format(draw(100000) - 50000, draw(100) - 1) end
  return ("%d.%d%d"):format(draw(100000), draw(99999999), draw(99999999))
end

local function text(draw, shape)
  local way = draw(10)
  if way <= 6 then return pick(draw, shape.strings) end
  if way <= 7 then return pick(draw, M.strings) end
  if way == 8 then return pick(draw, M.strings) .. pick(draw, M.strings) end
  if way == 9 then return pick(draw, shape.strings) .. ("z"):rep(draw(70) - 1) end
  if oneIn(draw, 3) then return "" end
  return oneIn(draw, 30) and (pick(draw, M.strings) .. " "):rep(draw(400)) or "n" .. draw(50)
end

local function object(draw, shape, fields, style)
  local parts = {}
  for _, field in ipairs(fields) do
    local function add(made)
      local key = M.spell(draw, field.name, howOften(draw))
      parts[#parts + 1] = key .. style.colon .. made
    end
    local odd = draw(40) -- 1: it is missing
    if odd == 40 then add(value(draw, shape, { kind = "any" }, style)) end -- and once more
    if odd == 39 or odd == 38 then add(value(draw, shape, { kind = "any" }, style)) end
    if odd == 37 then add "null" end
    if (odd > 1 and odd < 37) or odd == 40 then add(value(draw, shape, field, style)) end
  end
  if oneIn(draw, 12) then
    local extra = { name = pick(draw, M.names), kind = "any" }
    parts[#parts + 1] = M.spell(draw, extra.name, howOften(draw)) .. style.colon .. value(draw, shape, extra, style)
  end
  if oneIn(draw, 15) then
    for i = #parts, 2, -1 do
      local j = draw(i)
      parts[i], parts[j] = parts[j], parts[i]
    end
  end
  return "{" .. style.open .. table.concat(parts, style.comma) .. style.close .. "}"
end

local function array(draw, shape, items, style)
  local parts = {}
  for i, item in ipairs(items) do parts[i] = value(draw, shape, item, style) end
  if oneIn(draw, 6) then parts[#parts + 1] = value(draw, shape, { kind = "any" }, style) end
  if oneIn(draw, 6) then parts[#parts] = nil end
  if oneIn(draw, 40) then
    for _ = 1, draw(60) do parts[#parts + 1] = number(draw, shape) end
  end
  return "[" .. style.open .. table.concat(parts, style.comma) .. style.close .. "]"
end

local ANY = { "null", "string", "number", "boolean", "object", "array" }

-- The text of a value for a field.
function value(draw, shape, field, style)
  local kind = field.kind
  if kind == "any" then kind = pick(draw, ANY) end
  if kind == "string" then return M.spell(draw, text(draw, shape), howOften(draw)) end
  if kind == "number" then return number(draw, shape) end
  if kind == "boolean" then return pick(draw, { "true", "false" }) end
  if kind == "object" then return object(draw, shape, field.fields or {}, style) end
  if kind == "array" then return array(draw, shape, field.items or {}, style) end
  return "null"
end

-- ---- shapes

local KINDS = { "string", "number", "string", "number", "boolean", "object", "object", "array", "any" }

-- Mostly one that is not there yet.
local function newName(draw, shape, fields)
  local name = pick(draw, shape.names)
  for _, field in ipairs(fields) do
    if field.name == name and not oneIn(draw, 8) then return shape.names[#fields % #shape.names + 1] end
  end
  return name
end

local function newField(draw, shape, name, depth)
  local kind = pick(draw, KINDS)
  if depth > 3 and (kind == "object" or kind == "array") then kind = "number" end
  local field = { name = name, kind = kind }
  if kind == "object" then
    field.fields = {}
    for i = 1, draw(5) - 1 do field.fields[i] = newField(draw, shape, newName(draw, shape, field.fields), depth + 1) end
  elseif kind == "array" then
    field.items = {}
    for i = 1, draw(5) - 1 do field.items[i] = newField(draw, shape, nil, depth + 1) end
  end
  return field
end

local function some(draw, list, count)
  local out = {}
  for i = 1, count do out[i] = pick(draw, list) end
  return out
end

---@class asked.Shape
---@field names string[]    of fields, some of which there are
---@field strings string[]  that are often the value of one
---@field numbers string[]  likewise, as JSON texts
---@field fields table[]

--- What the documents of one collection have in common.
---@param draw asked.Draw
---@return asked.Shape
function M.shape(draw)
  local shape = {
    names = some(draw, M.names, 4 + draw(8)),
    strings = some(draw, M.strings, 2 + draw(5)),
    numbers = some(draw, M.numbers, 2 + draw(5)),
    fields = {},
  }
  for i = 1, 2 + draw(8) do shape.fields[i] = newField(draw, shape, newName(draw, shape, shape.fields), 1) end
  return shape
end

-- ---- whole documents

local DENSE = { colon = ":", comma = ",", open = "", close = "" }
local STYLES = {
  DENSE, DENSE, DENSE, DENSE, DENSE, DENSE, DENSE, DENSE, DENSE,
  { colon = ": ", comma = ", ", open = "", close = "" },
  { colon = " :\t", comma = "\r\n,", open = "\n ", close = " " },
  { colon = " : ", comma = " , ", open = (" "):rep(20), close = (" "):rep(40) },
}

local function deep(draw, shape)
  local levels = draw(127)
  local opening, closing = {}, {}
  for i = 1, levels do
    local inObject = oneIn(draw, 2)
    opening[i] = inObject and '{"a":' or "["
    closing[levels + 1 - i] = inObject and "}" or "]"
  end
  return table.concat(opening) .. value(draw, shape, { kind = "number" }, DENSE) .. table.concat(closing)
end

--- The text of a document.
---@param draw asked.Draw
---@param shape asked.Shape
---@return string
function M.document(draw, shape)
  local odd, style = draw(60), pick(draw, STYLES)
  if odd == 60 then return deep(draw, shape) end
  if odd >= 57 then return value(draw, shape, { kind = "any" }, style) end
  local made = object(draw, shape, shape.fields, style)
  if odd == 56 then made = '{"deep":' .. deep(draw, shape) .. "," .. made:match "^{%s*(.*)$" end
  made = made:gsub(",%s*}$", "}")
  if odd >= 53 then made = made:gsub("%s*}$", ',"pad":"' .. ("p"):rep(draw(64) - 1) .. '"}') end
  return (made:gsub("^{(%s*),", "{%1"):gsub(",%s*}$", "}"))
end

return M
