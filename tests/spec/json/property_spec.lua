-- SPDX-License-Identifier: MIT
--
-- Properties of the codec, over random values and texts: what goes in comes out, and cJSON, an independent parser
-- read through FFI, sees the same values.  Seeds are fixed; HOLDFAST_SEED and HOLDFAST_ROUNDS try others, and more.

local ffi = require("ffi")
local holdfast = require("holdfast")
local json = holdfast.json
local null, array = json.null, json.array

ffi.cdef([[
typedef struct json_spec_node {
  struct json_spec_node *next, *prev, *child;
  int type;
  char *valuestring;
  int valueint;
  double valuedouble;
  char *string;
} json_spec_node;
json_spec_node *cJSON_ParseWithLengthOpts(const char *text, size_t size, const char **end, int terminated);
void cJSON_Delete(json_spec_node *node);
]])
local cjson = ffi.load("libcjson.so.1")

local seed = tonumber(os.getenv("HOLDFAST_SEED")) or 20240207
local rounds = tonumber(os.getenv("HOLDFAST_ROUNDS")) or 1

-- A generator of its own: math.random differs between builds.
local state
local function reseed(more)
  state = (seed * 7919 + more * 104729) % 2147483646 + 1
end
local function random(n)
  state = (state * 16807) % 2147483647
  return state % n + 1
end
local function pick(list)
  return list[random(#list)]
end

-- What differs between two values; nil if nothing does.
local function difference(a, b, path)
  path = path or "value"
  if type(a) ~= type(b) then
    return ("%s: %s and %s"):format(path, type(a), type(b))
  end
  if type(a) == "number" then
    if a ~= b or 1 / a ~= 1 / b then
      return ("%s: %.17g and %.17g"):format(path, a, b)
    end
  elseif type(a) ~= "table" then
    if a ~= b then
      return ("%s: %q and %q"):format(path, tostring(a), tostring(b))
    end
  else
    for k, v in pairs(a) do
      local found = difference(v, b[k], path .. "." .. tostring(k))
      if found then
        return found
      end
    end
    for k in pairs(b) do
      if a[k] == nil then
        return ("%s: has %s on one side only"):format(path, tostring(k))
      end
    end
    if next(a) == nil and json.isArray(a) ~= json.isArray(b) then
      return path .. ": array and object"
    end
  end
end

-- What differs between a Lua value and cJSON's; cJSON's strings end at a NUL, so texts here have none.
local function differenceFromNode(value, node, path)
  path = path or "value"
  local kind = bit.band(node.type, 0xFF)
  if kind == 1 or kind == 2 then
    return value ~= (kind == 2) and path .. ": boolean" or nil
  elseif kind == 4 then
    return value ~= null and path .. ": null" or nil
  elseif kind == 8 then
    return type(value) ~= "number" and path .. ": no number" or difference(value, node.valuedouble, path)
  elseif kind == 16 then
    return value ~= ffi.string(node.valuestring) and path .. ": string" or nil
  elseif type(value) ~= "table" then
    return path .. ": no table"
  end
  local child, count = node.child, 0
  if kind == 32 then
    if not json.isArray(value) then
      return path .. ": no array"
    end
    while child ~= nil do
      count = count + 1
      local found = value[count] == nil and path .. ": too short"
        or differenceFromNode(value[count], child, path .. "[" .. count .. "]")
      if found then
        return found
      end
      child = child.next
    end
    return #value ~= count and path .. ": length" or nil
  end
  local last = {} -- of equal keys the last one counts
  while child ~= nil do
    last[ffi.string(child.string)] = child
    child = child.next
  end
  for key, found in pairs(last) do
    local what = value[key] == nil and path .. ": lacks " .. key or differenceFromNode(value[key], found, path .. "." .. key)
    if what then
      return what
    end
  end
  for key in pairs(value) do
    if not last[key] then
      return path .. ": has " .. tostring(key)
    end
  end
end

-- Compares with cJSON's reading of the text.
local function differenceFromCJSON(value, text)
  local node = cjson.cJSON_ParseWithLengthOpts(text, #text + 1, nil, 1)
  if node == nil then
    return "cJSON refuses it"
  end
  local found = differenceFromNode(value, node)
  cjson.cJSON_Delete(node)
  return found
end

-- A few shapes recur, as in real data, and much does not.
local names = { "id", "symbol", "priceOpen", "priceTakeProfit", "metadata", "tags", "_x", "é", "two words", "", "a\nb", 'q"', "end" }
for i = 1, 30 do
  names[#names + 1] = ("n"):rep(i * 2) .. i
end
local pieces = { "a", "BTCUSDT", "long", " ", "\n", '"', "\\", "/", "\t", "\1", "\127", "é", "€", "😀", "0123456789abcdef", "\226\128\168" }
local odd = { 0, -0.0, 1, -1, 1e15, 2 ^ 53, -2 ^ 53, 2 ^ 63, 1e21, 1e22, 1e-6, 1e-7, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, math.huge, -math.huge, 0.1, 0.3, 1 / 3 }
local double = ffi.new("union { double d; uint32_t u[2]; }")

local function randomNumber()
  local way = random(6)
  if way == 1 then
    return pick(odd)
  elseif way == 2 then
    return random(1e6) - 5e5
  elseif way == 3 then
    return (random(2e9) - 1e9) / pick({ 10, 100, 1000, 10000, 1e5, 1e6, 1e7, 1e8, 1e9 })
  elseif way == 4 then
    return random(2e9) * random(2e9)
  elseif way == 5 then
    return random(2e9) * pick({ 1, -1 }) + random(1e8) / 1e8
  end
  repeat
    double.u[0], double.u[1] = (random(2147483646) * 2 + random(2)) % 2 ^ 32, (random(2147483646) * 2 + random(2)) % 2 ^ 32
    -- Looked at as bits: LuaJIT takes some NaNs that come out of FFI for values of other types.
  until bit.band(double.u[1], 0x7FF00000) ~= 0x7FF00000
  return double.d
end

local function randomString(withNul)
  local parts = {}
  for i = 1, random(8) - 1 do
    parts[i] = withNul and random(20) == 1 and "\0" or pick(pieces):rep(random(10) == 1 and random(40) or 1)
  end
  return table.concat(parts)
end

local function randomValue(depth, withNul)
  local way = random(depth > 0 and 9 or 6)
  if way <= 2 then
    return randomNumber()
  elseif way <= 4 then
    return randomString(withNul)
  elseif way == 5 then
    return random(2) == 1
  elseif way == 6 then
    return null
  end
  local value = {}
  if way == 7 then
    local n = random(10) == 1 and random(100) or random(5) - 1
    for i = 1, n do
      value[i] = randomValue(depth - 1, withNul)
    end
    return (n == 0 or random(2) == 1) and array(value) or value
  end
  for _ = 1, random(10) == 1 and random(60) or random(8) - 1 do
    value[random(5) == 1 and randomString(withNul) or pick(names)] = randomValue(depth - 1, withNul)
  end
  return value
end

-- Text of a random value in random spelling.
local function randomText(depth)
  local function space()
    return random(6) == 1 and pick({ " ", "\n", "\t", "\r\n  " }) or ""
  end
  local function quoted(s)
    local plain = json.encode(s)
    if plain:find("\\", 1, true) then
      return plain
    end
    return plain:gsub("[%w/]", function(c)
      return random(30) == 1 and ("\\u%04x"):format(c:byte()) or random(30) == 1 and ("\\u%04X"):format(c:byte()) or nil
    end)
  end
  local function text(left)
    local way = random(left > 0 and 9 or 5)
    if way == 1 then
      return quoted(randomString(false))
    elseif way <= 3 then
      local number = json.encode(randomNumber())
      return random(4) == 1
          and pick({ "1e5", "1E5", "1.50", "-0.0", "1e-400", "12345678901234567890", "0.1e1", "1e+2", "123456789.123456789e-3", "-1.7976931348623159e308" })
        or number
    elseif way == 4 then
      return pick({ "true", "false", "null" })
    elseif way == 5 then
      return quoted(pick(names))
    end
    local parts = {}
    for i = 1, random(6) - 1 do
      local value = space() .. text(left - 1) .. space()
      parts[i] = way <= 7 and value or space() .. quoted(pick(names)) .. space() .. ":" .. value
    end
    local body = #parts > 0 and table.concat(parts, ",") or space()
    return way <= 7 and "[" .. body .. "]" or "{" .. body .. "}"
  end
  return space() .. text(depth) .. space()
end

local function check(round, found, text)
  if found then
    error(("seed %d, round %d: %s\n%s"):format(seed, round, found, text), 0)
  end
end

describe("the JSON codec", function()
  it("gives back every value that it was given", function()
    for round = 1, 4000 * rounds do
      reseed(round)
      local value = randomValue(5, true)
      local text = json.encode(value)
      local back = json.decode(text)
      check(round, difference(value, back), text)
      check(round, difference(back, json.decode(json.encode(back))), text)
    end
  end)

  it("writes what cJSON reads as the same value", function()
    for round = 1, 4000 * rounds do
      reseed(round)
      local text = json.encode(randomValue(5, false))
      check(round, differenceFromCJSON(json.decode(text), text), text)
    end
  end)

  it("reads texts in every spelling as cJSON does", function()
    for round = 1, 6000 * rounds do
      reseed(round)
      local text = randomText(5)
      for _ = 1, round % 50 == 0 and 8 or 1 do -- now and then often enough to be learned
        check(round, differenceFromCJSON(json.decode(text), text), text)
      end
    end
  end)

  it("prints numbers so that they read back to the last bit", function()
    for round = 1, 100000 * rounds do
      reseed(round)
      local number = randomNumber()
      local text = json.encode(number)
      check(round, difference(number, json.decode(text)) or difference(number, number ~= number and 0 or tonumber((text:gsub("1e999", "inf")))), text)
    end
  end)

  it("prints no more digits than needed", function()
    for round = 1, 20000 * rounds do
      reseed(round)
      local number = randomNumber()
      if number - number == 0 then
        local shortest
        for digits = 1, 17 do
          shortest = ("%." .. digits - 1 .. "e"):format(number)
          if tonumber(shortest) == number then
            break
          end
        end
        local want = shortest:gsub("e.*", ""):gsub("[-.]", ""):gsub("0+$", "")
        local got = json.encode(number):gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", ""):gsub("0+$", "")
        check(round, #got ~= #want and "not the shortest" or nil, json.encode(number) .. " " .. shortest)
      end
    end
  end)

  it("accepts damaged texts only where cJSON reads the same", function()
    local bytes = { '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "u", "\0", "\255", "\195", "t", " " }
    local accepted = 0
    for round = 1, 30000 * rounds do
      reseed(round)
      local text = randomText(3)
      for _ = 1, random(3) do
        local at = random(#text)
        local way = random(3)
        local byte = random(3) == 1 and string.char(random(256) - 1) or pick(bytes)
        text = text:sub(1, at - 1) .. (way == 1 and "" or byte) .. text:sub(way == 3 and at or at + 1)
      end
      local ok, value = pcall(json.decode, text)
      if ok then
        accepted = accepted + 1
        if not text:find("\\u0000") then
          check(round, differenceFromCJSON(value, text), text)
        end
        check(round, difference(value, json.decode(json.encode(value))), text)
      else
        check(round, not tostring(value):find("^not JSON.*: ") and tostring(value) or nil, text)
      end
    end
    assert.is_true(accepted > 100 * rounds)
  end)
end)
