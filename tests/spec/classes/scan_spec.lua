-- SPDX-License-Identifier: MIT
--
-- Loops over classes in which something is damaged: whatever kind of class it is, the sound entities before the damaged
-- one come before the error, those after it come after it, and none is left out.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local LmdbPersist = holdfast.LmdbPersist

-- Around LMDB, with values of its own.
local Reads = LmdbPersist:extend("Reads")
function Reads:readValue(id) return LmdbPersist.readValue(self, id) end

-- The same in one call for many ids, which come from a loop of its own.
local Many = Reads:extend("Many")
function Many:keys(range) return LmdbPersist.keys(self, range) end
function Many:readMany(ids) return LmdbPersist.readMany(self, ids) end

-- With loops of its own that know ranges, and that do not.
local Loops = LmdbPersist:extend("Loops")
function Loops:entries(range) return LmdbPersist.entries(self, range) end
local Forward = LmdbPersist:extend("Forward")
function Forward:entries() return LmdbPersist.entries(self) end

local COUNT = 40 -- the first pages of a walk have 16 and 32

-- A store in which the keys, or the values, of some of 40 entities are damaged.
local function damaged(where, what)
  local base = temp.quickDirectory()
  local store = LmdbPersist("signal", base)
  local ids, all = {}, {}
  for i = 1, COUNT do
    ids[i] = ("p%02dx"):format(i)
    all[ids[i]] = "value-" .. ids[i]
  end
  store:writeMany(all)
  store:close()
  for _, i in ipairs(where) do
    local bad = ("p%02dz"):format(i)
    if what == "key" then
      assert.is_true(temp.patchFile(base .. "/data.mdb", "\0" .. ids[i], "\0" .. bad) > 0)
    else
      assert.is_true(temp.patchFile(base .. "/data.mdb", "value-" .. ids[i], "value-" .. bad) > 0)
    end
  end
  return base, ids
end

-- What a loop gives, which goes on after errors: values, and for each error its code.
local function walk(nextOne)
  local seen = {}
  for _ = 1, 3 * COUNT do
    local ok, a, b = pcall(nextOne)
    if not ok then
      assert.is_true(holdfast.isError(a), tostring(a))
      seen[#seen + 1] = a.code
    elseif a == nil then
      return seen
    else
      seen[#seen + 1] = b or a
    end
  end
  error("the loop does not end")
end

local function reversed(list)
  local out = {}
  for i = #list, 1, -1 do out[#out + 1] = list[i] end
  return out
end

-- What a loop over values has to give.
local function expected(where, ids)
  local list, bad = {}, {}
  for _, i in ipairs(where) do bad[i] = true end
  for i, id in ipairs(ids) do list[i] = bad[i] and "corrupt" or "value-" .. id end
  return list
end

after_each(function() stores.leaveNothing() end)

for name, Class in pairs {
  ["a class that reads values"] = Reads, ["a class that reads many"] = Many, ["a class with loops"] = Loops,
  ["a class whose loops go forward only"] = Forward, ["a plain store"] = LmdbPersist,
} do
  describe(name, function()
    local cases = { { "value", { 16 } }, { "value", { 5 } }, { "value", { 3, 4, 16, 25, 40 } } }
    -- keys() of a store gives what is left of a damaged key, but for the last one of a page: such a class never knows.
    if Class ~= Many then
      for _, where in ipairs { { 16 }, { 5 }, { 1 }, { COUNT }, { 25 }, { 9, 16, 17, 40 } } do
        cases[#cases + 1] = { "key", where }
      end
    end
    for _, case in ipairs(cases) do
      local what, where = case[1], case[2]

      describe("over damaged " .. what .. "s at " .. table.concat(where, ", "), function()
        local base, ids

        before_each(function() base, ids = damaged(where, what) end)

        local function open() return Class("signal", base) end

        it("gives all others in values", function()
          assert.same(expected(where, ids), walk(open():values()))
        end)

        it("gives all others backwards", function()
          assert.same(reversed(expected(where, ids)), walk(open():values { reverse = true }))
        end)

        it("gives all others in entries and filter", function()
          assert.same(expected(where, ids), walk(open():entries()))
          temp.removeAll()
          base, ids = damaged(where, what)
          assert.same(expected(where, ids), walk(open():filter(function() return true end)))
        end)

        it("has the damaged ones in quarantine afterwards, and only those", function()
          local store = open()
          walk(store:values())
          assert.equal(COUNT - #where, store:count())
          assert.equal(#where, LmdbPersist("signal", base):stat().quarantined)
          local sound = {}
          for _, value in ipairs(expected(where, ids)) do
            if value ~= "corrupt" then sound[#sound + 1] = value end
          end
          assert.same(sound, walk(open():values()))
        end)

        it("is verified whole", function()
          temp.writeFile(base .. "/class.lua", ([[
            local Base = require("holdfast").LmdbPersist
            local Class = Base:extend("Class")
            %s
            return Class
          ]]):format(({
            [Reads] = "function Class:readValue(id) return Base.readValue(self, id) end",
            [Many] = "function Class:keys(range) return Base.keys(self, range) end "
              .. "function Class:readValue(id) return Base.readValue(self, id) end "
              .. "function Class:readMany(ids) return Base.readMany(self, ids) end",
            [Loops] = "function Class:entries(range) return Base.entries(self, range) end",
            [Forward] = "function Class:entries() return Base.entries(self) end",
          })[Class] or ""))
          local store = holdfast.openStore("lua:" .. base .. "/class.lua?base=" .. base)
          local report = store:verify()
          store:close()
          assert.equal(#where, report.corrupt)
          assert.equal(COUNT, report.entities)
        end)
      end)
    end
  end)
end

describe("a loop of a class of one's own", function()
  -- Ten ids; the iterator raises at some of them, and goes on when it is asked again.
  local function scripted(at, how, forwardOnly)
    local Class = holdfast.PersistBase:extend("Scripted")
    for _, method in ipairs { "waitForInit", "hasValue", "writeValue", "removeValue", "removeAll", "values" } do
      Class[method] = function() end
    end
    function Class:readValue(id) return "value-" .. id end
    local function keys(range)
      local i = range and range.reverse and 11 or 0
      return function()
        i = i + (range and range.reverse and -1 or 1)
        if at[i] then how(i) end
        return i >= 1 and i <= 10 and "p" .. i or nil
      end
    end
    Class.keys = forwardOnly and function() return keys() end or function(_, range) return keys(range) end
    return Class("signal", "x")
  end

  local function corrupt(i) error(core.error("corrupt", "damaged", { entityId = "p" .. i }), 0) end

  local WHOLE = { "p1", "p2", "p3", "corrupt", "p5", "p6", "corrupt", "p8", "p9", "p10" }

  it("hands out what came before a failure, then that, and goes on after it", function()
    assert.same(WHOLE, walk(scripted({ [4] = true, [7] = true }, corrupt):keys()))
    assert.same(reversed(WHOLE), walk(scripted({ [4] = true, [7] = true }, corrupt):keys { reverse = true }))
    assert.same(reversed(WHOLE), walk(scripted({ [4] = true, [7] = true }, corrupt, true):keys { reverse = true }))
  end)

  it("tells which entity it is", function()
    local nextId = scripted({ [3] = true }, corrupt):keys()
    assert.equal("p1", nextId())
    assert.equal("p2", nextId())
    local err = raises.error("corrupt", nil, nextId)
    assert.equal("p3", err.entityId)
    assert.equal("signal", err.entityName)
  end)

  it("hands out what came before any other failure", function()
    local function fail() error("no more", 0) end
    assert.same({ "p1", "p2", "p3", "script" }, walk(scripted({ [4] = true }, fail):keys()))
    assert.same({ "script" }, walk(scripted({ [4] = true }, fail, true):keys { reverse = true }))
  end)

  it("ends with what it raised first where it does not go on", function()
    local Class = getmetatable(scripted({}, corrupt)).class
    function Class.keys()
      return coroutine.wrap(function()
        coroutine.yield("p1")
        corrupt(2)
      end)
    end
    assert.same({ "corrupt" }, walk(Class("signal", "y"):keys { reverse = true }))
    assert.equal("p1", Class("signal", "y"):keys()())
  end)
end)
