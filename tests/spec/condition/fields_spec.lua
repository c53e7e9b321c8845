-- SPDX-License-Identifier: MIT
--
-- Which fields a function reads of its argument, and that one which does anything else with it is not trusted.

local fields = require "holdfast.condition.fields"

local function names(f)
  local set = fields.ofArgument(f)
  if not set then return "all" end
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

local kept -- luacheck: ignore 231

-- By what it is given, so that each tells what it has read.
local ALONE = {
  [""] = { function() end, function() return true end, function(_) return "no" end },
  ["a"] = {
    function(p) return p.a end,
    function(p) if p.a >= 3 then error("there are three already", 0) end end,
    function(p) return p.a < 3 or "too many: " .. p.a end,
    function(p) if not p.a then return false end return { note = p.a } end,
    function(p) local sum = 0 for i = 1, p.a do sum = sum + i end return sum end,
    function(p) for i, x in ipairs(p.a) do if x == i then return false end end end,
    function(p) while p.a > math.huge do kept = p.a end end,
  },
  ["a b"] = {
    function(p) return p.a > p.b end,
    function(p) assert(p.a ~= p.b.c, "equal") end,
    function(p) return p.b ^ 2 + -p.a, { 1, 2, p.a }, #p.b, not p.a end,
  },
}

local ALL = {
  function(p) return p end,
  function(p) return p[1] end,
  function(p, q) return p[q] end,
  function(p) return #p end,
  function(p) return tostring(p) end,
  function(p) return p:a() end,
  function(p) return p.a(p) end,
  function(p) return next(p) end,
  function(p) for k in pairs(p) do if k == "a" then return false end end end,
  function(p) kept = p end,
  function(p) local q = p return q.a end,
  function(p) p = p.a return p end,
  function(p) p.a = 1 end,
  function(p) p[1] = 1 end,
  function(p) return { p } end,
  function(p) return { x = p } end,
  function(p) return p == nil end,
  function(p) return p and p.a end,
  function(p) if p then return p.a end end,
  function(p) return -p end,
  function(p) return p + 1 end,
  function(p) return p .. "" end,
  function(p) return "" .. p end,
  function(p) return p.a, p end,
  function(p) return function() return p.a end end,
  function(p) local f = function() return 1 end return p.a, f end,
  function(p) do local f = function() return p.a end kept = f end return 1 end,
  function(...) return (...) end,
  function(p, ...) return p.a, ... end,
  print, string.rep, coroutine.wrap(function() end),
}

describe("the fields that a function reads of its argument", function()
  it("are those that it names", function()
    for expected, list in pairs(ALONE) do
      for i, f in ipairs(list) do assert.equal(expected, names(f), ("%s %d"):format(expected, i)) end
    end
  end)

  it("may be all where it does anything else with it", function()
    for i, f in ipairs(ALL) do assert.equal("all", names(f), "number " .. i) end
  end)

  it("are the same when it was compiled", function()
    local function f(p)
      local sum = 0
      for i = 1, 200 do sum = sum + i * p.a end
      return sum
    end
    for _ = 1, 300 do f { a = 1 } end
    assert.equal("a", names(f))
    jit.off(f)
    assert.equal("a", names(f))
  end)
end)
