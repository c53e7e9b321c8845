-- SPDX-License-Identifier: MIT
--
-- The instructions of functions: as they were compiled, whatever the trace compiler has put in their place, and none
-- where they cannot be told.

local another = require "support.another"
local bytecode = require "holdfast.condition.bytecode"
local condition = require "holdfast.condition"
local util = require "jit.util"

-- The numbers of a function's instructions as they are in memory.
local function patched(f)
  local list = {}
  for pc = 0, util.funcinfo(f).bytecodes - 1 do list[#list + 1] = bit.band(util.funcbc(f, pc), 0xff) end
  return list
end

describe("the instructions of a function", function()
  it("are those that were compiled, after the trace compiler has patched them", function()
    local f = loadstring [[return function(v)
      local sum = 0
      for i = 1, 200 do sum = sum + i end
      for _, x in ipairs(v) do sum = sum + x end
      while sum > 100000 do sum = sum / 2 end
      return sum > 5
    end]]()
    local before, inMemory = bytecode.of(f), patched(f)
    for _ = 1, 300 do f { 1, 2, 3 } end
    assert.are_not.same(inMemory, patched(f), "nothing was compiled")
    assert.same(before, bytecode.of(f))
    assert.same("FORI", before.op[5])
  end)

  it("have marks at the upvalues that nothing assigns to", function()
    local fixed, changing = 1, 2
    local function f() return fixed, changing end
    changing = 3
    assert.same({ true, false }, bytecode.of(f).immutable)
    assert.same({ 1, 3 }, { f() })
  end)

  it("are those of the function itself, not of those inside it", function()
    local f = loadstring "return function(v) local g = function(x) return x.y.z end return v.a end" ()
    assert.same({ "FNEW", "TGETS", "UCLO", "RET1" }, bytecode.of(f).op)
  end)

  it("are not those of functions in C, which have no condition", function()
    assert.is_nil(bytecode.of(print))
    assert.is_nil(condition.of(print))
    assert.is_nil(condition.of(coroutine.wrap(function() end)))
    assert.is_nil(condition.of(string.len)) -- written in Lua, with instructions of its own
  end)
end)

describe("a LuaJIT", function()
  local CHECK = [[
    local condition = require "holdfast.condition"
    print(condition.of(function(v) return v.a == 1 end) ~= nil, (condition.read(function() end).why))]]

  local function said(code)
    local result = another.run(code)
    assert(result.code == 0, result.stderr)
    return result.stdout
  end

  it("that shows instructions has conditions", function() assert.same("true\tnil\n", said(CHECK)) end)

  it("without jit.util has none", function()
    local why = "its instructions cannot be read here"
    assert.same("false\t" .. why .. "\n", said("package.preload['jit.util'] = function() error 'no' end " .. CHECK))
    assert.same("false\t" .. why .. "\n", said("package.loaded['jit.util'] = {} " .. CHECK))
  end)

  it("without the libraries that it takes has none", function()
    for _, missing in ipairs { "debug = nil", "debug.getupvalue = nil", "string.dump = nil", "getfenv = nil",
      "loadstring = nil" } do
      local told = said(missing .. " " .. CHECK)
      assert.same("false\tits instructions cannot be read here\n", told, missing)
    end
  end)

  it("with other instructions has none", function()
    -- As if two instructions had changed places.
    local swap = [[
      local byte, dump = string.byte, string.dump
      string.dump = function(f, strip)
        return (dump(f, strip):gsub(string.char(0x36), "\1"):gsub(string.char(0x37), string.char(0x36)))
      end
    ]]
    assert.same("false\tits instructions cannot be read here\n", said(swap .. CHECK))
  end)

  it("whose string library was replaced before has no condition for its functions", function()
    local replace = "string.find = function() return 1 end "
    local check = [[print(require "holdfast.condition".of(function(v) return v.a:find("x", 1, true) end))]]
    assert.same("nil\n", said(replace .. check))
  end)
end)
