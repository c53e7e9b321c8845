-- SPDX-License-Identifier: MIT
--
-- What a predicate uses from outside: values that are looked at once, values that may change, and what must not change
-- for the condition to hold.

local condition = require "holdfast.condition"
local core = require "holdfast.core"
local holdfast = require "holdfast"

local null = holdfast.null

-- What the condition answers for a document.
local function answer(asked, text) return (core.condition.test(asked.condition, "id", text)) end

-- The condition of a predicate, which has one.
local function of(f, count) return assert(condition.of(f, count), "no condition") end

describe("a value that an FFI type compares", function()
  it("is not compared by it to see whether it has changed", function()
    local ffi = require "ffi"
    local calls = 0
    local boxed = ffi.metatype("struct { int n; }", { __eq = function() calls = calls + 1 return false end })
    local box = boxed(1)
    local asked = of(function(v) return v.a > 1 and v.a == box end)
    assert.is_false(asked:changed())
    box = boxed(2)
    assert.is_true(asked:changed())
    box = 2
    assert.is_true(asked:changed())
    box = boxed(0)
    assert.is_true(asked:changed())
    assert.equal(0, calls)
  end)
end)

describe("a value that nothing assigns to", function()
  it("is that of the closure, and never changes", function()
    local function make(limit) return function(v) return v.a > limit end end
    local low, high = of(make(1)), of(make(5))
    assert.same({ "yes", "no" }, { answer(low, '{"a":3}'), answer(high, '{"a":3}') })
    assert.is_false(low:changed())
    assert.is_true(low.reading.parameters[1].fixed)
    assert.same(low.reading, high.reading) -- read once
  end)

  it("may be anything that JSON has, and nil", function()
    local function make(value) return function(v) return v.a == value end end
    local function same(value, text)
      local asked = of(make(value))
      assert.same("yes", answer(asked, text))
      assert.same("no", answer(asked, '{"a":"other"}'))
    end
    same(nil, "{}")
    same(true, '{"a":true}')
    same(false, '{"a":false}')
    same(null, '{"a":null}')
    same(0.1, '{"a":0.1}')
    same("x\0y", '{"a":"x\\u0000y"}')
  end)
end)

describe("a value that is assigned to", function()
  it("is looked at again", function()
    local limit = 1
    local asked = of(function(v) return v.a > limit end)
    assert.same("yes", answer(asked, '{"a":3}'))
    limit = 5
    assert.same("yes", answer(asked, '{"a":3}')) -- until that is asked for
    assert.is_true(asked:changed())
    assert.same("no", answer(asked, '{"a":3}'))
    assert.is_false(asked:changed())
  end)

  it("has changed when its sign has, or its kind", function()
    local value = 0
    local asked = of(function(v) return 1 / v.a == value or v.b == value end)
    local function set(to)
      value = to
      return asked:changed()
    end
    assert.is_false(set(0))
    assert.is_true(set(-0.0))
    assert.is_true(set "0")
    assert.is_true(set(nil))
    assert.is_true(set(false))
    assert.is_true(set(null))
    assert.is_true(set(0 / 0))
    assert.is_false(asked:changed()) -- NaN is what it was
  end)

  it("makes the condition say nothing while it is a table", function()
    local value = 1
    local asked = of(function(v) return v.a ~= nil and v.a == value end)
    assert.same("no", answer(asked, '{"a":2}'))
    value = {}
    assert.is_true(asked:changed())
    assert.same({ "ask", "no" }, { answer(asked, '{"a":2}'), answer(asked, "{}") })
    value = 2
    assert.is_true(asked:changed())
    assert.same("yes", answer(asked, '{"a":2}'))
  end)

  it("tells its values", function()
    local a, b = 1, nil
    local asked = of(function(v) return v.a == a or v.b == b end)
    a, b = 2, nil
    asked:changed()
    local values, count = asked:parameters()
    assert.same({ 2, 2, nil }, { count, values[1], values[2] })
    assert(b == nil)
  end)
end)

describe("a field of a table outside", function()
  it("is looked at again, with those before it", function()
    local cfg = { limits = { max = 1 } }
    local asked = of(function(v) return v.a > cfg.limits.max end)
    assert.same("yes", answer(asked, '{"a":3}'))
    cfg.limits.max = 5
    assert.is_true(asked:changed())
    assert.same("no", answer(asked, '{"a":3}'))
    cfg.limits = { max = 2 }
    assert.is_true(asked:changed())
    assert.same("yes", answer(asked, '{"a":3}'))
  end)

  it("comes from the class of an object, too", function()
    local Class = { limit = 2 }
    Class.__index = Class
    local self = setmetatable({}, Class)
    local asked = of(function(v) return v.a > self.limit end)
    assert.same("yes", answer(asked, '{"a":3}'))
    self.limit = 4
    assert.is_true(asked:changed())
    assert.same("no", answer(asked, '{"a":3}'))
  end)

  it("that cannot be read any more ends the condition, used or not", function()
    local cfg = { limits = { max = 1 } }
    local used = of(function(v) return v.a > cfg.limits.max end)
    local unused = of(function(v)
      local max = cfg.limits.max -- luacheck: ignore
      return v.a
    end)
    assert.same("no", answer(unused, "{}"))
    cfg.limits = nil -- now both raise for every entity
    assert.is_nil(used:changed())
    assert.is_nil(unused:changed())
    assert.is_nil(condition.of(function(v)
      local max = cfg.limits.max -- luacheck: ignore
      return v.a
    end))
  end)

  it("is never read by calling something", function()
    local calls = 0
    local magic = setmetatable({}, { __index = function()
      calls = calls + 1
      return 1
    end })
    local asked = of(function(v) return v.a and v.b == magic.x end)
    assert.same({ "no", "ask" }, { answer(asked, "{}"), answer(asked, '{"a":1}') })
    asked:changed()
    assert.same(0, calls)
  end)

  it("ends the condition when it becomes one that is", function()
    local cfg = { x = 1 }
    local asked = of(function(v) return v.a == cfg.x end)
    cfg.x = nil
    setmetatable(cfg, { __index = function() return 1 end })
    assert.is_nil(asked:changed())
  end)
end)

describe("a global", function()
  it("is looked at again, through the tables that its environment inherits from", function()
    local f = loadstring "return function(v) return v.a == LIMIT and v.b == null end" ()
    local base = { LIMIT = 1 }
    setfenv(f, setmetatable({ null = null }, { __index = base }))
    local asked = of(f)
    assert.same("yes", answer(asked, '{"a":1,"b":null}'))
    base.LIMIT = 2
    assert.is_true(asked:changed())
    assert.same("no", answer(asked, '{"a":1,"b":null}'))
    setfenv(f, { LIMIT = 1, null = null })
    assert.is_true(asked:changed())
    assert.same("yes", answer(asked, '{"a":1,"b":null}'))
  end)
end)

describe("a condition", function()
  local function ends(f, change, back)
    local asked = of(f)
    assert.is_false(asked:changed())
    change()
    local ok, changed = pcall(asked.changed, asked)
    local again = condition.of(f)
    back()
    assert(ok, changed)
    assert.is_nil(changed)
    return again
  end

  it("ends when a function is not the original one", function()
    local find = string.find
    local function byName(v) return v.a:find("x", 1, true) end
    local function reset() rawset(string, "find", find) end
    assert.is_nil(ends(byName, function() rawset(string, "find", function() return nil end) end, reset))
    assert.same("yes", answer(of(byName), '{"a":"x"}'))
    local env = { type = type }
    local byGlobal = setfenv(loadstring "return function(v) return type(v.a) == 'nil' end" (), env)
    assert.is_nil(ends(byGlobal, function() env.type = function() return "nil" end end, function() env.type = type end))
  end)

  it("ends when plain values are given metatables", function()
    local function f(v) return v.a.b == 1 end
    for _, value in pairs { 1, true, null } do
      assert.is_nil(ends(f, function() debug.setmetatable(value, { __index = {} }) end,
        function() debug.setmetatable(value, nil) end))
    end
    assert.is_nil(ends(f, function() debug.setmetatable(nil, { __index = {} }) end,
      function() debug.setmetatable(nil, nil) end))
    local array, strings = getmetatable(holdfast.array()), getmetatable ""
    assert.is_nil(ends(f, function() array.__index = {} end, function() array.__index = nil end))
    assert.is_nil(ends(f, function() strings.__lt = function() return true end end, function() strings.__lt = nil end))
    local plain = debug.getmetatable ""
    assert.is_nil(ends(f, function() debug.setmetatable("", { [true] = 1 }) end,
      function() debug.setmetatable("", plain) end))
    assert.is_nil(ends(f, function() debug.setmetatable("", nil) end, function() debug.setmetatable("", plain) end))
    strings.__mod = string.format -- of no concern: arithmetic with strings is not known anyway
    assert.is_false(of(f):changed())
    strings.__mod = nil
    assert.same("raises", answer(of(f), "{}"))
  end)

  it("ends when a hook is set, which sees every call", function()
    local function f(v) return v.a == 1 end
    for _, mask in ipairs { "c", "r", "l" } do
      assert.is_nil(ends(f, function() debug.sethook(function() end, mask) end, debug.sethook))
    end
    -- That of a watchdog sees none: it comes every so many instructions.
    debug.sethook(function() end, "", 1000)
    local ok, changed = pcall(of(f).changed, of(f))
    debug.sethook()
    assert(ok, changed)
    assert.is_false(changed)
  end)

  it("ends when what was a table is none", function()
    local cfg = {}
    local asked = of(function(v) return cfg and v.a end)
    assert.is_false(asked:changed())
    cfg = {}
    assert.is_false(asked:changed()) -- another table is as true
    cfg = nil
    assert.is_nil(asked:changed())
  end)

  it("ends when a text from outside is a pattern at once", function()
    local text = "BTC"
    local asked = of(function(v) return v.a:find(text) or v.b:match(text) == "BTC" end)
    assert.same({ "yes", "no" }, { answer(asked, '{"a":"xBTC"}'), answer(asked, '{"a":"B.C","b":""}') })
    text = "ETH"
    assert.is_true(asked:changed())
    assert.same("no", answer(asked, '{"a":"xBTC","b":"BTC"}'))
    text = "B.C"
    assert.is_nil(asked:changed())
    text = nil
    assert.is_nil(asked:changed())
  end)

  it("ends when a key from outside is another one", function()
    local key = "a"
    local asked = of(function(v) return v[key] == 1 end)
    assert.same("yes", answer(asked, '{"a":1,"b":2}'))
    key = "b"
    assert.is_nil(asked:changed())
    assert.same("no", answer(of(function(v) return v[key] == 1 end), '{"a":1,"b":2}'))
  end)
end)

describe("what was read of a predicate", function()
  local function readsOf(f) return condition.read(f) end

  it("holds for all closures of it", function()
    local function make(limit) return function(v) return v.a > limit end end
    assert.equal(readsOf(make(1)), readsOf(make(2)))
  end)

  it("is another one where closures differ in what guards expect", function()
    local function make(helper) return function(v) return helper(v.a) == "nil" end end
    local typed, own = make(type), make(function() return "nil" end)
    assert.same("no", answer(of(typed), '{"a":1}'))
    assert.is_nil(condition.of(own))
    assert.same("no", answer(of(typed), '{"a":1}'))
  end)

  it("is another one for a call with the id", function()
    local function f(v, id) return v.a == id end
    assert.same({ "yes", "no" }, { answer(of(f, 1), "{}"), answer(of(f, 2), "{}") })
    assert.same("yes", answer(of(f, 2), '{"a":"id"}'))
  end)

  it("goes when the predicate goes", function()
    local function use(number)
      local f = loadstring("local x = { n = 1 } return function(v) return v.a == x.n and v.b == " .. number .. " end")()
      assert.same("no", answer(of(f), "{}"))
    end
    local function memoryAfter(first, last)
      for i = first, last do use(i) end
      for _ = 1, 4 do collectgarbage() end
      return collectgarbage "count"
    end
    local before = memoryAfter(1, 500)
    local each = (memoryAfter(501, 1000) - before) / 500
    assert(each < 0.1, ("%.2f KB are left of each"):format(each))
  end)

  it("keeps none of a predicate's values", function()
    local kept = setmetatable({}, { __mode = "v" })
    local function make(object) return function(v) return object and v.a == object.n end end
    local function use()
      local object = { n = 1 }
      kept[1] = object
      assert.same("yes", answer(of(make(object)), '{"a":1}'))
    end
    use()
    collectgarbage()
    collectgarbage()
    assert.is_nil(kept[1])
  end)
end)
