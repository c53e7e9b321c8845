-- SPDX-License-Identifier: MIT
--
-- What a condition's text means, compared with the Lua function of the same text: generated expressions over generated
-- entities, and texts that are nearly right.  Run by test_parse_as_lua.c, which gives it `ask` and the seed.
--
--   ask(text, id, json)  "yes", "no", "raises", "unknown", or "refused"; and the error's message

local holdfast = require "holdfast"
local decode, null = holdfast.json.decode, holdfast.null

local ask = _G.ask
local seed, rounds = tonumber(arg[1]), tonumber(arg[2])

-- ---- chance: xorshift, of 32 bits

local bit = require "bit"
local state = bit.tobit(seed * 2654435769 % 4294967296)
local function random(n)
  state = bit.bxor(state, bit.lshift(state, 13))
  state = bit.bxor(state, bit.rshift(state, 17))
  state = bit.bxor(state, bit.lshift(state, 5))
  return math.floor(state % 4294967296 / 4294967296 * n) + 1
end
local function any(list) return list[random(#list)] end

-- ---- entities

local TEXTS = { '"BTCUSDT"', '"BTC"', '"USDT"', '""', '"a\\u0000b"', '"\\u20ac"', '"10"', '"B.C"', '"x\\ny"' }
local NUMBERS = { "0", "-0", "1", "2", "-3", "0.1", "1e999", "-1e999", "100.5", "1e-320", "9007199254740993", "7" }

local function value(depth)
  local kind = random(depth > 0 and 9 or 6)
  if kind <= 3 then return any(NUMBERS) end
  if kind <= 5 then return any(TEXTS) end
  if kind == 6 then return any { "true", "false", "null" } end
  local parts = {}
  if kind == 7 then
    for i = 1, random(3) do parts[i] = value(depth - 1) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for _, name in ipairs { "a", "b", "any key" } do
    if random(2) == 1 then parts[#parts + 1] = ('"%s": %s'):format(name, value(depth - 1)) end
  end
  return "{" .. table.concat(parts, " ,") .. "}"
end

local function entity()
  if random(20) == 1 then return value(1) end
  local parts = {}
  for _, name in ipairs { "n", "m", "k" } do
    if random(20) > 1 then parts[#parts + 1] = ('"%s":%s'):format(name, any(NUMBERS)) end
  end
  for _, name in ipairs { "s", "t" } do
    if random(20) > 1 then parts[#parts + 1] = ('"%s":%s'):format(name, any(TEXTS)) end
  end
  for _, name in ipairs { "x", "y", "any key" } do
    if random(4) > 1 then parts[#parts + 1] = ('"%s":%s'):format(name, value(2)) end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- ---- expressions.  Parentheses are rare, so that precedence decides.

local function space() return random(12) == 1 and any { "  ", "\n", " --[[x]] ", " --y\n", "\t" } or " " end

local expression

local function path()
  return any { "n", "m", "k", "v.n", "s", "t", "x", "y", "v", "id", "x.a", "v.y.b", "x[1]", "y[2]", 'v["any key"]',
    "(x).a", "v.x.a.b", "none", "none.a", "x['any key']" }
end

local function number(depth)
  local kind = random(depth > 0 and 10 or 4)
  if kind == 1 then return any { "1", "2", "0x10", ".5", "3.", "1e3", "100.5", "0x.8p1", "7", "1e-320" } end
  if kind <= 3 then return any { "n", "m", "k", "v.n" } end
  if kind == 4 then return "#" .. any { "s", "t", "'abc'", "id" } end
  if kind == 5 then return "-" .. space() .. number(depth - 1) end
  if kind == 6 then return "(" .. number(depth - 1) .. ")" end
  return number(depth - 1) .. space() .. any { "+", "-", "*", "/", "%" } .. space() .. number(depth - 1)
end

local function text()
  return any { "s", "t", "v.s", "id", "x", "'BTC'", '"USDT"', "[[x\ny]]", "'a\\0b'", "'\\u{20AC}'", "'\\66TC'" }
end

local function method()
  local x = any { "s", "t", "id", "v.s", "x", "('BTCUSDT')", "x.a", "none" }
  local kind = random(4)
  if kind == 1 then return ("%s:find(%s, 1, true)"):format(x, any { "'BTC'", "'USD'", "''", "'.'", "t", "'\\0'" }) end
  if kind == 2 then return ("%s:sub(%s)"):format(x, any { "1, 3", "-4", "2, -2", "n", "1, n", "3, 1", "0" }) end
  if kind == 3 then
    local patterns = { "'^BTC'", "'USDT$'", "'^BTCUSDT$'", "'BT'", "'^B%.C$'", "'^'", "'$'", "'^$'" }
    return ("%s:match(%s)"):format(x, any(patterns))
  end
  return ("%s:find'%s'"):format(x, any { "BTC", "T", "" })
end

local function leaf()
  return any { path, path, text, method, function() return any { "nil", "true", "false", "null", "0", "1" } end,
    function() return "type(" .. path() .. ")" end, function() return number(0) end }()
end

local COMPARISONS = { "==", "~=", "<", "<=", ">", ">=" }

function expression(depth)
  local kind = random(depth > 0 and 12 or 2)
  if kind <= 2 then return leaf() end
  if kind == 3 then return number(2) .. space() .. any(COMPARISONS) .. space() .. number(2) end
  if kind == 4 then return text() .. space() .. any(COMPARISONS) .. space() .. text() end
  if kind == 5 then return leaf() .. space() .. any { "==", "~=" } .. space() .. leaf() end
  if kind == 6 then return "not " .. expression(depth - 1) end
  if kind == 7 then return "(" .. space() .. expression(depth - 1) .. ")" end
  if kind == 8 then return leaf() .. space() .. any(COMPARISONS) .. space() .. expression(depth - 1) end
  return expression(depth - 1) .. space() .. any { "and", "or" } .. space() .. expression(depth - 1)
end

-- ---- the same in Lua

-- What the text gives.  nil: Lua does not compile it, and why.
local function inLua(source, id, json)
  local fn, problem = loadstring("return " .. source .. "\n")
  if not fn then return nil, problem end
  local v = decode(json)
  local own = { v = v, id = id, null = null, type = type }
  setfenv(fn, setmetatable({}, { __index = function(_, name)
    if own[name] ~= nil then return own[name] end
    return v[name]
  end }))
  local ok, result = pcall(fn)
  return not ok and "raises" or result and "yes" or "no"
end

local function fail(what, source, id, json, ...)
  error(("seed %d: %s\n  text  %q\n  id    %s\n  json  %s\n  %s"):format(seed, what, source, id, json,
    table.concat({ ... }, "\n  ")), 0)
end

local counts = { yes = 0, no = 0, raises = 0, unknown = 0, refused = 0, lua = 0 }

local function compare(source, mayBeRefused)
  for _ = 1, 3 do
    local id, json = any { "BTC/USDT", "a", "BTC" }, entity()
    local got, message = ask(source, id, json)
    local wanted, problem = inLua(source, id, json)
    counts[got] = counts[got] + 1
    if got == "refused" then
      if not mayBeRefused then fail("it is refused", source, id, json, message) end
      return
    end
    -- Where a ( begins a line, it could be a statement of its own, to Lua: a condition has none.
    if not wanted and problem:find("ambiguous syntax", 1, true) then return end
    if not wanted then fail("Lua does not compile it", source, id, json, problem) end
    if got ~= "unknown" and got ~= wanted then
      fail("Lua says " .. wanted .. ", the condition " .. got, source, id, json, message)
    end
  end
end

-- A text with a few bytes changed, and no field `type`, which has another meaning here.
local function spoilt(source)
  for _ = 1, random(3) do
    local at = random(#source)
    local piece = any { "", "", "(", ")", " ", "-", "not ", "and ", ".", ":", "[", "]", "'", '"', "\\", "1", "a", "=",
      "[[", "--", ",", "#", "==", "<", "x", "\n", "0x", "e", "%", "^" }
    source = source:sub(1, at - 1) .. piece .. source:sub(at + random(2) - 1)
  end
  return source:find("type%s*[^%s(']") and "1" or source
end

for _ = 1, rounds do
  local source = expression(3)
  compare(source, false)
  compare(spoilt(source), true)
end

-- What an expression gives, to the last bit or byte: only the right grouping and the right literal give it.

-- A string as a literal of Lua, with escapes of all kinds.
local function literal(bytes)
  local function escape(c)
    local code = c:byte()
    local kind = random(6)
    if kind == 1 then return ("\\%03d"):format(code) end
    if kind == 2 then return ("\\x%02x"):format(code) end
    if kind == 3 and code < 128 then return ("\\u{%X}"):format(code) end
    if c:find("[%c'\\]") then return ("\\%03d"):format(code) end
    return (kind == 4 and "\\z \n" or "") .. c
  end
  if random(4) == 1 and not bytes:find("[%]\r\n]") then return "[==[" .. bytes .. "]==]" end
  return "'" .. bytes:gsub(".", escape):gsub("\\z \n ", " ") .. "'"
end

local function written(result)
  if type(result) == "string" then return literal(result) end
  if type(result) == "number" then return (("%.17g"):format(result):gsub("inf", "1e999")) end
  return result == null and "null" or tostring(result)
end

for i = 1, 2 * rounds do
  local id, json = any { "BTC/USDT", "a" }, entity()
  local source = i % 2 == 0 and number(4) or any { method, text, leaf, expression } (2)
  local v = decode(json)
  if type(v) == "table" then
    local fn = assert(loadstring("return " .. source))
    setfenv(fn, setmetatable({ v = v, id = id, null = null, type = type }, { __index = v }))
    local ok, result = pcall(fn)
    if ok and result == result and type(result) ~= "table" and type(result) ~= "function" then
      local whole = ("(%s) == %s"):format(source, written(result))
      local got, message = ask(whole, id, json)
      counts.lua = counts.lua + 1
      if got ~= "yes" and got ~= "unknown" then fail("it gives something else", whole, id, json, got, message) end
      if got == "unknown" then counts.unknown = counts.unknown + 1 end
    end
  end
end

-- Numerals, right and nearly right: to the last bit, those that round and those that are too small included.

local function several(most, bytes)
  local parts = {}
  for i = 1, random(most) do
    local at = random(#bytes)
    parts[i] = bytes:sub(at, at)
  end
  return table.concat(parts)
end

local function numeral()
  local kind, sign = random(6), any { "", "-", "+" }
  if kind == 1 then return several(25, "0123456789") .. any { "", ".", "." .. several(20, "0123456789") } end
  if kind == 2 then return several(20, "0123456789") .. any { "e", "E" } .. sign .. random(340) end
  if kind == 3 then return "0x" .. several(20, "0123456789abcdefABCDEF") .. any { "", "." .. several(9, "08f") } end
  if kind == 4 then return "0x1." .. several(16, "0f8") .. any { "p", "P" } .. sign .. (900 + random(200)) end
  if kind == 5 then return "0b" .. several(70, "01") end
  return any { "0", "1", "." } .. several(6, "0123456789.eEpPxXaf+-b_")
end

for _ = 1, rounds do
  local source = numeral()
  local fn = loadstring("return " .. source)
  local ok, result = pcall(fn or error)
  if ok and type(result) == "number" then
    local got, message = ask("v == " .. source, "a", written(result))
    if got ~= "yes" then fail("it is another number", source, "a", written(result), got, message) end
  elseif not fn and ask("v == " .. source, "a", "1") ~= "refused" then
    fail("Lua does not compile it", source, "a", "1")
  end
end

-- Each kind of answer came, and what is not known is the exception.
local known = counts.yes + counts.no + counts.raises
assert(counts.yes > rounds / 4 and counts.no > rounds / 4 and counts.raises > rounds / 10, "too few answers")
assert(counts.refused > rounds / 10 and counts.lua > rounds / 2, "too few texts")
assert(counts.unknown < known / 5, ("%d unknown of %d"):format(counts.unknown, known))
if arg[3] then
  for name, n in pairs(counts) do print(name, n) end
end
