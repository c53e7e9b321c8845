-- SPDX-License-Identifier: MIT
--
-- Reads a predicate: follows every path through its instructions, with nodes of an expression in place of values, and
-- makes one expression of what the paths give.  Where a path comes to something that a condition has no word for, or
-- that has an effect, the path ends as unknown and the others go on.
--
-- Registers hold nodes (nodes.lua), values from outside (uses.lua), and methods of strings that are about to be called.
-- Whatever may raise and is not used afterwards stays in the expression by Graph:check().

local bytecode = require "holdfast.condition.bytecode"
local calls = require "holdfast.condition.calls"
local live = require "holdfast.condition.live"
local nodes = require "holdfast.condition.nodes"
local uses = require "holdfast.condition.uses"

local concat, format, ipairs, pairs, type = table.concat, string.format, ipairs, pairs, type

local M = {}

local STEPS_MAX = 16 -- of a path, as src/condition has it
local INSTRUCTIONS_MAX = 6000 -- that are followed for one predicate
local DEPTH_MAX = 1000 -- of conditions on one path

-- ---- values in registers

-- A value as an operand: a node.
local function operand(run, value)
  if value == nil then return run.graph:unknown "a value that is not followed" end
  if value.outside then return run.uses:operand(value) end
  if value.method then return value.path or run.graph:unknown("the method " .. value.method .. " as a value") end
  return value
end

-- A value as a condition.
local function truth(run, value)
  if value and value.outside and run.uses:isObject(value) then return run.graph.TRUE end
  return operand(run, value)
end

-- Whether a node is the same for all entities.
local function isFixed(node) return node[1] == "const" or node[1] == "param" end

local function line(run) return bytecode.line(run.f, run.pc) end

local function unknown(run, why) return run.graph:unknown(why, line(run)) end

-- Notes that the path has evaluated a node, which may raise, and gives the node.
local function evaluated(run, pending, node)
  if type(node[1]) == "string" and run.graph:mayRaise(node) then pending[#pending + 1] = node end
  return node
end

-- ---- fields

local function isPlace(key) return type(key) == "number" and key >= 1 and key < 2 ^ 31 and key % 1 == 0 end

-- The method that indexing a value gives, the same one each time.
local function internMethod(run, receiver, name, path)
  local key = format("%d %s", run.graph:id(receiver), name)
  local made = run.methods[key] or { method = name, receiver = receiver, path = path }
  run.methods[key] = made
  return made
end

-- What `value[key]` gives, the key being a string or a number.
local function field(run, value, key)
  if value and value.method then value = value.path end
  if value == nil then return unknown(run, "a field of what is not followed") end
  if value.outside then
    local found, why = run.uses:field(value, key)
    if found then return found end
    if why then return unknown(run, why) end
    return internMethod(run, value, key)
  end
  if value[1] == "path" then
    if type(key) ~= "string" and not isPlace(key) then return unknown(run, "an index that is no place in an array") end
    if #value - 2 >= STEPS_MAX then return unknown(run, "a path that is too long") end
    local path = run.graph:step(value, key)
    return calls.isMethod(key) and internMethod(run, value, key, path) or path
  end
  if value[1] == "const" and type(value[2]) == "string" and type(key) == "string" then
    return run.uses:stringField(key)
  end
  if type(key) ~= "string" or isFixed(value) then return unknown(run, "a field of a result") end
  -- Unless it is called it is not known what the field is, nor whether there is one.
  return internMethod(run, value, key, run.graph:unknown("a field of a result", line(run), value))
end

-- A key that is in a register; nil: it depends on the entity.
local function keyOf(run, value)
  if value and value.outside then return run.uses:key(value) end
  local kind = value and value[1] == "const" and type(value[2])
  return (kind == "string" or kind == "number") and value[2] or nil
end

-- ---- instructions that give a value: each is given the run, the registers and the place

local VALUES = {}

local function constant(run, value) return run.graph:constant(value) end
local function number(run, d) return constant(run, bytecode.number(run.f, d)) end
local function primitive(run, d) return constant(run, ({ [1] = false, [2] = true })[d]) end

function VALUES.KSTR(run, _, pc) return constant(run, bytecode.constant(run.f, run.p.D[pc])) end
function VALUES.KNUM(run, _, pc) return number(run, run.p.D[pc]) end
function VALUES.KPRI(run, _, pc) return primitive(run, run.p.D[pc]) end
function VALUES.KCDATA(run) return unknown(run, "a number of the FFI") end

function VALUES.KSHORT(run, _, pc)
  local d = run.p.D[pc]
  return constant(run, d < 0x8000 and d or d - 0x10000)
end

function VALUES.MOV(run, registers, pc) return registers[run.p.D[pc]] end
function VALUES.NOT(run, registers, pc) return run.graph:negate(truth(run, registers[run.p.D[pc]])) end
function VALUES.UNM(run, registers, pc) return run.graph:operator("neg", operand(run, registers[run.p.D[pc]])) end
function VALUES.LEN(run, registers, pc) return run.graph:operator("len", operand(run, registers[run.p.D[pc]])) end
function VALUES.POW(run) return unknown(run, "^, which is not the same everywhere") end
function VALUES.CAT(run) return unknown(run, "..") end
function VALUES.FNEW(run) return unknown(run, "a function that is made here") end
function VALUES.TNEW(run) return unknown(run, "a table that is made here") end
VALUES.TDUP = VALUES.TNEW

function VALUES.UGET(run, _, pc) return run.uses:upvalue(run.p.D[pc] + 1) end
function VALUES.GGET(run, _, pc)
  local value, why = run.uses:global(bytecode.constant(run.f, run.p.D[pc]))
  return value or unknown(run, why)
end

function VALUES.TGETS(run, registers, pc)
  return field(run, registers[run.p.B[pc]], bytecode.constant(run.f, run.p.C[pc]))
end

function VALUES.TGETB(run, registers, pc) return field(run, registers[run.p.B[pc]], run.p.C[pc]) end

function VALUES.TGETV(run, registers, pc)
  local key = keyOf(run, registers[run.p.C[pc]])
  if key == nil then return unknown(run, "an index that is not constant") end
  return field(run, registers[run.p.B[pc]], key)
end

for name, sign in ("ADD+ SUB- MUL* DIV/ MOD% "):gmatch("(%u+)(%p) ") do
  VALUES[name .. "VV"] = function(run, registers, pc)
    return run.graph:operator(sign, operand(run, registers[run.p.B[pc]]), operand(run, registers[run.p.C[pc]]))
  end
  VALUES[name .. "VN"] = function(run, registers, pc)
    return run.graph:operator(sign, operand(run, registers[run.p.B[pc]]), number(run, run.p.C[pc]))
  end
  VALUES[name .. "NV"] = function(run, registers, pc)
    return run.graph:operator(sign, number(run, run.p.C[pc]), operand(run, registers[run.p.B[pc]]))
  end
end

-- What makes a value without evaluating anything that may raise: it counts only where it is used.
local HARMLESS = { MOV = true, KSTR = true, KCDATA = true, FNEW = true, TNEW = true, TDUP = true }

-- ---- instructions that decide: each gives the condition, and whether it is the opposite that jumps

local TESTS = {}

local MIRROR = { ["<"] = ">", ["<="] = ">=" }

-- a < b, written the way round that has what does not depend on the entity last: the same to the last bit.
local function compare(sign, isOpposite)
  return function(run, registers, pc)
    local a, b = operand(run, registers[run.p.A[pc]]), operand(run, registers[run.p.D[pc]])
    if isFixed(a) and not isFixed(b) then return run.graph:operator(MIRROR[sign], b, a), isOpposite end
    return run.graph:operator(sign, a, b), isOpposite
  end
end

TESTS.ISLT, TESTS.ISGE = compare("<", false), compare("<", true)
TESTS.ISLE, TESTS.ISGT = compare("<=", false), compare("<=", true)

local function equal(run, a, b)
  if run.uses:isApart(a, b) then return run.graph.FALSE end
  a, b = operand(run, a), operand(run, b)
  if a[1] == "const" and b[1] == "const" then return run.graph:constant(a[2] == b[2]) end
  if isFixed(a) and not isFixed(b) then a, b = b, a end
  return run.graph:operator("==", a, b)
end

local function equality(other)
  local function same(run, registers, pc)
    return equal(run, registers[run.p.A[pc]], other(run, registers, run.p.D[pc]))
  end
  return function(run, registers, pc) return same(run, registers, pc), false end,
    function(run, registers, pc) return same(run, registers, pc), true end
end

TESTS.ISEQV, TESTS.ISNEV = equality(function(_, registers, d) return registers[d] end)
TESTS.ISEQS, TESTS.ISNES = equality(function(run, _, d) return constant(run, bytecode.constant(run.f, d)) end)
TESTS.ISEQN, TESTS.ISNEN = equality(function(run, _, d) return number(run, d) end)
TESTS.ISEQP, TESTS.ISNEP = equality(function(run, _, d) return primitive(run, d) end)

function TESTS.IST(run, registers, pc) return truth(run, registers[run.p.D[pc]]), false end
function TESTS.ISF(run, registers, pc) return truth(run, registers[run.p.D[pc]]), true end
TESTS.ISTC, TESTS.ISFC = TESTS.IST, TESTS.ISF

-- ---- following a path

local walk

local function copy(registers)
  local made = {}
  for register, value in pairs(registers) do made[register] = value end
  return made
end

-- What the path gives after everything has been evaluated that it has evaluated.
local function after(run, pending, node)
  for i = #pending, 1, -1 do node = run.graph:check(pending[i], node) end
  return node
end

-- Both ways on from a condition.
local function fork(run, registers, pc)
  local op, target = run.p.op[pc], live.target(run.p, pc + 1)
  if target <= pc then return unknown(run, "a loop") end
  local condition, isOpposite = TESTS[op](run, registers, pc)
  local known = run.graph:truth(condition)
  local jumps = known == nil or known ~= isOpposite
  local falls = known == nil or known == isOpposite
  local jumped, fell
  if jumps then
    local there = copy(registers)
    if op == "ISTC" or op == "ISFC" then there[run.p.A[pc]] = registers[run.p.D[pc]] end
    jumped = walk(run, target, there)
  end
  if falls then fell = walk(run, pc + 2, copy(registers)) end
  if not jumped or not fell then return jumped or fell end
  if isOpposite then return run.graph:choose(condition, fell, jumped) end
  return run.graph:choose(condition, jumped, fell)
end

local ENDS = {}

function ENDS.RET0(run) return run.graph.NIL end
function ENDS.RET1(run, registers, pc) return truth(run, registers[run.p.A[pc]]) end

function ENDS.RET(run, registers, pc)
  return run.p.D[pc] > 1 and truth(run, registers[run.p.A[pc]]) or run.graph.NIL
end

function ENDS.RETM(run, registers, pc)
  if run.p.D[pc] > 0 then return truth(run, registers[run.p.A[pc]]) end
  return truth(run, registers.results[1] or run.graph.NIL)
end

function ENDS.JMP(run, registers, pc)
  local target = live.target(run.p, pc)
  return target > pc and walk(run, target, registers) or unknown(run, "a loop")
end
ENDS.UCLO = ENDS.JMP

local WHY = {
  USETV = "sets an upvalue", USETS = "sets an upvalue", USETN = "sets an upvalue", USETP = "sets an upvalue",
  GSET = "sets a global variable", TSETV = "writes to a table", TSETS = "writes to a table",
  TSETB = "writes to a table", TSETM = "writes to a table", TSETR = "writes to a table",
  FORI = "a loop", LOOP = "a loop", ITERC = "a loop", ITERN = "a loop", ISNEXT = "a loop",
}

-- The registers of a call's arguments, as a list with their number, and those that came as results of another call.
local function arguments(run, registers, pc, count, hasMore)
  local list, n = {}, 0
  for i = 1, count do
    n = n + 1
    list[n] = registers[run.p.A[pc] + run.p.firstArgument + i - 1] or run.graph.NIL
  end
  for i = 1, hasMore and #registers.results or 0 do
    n = n + 1
    list[n] = registers.results[i]
  end
  list.isExact = not hasMore or registers.results.isExact
  return list
end

local ARGUMENTS = { -- how many, and whether results of another call follow
  CALL = function(p, pc) return p.C[pc] - 1, false end,
  CALLM = function(p, pc) return p.C[pc], true end,
  CALLT = function(p, pc) return p.D[pc] - 1, false end,
  CALLMT = function(p, pc) return p.D[pc], true end,
}

-- The result of a call, or nil and why it is not known.
local function call(run, registers, pc)
  local p = run.p
  local count, hasMore = ARGUMENTS[p.op[pc]](p, pc)
  local list = arguments(run, registers, pc, count, hasMore)
  local operands = { isExact = list.isExact }
  for i, value in ipairs(list) do operands[i] = operand(run, value) end
  return calls.result(run, registers[p.A[pc]], list, operands)
end

function ENDS.CALLT(run, registers, pc)
  local node, _, why = call(run, registers, pc)
  return node or unknown(run, why)
end
ENDS.CALLMT = ENDS.CALLT

-- ---- instructions that set other registers than one

local STEPS = {}

function STEPS.KNIL(run, registers, pc)
  for register = run.p.A[pc], run.p.D[pc] do registers[register] = run.graph.NIL end
end

function STEPS.VARG(run, registers, pc)
  local first, count = run.p.A[pc], run.p.B[pc] - 1
  local varargs = run.varargs
  if count < 0 then registers.results = varargs end
  for i = 1, count < 0 and #varargs or count do registers[first + i - 1] = varargs[i] or run.graph.NIL end
end

-- A call whose results go into registers.  Gives the node that ends the path, if the call is not known.
function STEPS.CALL(run, registers, pc, pending)
  local node, isOne, why = call(run, registers, pc)
  if not node then return unknown(run, why) end
  evaluated(run, pending, node)
  local first, count = run.p.A[pc], run.p.B[pc] - 1
  if count < 0 then registers.results = { node, isExact = isOne } end
  if count ~= 0 then registers[first] = node end
  for i = 2, count do
    registers[first + i - 1] = isOne and run.graph.NIL or unknown(run, "the second result of a call")
  end
end
STEPS.CALLM = STEPS.CALL

-- ---- the walk

-- What makes no difference between two visits of a place: a key of what does.
local function keyOfState(run, pc, registers)
  local parts = { pc }
  for i, register in ipairs(run.live[pc]) do
    local value = registers[register]
    parts[i + 1] = value and run.graph:id(value) or "-"
  end
  return concat(parts, " ")
end

-- Whether there is room for more.
local function isFull(run)
  return run.instructions > INSTRUCTIONS_MAX or run.graph.count > nodes.MAX or run.depth > DEPTH_MAX
end

-- One instruction on: the node that the path gives, if it ends there.
local function step(run, registers, pc, pending)
  local op = run.p.op[pc]
  run.pc = pc
  if isFull(run) then return unknown(run, "too much to be read") end
  local value = VALUES[op]
  if value then
    local made = value(run, registers, pc)
    registers[run.p.A[pc]] = made
    if made and not HARMLESS[op] and not made.outside and not made.method then evaluated(run, pending, made) end
    if made and made.method and made.path then evaluated(run, pending, made.path) end
    return nil
  end
  if STEPS[op] then return STEPS[op](run, registers, pc, pending) end
  if live.isTest(op) then return fork(run, registers, pc) end
  if ENDS[op] then return ENDS[op](run, registers, pc) end
  return unknown(run, WHY[op] or "what it does here")
end

--- What the function gives from a place on.
function walk(run, pc, registers)
  local key = run.live[pc] and keyOfState(run, pc, registers)
  if key and run.memo[key] then return run.memo[key] end
  run.depth = run.depth + 1
  local pending, node = {}, nil
  while not node do
    run.instructions = run.instructions + 1
    node = step(run, registers, pc, pending)
    pc = pc + 1
  end
  run.depth = run.depth - 1
  node = after(run, pending, node)
  if key then run.memo[key] = node end
  return node
end

-- The registers that the function begins with, given how many of "v" and "id" it is called with.
local function begin(run, count)
  local given = { run.graph:root "v", count > 1 and run.graph:root "id" or nil }
  local registers = { results = { isExact = true } }
  for i = 1, run.p.parameters do registers[i - 1] = given[i] or run.graph.NIL end
  run.varargs = { isExact = true }
  for i = run.p.parameters + 1, #given do run.varargs[#run.varargs + 1] = given[i] end
  return registers
end

---@class holdfast.Read
---@field expression table
---@field uses holdfast.Uses what it needs from outside of the function

--- Reads a predicate.
---@param f function
---@param count integer with how many arguments it is called: 1 for the value, 2 for the value and the id
---@return holdfast.Read? read nil: it cannot be read at all
---@return string? why
function M.read(f, count)
  if not bytecode.isSupported() then return nil, "this LuaJIT does not show the instructions of functions" end
  local p = bytecode.of(f)
  if not p then return nil, "a function that is written in C" end
  local graph = nodes.new()
  local run = { f = f, p = p, graph = graph, uses = uses.new(f, graph, p), live = live.of(p), memo = {}, methods = {},
    instructions = 0, depth = 0, pc = 0 }
  local expression = graph:balanced(graph:asTruth(walk(run, 1, begin(run, count))))
  if not run.uses:finish(expression) then return nil, "it uses too many values from outside" end
  return { expression = expression, uses = run.uses }
end

return M
