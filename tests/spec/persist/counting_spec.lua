-- SPDX-License-Identifier: MIT
--
-- Loops that ask of more entities than one call of a backend looks at, by a predicate whose variables change on the
-- way: in the loop's body, or in a function that the predicate calls.  What a condition has counted or left out ahead
-- is then counted and found again.  Each loop stands beside one that decodes every entity and calls the function.

local holdfast = require("holdfast")
local stores = require("support.stores")

local COUNT = 5000 -- a call looks at 2,048

local seed = tonumber(os.getenv("HOLDFAST_SEED")) or 1
local rounds = 12 * (tonumber(os.getenv("HOLDFAST_ROUNDS")) or 1)

-- Numbers at random, from 1 to n.
local state
local function draw(n)
  state = (state * 16807) % 2147483647
  return state % n + 1
end

-- Most entities are told by the condition; of those with `ask` the predicate alone knows.
local function fill(store)
  local batch = {}
  for i = 1, COUNT do
    batch[i] = { n = i, k = i % 7, side = i % 3 == 0 and "long" or "short", ask = draw(400) == 1 or nil }
  end
  store:writeMany(batch)
end

-- Predicates over variables that `change` gives other values: each with what it calls for entities that have `ask`.
local kinds = {
  function(change)
    local low, step = draw(COUNT), { k = draw(7) - 1 }
    return function(v)
      if v.ask then low, step.k = change(low, v.n) end
      return v.n >= low and v.k ~= step.k
    end, function() low, step.k = change(low, 0) end
  end,
  function(change)
    local side = { is = "long" }
    return function(v)
      if v.ask and change(0, v.n) % 2 == 0 then side.is = side.is == "long" and "short" or "long" end
      return v.side == side.is
    end, function() side.is = "short" end
  end,
  function(change)
    local from, to = draw(COUNT), COUNT
    return function(v)
      if v.ask then to = change(to, v.n) end
      return from <= v.n and v.n <= to
    end, function() from = draw(COUNT) end
  end,
}

-- What the kind's predicate gives when every entity is decoded; and what `ask` gives, from the same beginning.
local function both(make, ask, reference)
  local begun = state
  local function again(fn)
    state = begun
    local changes = 0
    local predicate, inBody = make(function(value, n)
      changes = changes + 1
      return (value * 31 + n * 17 + changes) % COUNT + 1, n % 7
    end)
    local found = fn(predicate, inBody)
    return { found = found, changes = changes }
  end
  return again(reference), again(ask)
end

stores.each(function(kind)
  if not kind.pages then return end
  local store

  local function test(name, fn)
    it(name, function()
      state = seed
      store = kind.open()
      fill(store)
      fn()
      store:close()
      store = nil
    end)
  end

  -- Some of the hits are answered by the body with other variables.
  local function bodyChanges(n) return n % 61 == 0 end

  test("counts what the predicate says, whatever it changes on the way", function()
    for round = 1, rounds do
      local range = ({ {}, { reverse = true }, { from = draw(COUNT) } })[round % 3 + 1]
      local expected, got = both(kinds[round % #kinds + 1],
        function(predicate) return store:count(predicate, range) end,
        function(predicate)
          local n = 0
          for v in store:values(range) do if predicate(v) then n = n + 1 end end
          return n
        end)
      assert.same(expected, got, "round " .. round)
    end
  end)

  test("finds what the predicate says, whatever the loop's body changes", function()
    for round = 1, rounds do
      local range = ({ {}, { reverse = true }, { to = draw(COUNT) } })[round % 3 + 1]
      local expected, got = both(kinds[round % #kinds + 1],
        function(predicate, inBody)
          local found = {}
          for v in store:filter(predicate, range) do
            found[#found + 1] = v.n
            if bodyChanges(v.n) then inBody() end
          end
          return found
        end,
        function(predicate, inBody)
          local found = {}
          for v in store:values(range) do
            if predicate(v) then
              found[#found + 1] = v.n
              if bodyChanges(v.n) then inBody() end
            end
          end
          return found
        end)
      assert.same(expected, got, "round " .. round)
    end
  end)

  test("counts on when what a predicate stands on is something else", function()
    local find, limits = string.find, { n = 100 }
    local function counts(turn, undo)
      local n = store:count(function(v)
        if v.n == 2500 then turn() end
        return v.side:find("lo", 1, true) and v.n > limits.n
      end)
      undo()
      return n
    end
    local function all() return math.floor(COUNT / 3) end
    assert.equal(all() - 33, counts(function() end, function() end))
    local before, after = math.floor(2500 / 3) - 33, all() - math.floor(2500 / 3)
    assert.equal(before, counts(function() string.find = function() return nil end end, -- luacheck: ignore 122
      function() string.find = find end)) -- luacheck: ignore 122
    assert.equal(before + after - 500, counts(function()
      limits.n = nil
      setmetatable(limits, { __index = function() return 4000 end })
    end, function() limits = setmetatable({ n = 100 }, nil) end))
  end)

  test("looks at what is after the end of each call", function()
    for _, place in ipairs({ 48, 49, 2048, 2049, 2096, 2097, 2098, 4096, 4144, 4145, 4146, COUNT }) do
      for _, reverse in ipairs({ false, true }) do
        local wanted = reverse and COUNT + 1 - place or place
        assert.equal(1, store:count(function(v) return v.n == wanted end, { reverse = reverse }))
        local value = store:first(function(v) return v.n == wanted end, { reverse = reverse })
        assert.equal(wanted, value and value.n)
      end
    end
    for v in store:filter(function(v) return v.k == 3 end) do
      assert.equal(3, v.k)
    end
    assert.equal(COUNT, store:count(function(v) return v.n > 0 end))
    assert.equal(COUNT, store:count(function(v) return v.n ~= holdfast.null end))
  end)
end)
