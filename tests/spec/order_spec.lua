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
