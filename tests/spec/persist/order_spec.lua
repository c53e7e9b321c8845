-- SPDX-License-Identifier: MIT
--
-- Natural order in a store: the ids of the vectors, written in any order, come back as ICU sorts them.

local holdfast = require("holdfast")
local stores = require("support.stores")
local temp = require("support.temp")

local cases = holdfast.json.decode(temp.readFile("tests/data/natural_order.json")).cases

-- The same permutation in every run.
local function shuffled(ids, seed)
  local out = { unpack(ids) }
  for i = #out, 2, -1 do
    seed = (seed * 1103515245 + 12345) % 2147483648
    local j = seed % i + 1
    out[i], out[j] = out[j], out[i]
  end
  return out
end

-- The vectors have some ids twice.
local function distinct(ids)
  local out = {}
  for i, id in ipairs(ids) do
    if id ~= ids[i - 1] then
      out[#out + 1] = id
    end
  end
  return out
end

local function reversed(ids)
  local out = {}
  for i = #ids, 1, -1 do
    out[#out + 1] = ids[i]
  end
  return out
end

stores.each(function(kind)
  it("ids written in any order come back in natural order", function()
    local store = kind.open("shuffled", { durability = "nosync" })
    for number, case in ipairs(cases) do
      store:removeAll()
      local expected = distinct(case.sorted)
      assert.is_true(#expected > 1)
      local batch = {}
      for i, id in ipairs(shuffled(case.ids, number)) do
        if i % 2 == 0 and #expected < 200 then
          store:writeValue(id, id)
        else
          batch[id] = id
        end
      end
      store:writeMany(batch)
      assert.same(expected, stores.list(store:keys()), "case " .. number)
      assert.same(expected, stores.list(store:values()), "case " .. number)
      assert.same(reversed(expected), stores.list(store:keys({ reverse = true })), "case " .. number)
      assert.equal(expected[1], store:take(1)())
    end
  end)

  it("ids beyond ASCII come after every ASCII letter, by their bytes", function()
    local store = kind.open()
    local sorted = { "~", "9", "Z", "z", "zz", "é", "ü", "Ā", "日", "日本", "😀" }
    for _, id in ipairs(shuffled(sorted, 7)) do
      store:writeValue(id, id)
    end
    assert.same(sorted, stores.list(store:keys()))
  end)

  it("numbers of any length sort by their value", function()
    local store = kind.open()
    local sorted = {}
    for digits = 1, 240, 7 do
      sorted[#sorted + 1] = "n" .. "1" .. ("0"):rep(digits - 1)
      sorted[#sorted + 1] = "n" .. ("9"):rep(digits)
    end
    for _, id in ipairs(shuffled(sorted, 11)) do
      store:writeValue(id, 1)
    end
    assert.same(sorted, stores.list(store:keys()))
  end)
end, stores.all)

describe("holdfast.orderKey", function()
  local raises = require("support.raises")

  -- What ids are made of here: all that natural order tells apart, and is easily wrong about.
  local PIECES = {
    "0", "00", "1", "9", "10", "007", "99", "100", "1707343380000", ("9"):rep(58), ("1"):rep(59), "a", "A", "b", "Z",
    " ", "_", "-", ":", "/", "~", "%", "é", "日", "😀", "log-",
  }

  local function randomId(random)
    local pieces = {}
    for i = 1, random(6) do pieces[i] = PIECES[random(#PIECES)] end
    local id = table.concat(pieces)
    return #id <= 250 and id or randomId(random)
  end

  it("has the order of the vectors in its bytes", function()
    for number, case in ipairs(cases) do
      local keys = {}
      for i, id in ipairs(shuffled(case.ids, number)) do keys[i] = holdfast.orderKey(id) end
      table.sort(keys)
      for i, key in ipairs(keys) do keys[i] = key:match("%z(.*)$") end
      assert.same(case.sorted, keys, "case " .. number)
    end
  end)

  it("agrees with naturalOrder on any two ids", function()
    math.randomseed(20240207)
    for _ = 1, 20000 do
      local a, b = randomId(math.random), randomId(math.random)
      assert.equal(holdfast.naturalOrder(a, b), holdfast.orderKey(a) < holdfast.orderKey(b), a .. " and " .. b)
      assert.equal(a == b, holdfast.orderKey(a) == holdfast.orderKey(b), a .. " and " .. b)
    end
  end)

  it("ends in a 0 and the id, and has no other 0", function()
    math.randomseed(7)
    for _ = 1, 2000 do
      local id = randomId(math.random)
      local code, found = holdfast.orderKey(id):match("^(%Z+)%z(%Z+)$")
      assert.equal(id, found)
      assert.is_true(#code <= #id)
    end
    assert.equal(501, #holdfast.orderKey(("x"):rep(250)))
  end)

  it("takes numbers, as ids are", function()
    assert.equal(holdfast.orderKey("10"), holdfast.orderKey(10))
    assert.equal(holdfast.orderKey("0.1"), holdfast.orderKey(0.1))
    assert.equal(holdfast.orderKey("0"), holdfast.orderKey(-0))
  end)

  it("refuses what is not a valid id, as naturalOrder does, and says why", function()
    local wrong = {
      { "", "id is empty: give 1 to 250 bytes" },
      { ("x"):rep(251), "id is 251 bytes long: at most 250 are allowed" },
      { "a\0b", "id has a control character (byte 0x00 at offset 1)" },
      { "a\255", "id is not valid UTF-8 (byte 0xff at offset 1)" },
      { {}, "the id must be a string or a number, not a table" },
      { true, "the id must be a string or a number, not a boolean" },
      { 0 / 0, "the id must be a finite number, not NaN" },
      { math.huge, "the id must be a finite number, not infinity" },
    }
    for _, row in ipairs(wrong) do
      raises.error("invalid_argument", "orderKey: " .. row[2], holdfast.orderKey, row[1])
      local message = "naturalOrder: " .. row[2]:gsub("^the id", "each id")
      raises.error("invalid_argument", message, holdfast.naturalOrder, "a", row[1])
      raises.error("invalid_argument", message, holdfast.naturalOrder, row[1], "a")
    end
    raises.error("invalid_argument", nil, holdfast.orderKey)
  end)

  it("is a function of the module, and no method", function()
    assert.is_nil(holdfast.PersistBase.orderKey)
    assert.is_nil(holdfast.PersistBase("x", "null:").orderKey)
  end)
end)
