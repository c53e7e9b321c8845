-- SPDX-License-Identifier: MIT
--
-- Loops that LuaJIT compiles wrongly: in a process that requires holdfast they run; without it they end the process, in
-- the versions of LuaJIT that have the fault.

local machineCode = require "holdfast.util.machine_code"
local process = require "support.process"

-- A loop whose registers come in the order in which the fault is; most strategies have some over positions or symbols.
local LOOP = [==[
jit.opt.start("hotloop=2", "hotexit=1")
local text = [[
local t, u, a, b, c = ...
local x, y, z, s = a, b, c, 0
local v1, v2, v3, v4, v5 = u[1], u[2], u[3], u[4], u[5]
for k, w in pairs(t) do
  if w.name == v2 then return k end
  y, z = z, y
  a, v4 = v4, a
  u.g = v3
  v1, v3 = v3, v1
  x, z = z, x
end
return s]]
local function live(size)
  local fn, t = assert(loadstring(text)), {}
  for i = 1, size do t["k" .. i] = { name = "n" .. i } end
  for _ = 1, 6 do
    local u = { "p", "q", "r", "p", "q", "r", g = 1, g2 = 2, g3 = 3 }
    for k in pairs(t) do u[k] = t[k] end
    assert(fn(t, u, "p", "q", "r") == 0)
  end
end
for size = 3, 9 do
  for _ = 1, 20 do live(size) end
end
]==]

local function run(script) return process.run { "luajit", "-e", script } end

local CALLED = 0x1000000
local functions = { [CALLED] = true }

-- What is at address 0x2000000 and begins with a call of CALLED.
local function code(after)
  local distance = CALLED - 0x2000005 + 0x100000000
  local bytes = {}
  for i = 1, 4 do
    bytes[i] = string.char(distance % 256)
    distance = math.floor(distance / 256)
  end
  return "\232" .. table.concat(bytes) .. after
end

local function isFaulty(after) return machineCode.isFaulty(code(after), 0x2000000, functions) end

describe("what LuaJIT compiles wrongly", function()
  it("does not end a process that has holdfast", function()
    local has = run('require "holdfast"\n' .. LOOP
      .. 'print("dropped", require "holdfast.util.machine_code".dropped > 0)')
    assert.equal(0, has.code, has.stderr)
    local ends = run(LOOP).code ~= 0
    assert.equal("dropped\t" .. tostring(ends) .. "\n", has.stdout)
  end)

  it("leaves what else looks at the compiler its place", function()
    local has = run('local n = 0; jit.attach(function() n = n + 1 end, "trace")\nrequire "holdfast"\n' .. LOOP
      .. "print(n > 0)")
    assert.equal(0, has.code, has.stderr)
    assert.equal("true\n", has.stdout)
  end)

  it("is a call and half a swap, whatever is put on the stack between the two", function()
    assert.is_true(isFaulty "\146")
    assert.is_true(isFaulty "\137T$8\146")
    assert.is_true(isFaulty "\137\148$\1\2\0\0H\137D$8\146")
    assert.is_true(isFaulty "H\137\132$\1\2\0\0\146")
    assert.is_true(machineCode.isFaulty("\232\1" .. code "\146", 0x2000000 - 2, functions))
  end)

  it("is not a whole swap, nor the same bytes elsewhere", function()
    assert.is_false(isFaulty "H\146")
    assert.is_false(isFaulty "\144\146")
    assert.is_false(isFaulty "")
    assert.is_false(machineCode.isFaulty(code "\146", 0x2000001, functions))
    assert.is_false(machineCode.isFaulty("\146\232", 0x2000000, functions))
  end)
end)
