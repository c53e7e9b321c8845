-- SPDX-License-Identifier: MIT
--
-- What goes into a store comes out of it: numbers to the last bit, empty arrays, null, infinity, NUL.  The codec has
-- its own spec; this one sends values through a store, by every way in and every way out.

local ffi = require("ffi")

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local null, array = holdfast.null, holdfast.array

local vectors = holdfast.json.decode(temp.readFile("tests/data/json_numbers.json")).numbers

local word = ffi.new("union { double number; uint64_t bits; }")

local function fromBits(hex)
  word.bits = tonumber(hex:sub(1, 8), 16) * 4294967296ULL + tonumber(hex:sub(9), 16)
  return word.number
end

local function toBits(number)
  word.number = number
  local text = bit.tohex(word.bits)
  return text
end

stores.each(function(kind)
  it("numbers keep their value to the last bit, and print as JavaScript prints them", function()
    local store = kind.open()
    local batch = {}
    for i, vector in ipairs(vectors) do
      local number = fromBits(vector[1])
      assert.equal(vector[1], toBits(number))
      batch[i] = { number = number, inList = { number, -number } }
    end
    assert.is_true(#batch > 1000)
    store:writeMany(batch)
    for i, vector in ipairs(vectors) do
      local text = core.readText(store, i)
      assert.is_truthy(text:find('"number":' .. vector[2], 1, true), text)
    end
    local n = 0
    for id, value in store:entries() do
      local hex = vectors[tonumber(id)][1]
      assert.equal(hex, toBits(value.number))
      assert.equal(hex, toBits(value.inList[1]))
      assert.equal(hex, toBits(-value.inList[2]))
      n = n + 1
    end
    assert.equal(#vectors, n)
  end)

  it("a number alone is an entity", function()
    local store = kind.open("signal", { durability = "nosync" })
    for i = 1, #vectors, 5 do
      store:writeValue("n", fromBits(vectors[i][1]))
      assert.equal(vectors[i][1], toBits(store:readValue("n")))
      assert.equal(vectors[i][2], core.readText(store, "n"))
    end
  end)

  it("every kind of JSON value is an entity", function()
    local store = kind.open()
    local values = { true, false, 0, 1.5, "", "text", null, array({}), {}, array({ 1, 2 }), { a = array({}) } }
    for i, value in ipairs(values) do
      store:writeValue(i, value)
      local back = store:readValue(i)
      assert.same(value, back)
      assert.equal(holdfast.json.encode(value), core.readText(store, i))
      assert.equal(holdfast.isArray(value), holdfast.isArray(back))
      assert.same(value, store:readEntry(i).value)
      assert.same(value, store:readMany({ i })[i])
    end
    local n = 0
    for id, value in store:entries() do
      n = n + 1
      assert.same(values[tonumber(id)], value)
    end
    assert.equal(#values, n)
  end)

  it("empty arrays and empty objects stay what they are, at any depth and after many rounds", function()
    local store = kind.open()
    local text = '{"a":[],"b":{},"c":[[],{},[{}]],"d":null}'
    core.writeText(store, "x", text)
    for _ = 1, 5 do
      local value = store:readValue("x")
      assert.is_true(holdfast.isArray(value.a))
      assert.is_false(holdfast.isArray(value.b))
      assert.is_true(holdfast.isArray(value.c[1]))
      assert.equal(null, value.d)
      store:writeValue("x", value)
    end
    local value = store:readValue("x")
    assert.equal("[]", holdfast.json.encode(value.a))
    assert.equal("{}", holdfast.json.encode(value.b))
    assert.equal("[[],{},[{}]]", holdfast.json.encode(value.c))
  end)

  it("null inside an array keeps its place", function()
    local store = kind.open()
    store:writeValue("x", { 1, null, 3, null })
    local value = store:readValue("x")
    assert.equal(4, #value)
    assert.equal(null, value[2])
    assert.equal(null, value[4])
    assert.equal("[1,null,3,null]", core.readText(store, "x"))
  end)

  it("infinity is stored as a number that every parser reads back", function()
    local store = kind.open()
    store:writeValue("x", { minuteEstimatedTime = math.huge, low = -math.huge })
    local value = store:readValue("x")
    assert.equal(math.huge, value.minuteEstimatedTime)
    assert.equal(-math.huge, value.low)
    local text = core.readText(store, "x")
    assert.is_truthy(text:find('"minuteEstimatedTime":1e999', 1, true))
    assert.is_truthy(text:find('"low":-1e999', 1, true))
  end)

  it("minus zero stays minus zero", function()
    local store = kind.open()
    store:writeValue("x", { zero = fromBits("8000000000000000") })
    assert.equal(-math.huge, 1 / store:readValue("x").zero)
  end)

  it("strings keep every character, NUL among them", function()
    local store = kind.open()
    local characters = {}
    for byte = 0, 127 do
      characters[#characters + 1] = string.char(byte)
    end
    local strings = {
      table.concat(characters), "\0", "a\0b", "", "ü日😀", "\226\128\168\226\128\169", "\127", ("\\\""):rep(500),
    }
    for i, text in ipairs(strings) do
      store:writeValue(i, { [text] = text })
      assert.equal(text, store:readValue(i)[text])
    end
  end)

  it("128 levels are stored, 129 are refused", function()
    local store = kind.open()
    local function nested(depth, leaf)
      local value = leaf
      for _ = 1, depth do
        value = { value }
      end
      return value
    end
    local depth = kind.depth or 128
    store:writeValue("deep", nested(depth, 7))
    local value = store:readValue("deep")
    for _ = 1, depth do
      value = value[1]
    end
    assert.equal(7, value)
    raises.error("invalid_value", nil, store.writeValue, store, "deeper", nested(129, 7))
    assert.is_false(store:hasValue("deeper"))
  end)

  it("texts are stored byte for byte", function()
    if not kind.texts then return end -- a script gets and gives values
    local store = kind.open()
    local text = ' { "b" : 1.0e2 ,\n "a" : [ ] , "\\u00e9" : "\\/" } '
    core.writeText(store, "x", text)
    assert.equal(text, core.readText(store, "x"))
    assert.same({ b = 100, a = array({}), ["é"] = "/" }, store:readValue("x"))
  end)

  it("a text that is not JSON is refused and nothing is written", function()
    local store = kind.open()
    local bad = {
      "", " ", "{", "[1,]", "01", "nul", "'a'", "1 2", '"\\ud800"', '"\200"', "NaN", "{1:2}", "\239\187\1911",
    }
    for _, text in ipairs(bad) do
      local err = raises.error("invalid_value", nil, core.writeText, store, "x", text)
      assert.equal("x", err.entityId, text)
      assert.equal("signal", err.entityName)
    end
    assert.equal(0, store:count())
  end)
end, stores.all)
