-- SPDX-License-Identifier: MIT
--
-- The instructions of a Lua function, as its source was compiled.  They are taken from string.dump, which gives them
-- without what the trace compiler has patched in (JLOOP, IFORL and their like), and with a mark at each upvalue that
-- nothing assigns to.  Constants and lines come from jit.util.
--
-- The numbers of instructions are LuaJIT's own affair.  The list below is that of 2.1; before it is used, small
-- functions are compiled and compared with it.  Where they differ, or jit.util is missing, nothing is read.

local byte, dump, find, floor = string.byte, string.dump, string.find, math.floor
local format, ipairs, loadstring, pcall, sub, type = string.format, ipairs, loadstring, pcall, string.sub, type

local M = {}

local NAMES = {}
for name in ([[
  ISLT ISGE ISLE ISGT ISEQV ISNEV ISEQS ISNES ISEQN ISNEN ISEQP ISNEP ISTC ISFC IST ISF ISTYPE ISNUM MOV NOT UNM LEN
  ADDVN SUBVN MULVN DIVVN MODVN ADDNV SUBNV MULNV DIVNV MODNV ADDVV SUBVV MULVV DIVVV MODVV POW CAT KSTR KCDATA KSHORT
  KNUM KPRI KNIL UGET USETV USETS USETN USETP UCLO FNEW TNEW TDUP GGET GSET TGETV TGETS TGETB TGETR TSETV TSETS TSETB
  TSETM TSETR CALLM CALL CALLMT CALLT ITERC ITERN VARG ISNEXT RETM RET RET0 RET1 FORI JFORI FORL IFORL JFORL ITERL
  IITERL JITERL LOOP ILOOP JLOOP JMP ]]):gmatch("%S+") do
  NAMES[#NAMES + 1] = name
end

-- What the compiler makes of small functions: the source, and the instructions after the first.  A number is that of
-- the operand D.
local PROBES = {
  { "function(a, b) return a < b end", "ISLT JMP KPRI JMP KPRI RET1" },
  { "function(a, b) return not (a < b) end", "ISGE JMP KPRI JMP KPRI RET1" },
  { "function(a, b) return a <= b end", "ISLE JMP KPRI JMP KPRI RET1" },
  { "function(a, b) return not (a <= b) end", "ISGT JMP KPRI JMP KPRI RET1" },
  { "function(a, b) return a == b end", "ISEQV JMP KPRI JMP KPRI RET1" },
  { "function(a, b) return a ~= b end", "ISNEV JMP KPRI JMP KPRI RET1" },
  { "function(a) return a == 'x' end", "ISEQS JMP KPRI JMP KPRI RET1" },
  { "function(a) return a ~= 'x' end", "ISNES JMP KPRI JMP KPRI RET1" },
  { "function(a) return a == 1 end", "ISEQN JMP KPRI JMP KPRI RET1" },
  { "function(a) return a ~= 1 end", "ISNEN JMP KPRI JMP KPRI RET1" },
  { "function(a) return a == nil end", "ISEQP JMP KPRI JMP KPRI RET1" },
  { "function(a) return a ~= nil end", "ISNEP JMP KPRI JMP KPRI RET1" },
  { "function(a) local b = a or 1 return b end", "ISTC JMP KSHORT RET1" },
  { "function(a) local b = a and 1 return b end", "ISFC JMP KSHORT RET1" },
  { "function(a) if a then return end return 1 end", "ISF JMP RET0 KSHORT RET1" },
  { "function(a) if not a then return end return 1 end", "IST JMP RET0 KSHORT RET1" },
  { "function(a, b) return not a, -a, #a, b end", "NOT UNM LEN MOV RET" },
  { "function(a) return a + 1, a - 1, a * 2, a / 2, a % 2 end", "ADDVN SUBVN MULVN DIVVN MODVN RET" },
  { "function(a) return 1 + a, 1 - a, 2 * a, 2 / a, 2 % a end", "ADDNV SUBNV MULNV DIVNV MODNV RET" },
  { "function(a, b) return a + b, a - b, a * b, a / b, a % b end", "ADDVV SUBVV MULVV DIVVV MODVV RET" },
  { "function(a, b) return a ^ b, 'x', 7, 70000, nil, true end", "POW KSTR KSHORT KNUM KPRI KPRI RET" },
  { "function(a, b) return a .. b end", "MOV MOV CAT RET1" },
  { "function() local a, b, c return a, b, c end", "KNIL MOV MOV MOV RET" },
  { "function(a, b) return a.x, a[1], a[b], g end", "TGETS TGETB TGETV GGET RET" },
  { "function(a, b) a.x, a[1], a[b], g = 1, 2, 3, 4 end",
    "KSHORT KSHORT KSHORT KSHORT GSET TSETV TSETB TSETS RET0" },
  { "function() return u, function() u = u end, {}, { 1 } end", "UGET FNEW TNEW TDUP UCLO RET" },
  { "function(a) u = 1 u = nil u = 'x' u = a end", "USETN USETP USETS USETV RET0" },
  { "function(a) a() a(a()) return a() end", "MOV CALL MOV MOV CALL CALLM MOV CALLT" },
  { "function(a, ...) local b, c = ... return a(...) end", "VARG MOV VARG CALLMT" },
  { "function(a, ...) return a, ... end", "MOV VARG RETM" },
}

local OPERATIONS = {} -- by number
for i, name in ipairs(NAMES) do OPERATIONS[i - 1] = name end

-- A reader of the numbers in a dump: LEB128.
local function uleb(text, at)
  local value, scale = 0, 1
  while true do
    local digits = byte(text, at)
    at = at + 1
    value = value + digits % 128 * scale
    if digits < 128 then return value, at end
    scale = scale * 128
  end
end

local HEADER, VERSION = "\27LJ", 2
local BIG_ENDIAN, STRIPPED, TWO_SLOTS = 1, 2, 8 -- flags of a dump
local VARARG, IMMUTABLE = 2, 0x4000 -- flags of a prototype; of an upvalue

local function has(flags, flag) return floor(flags / flag) % 2 == 1 end

-- Where the last prototype of a dump begins, which is the function's own, and the flags of the dump.
local function lastPrototype(text)
  if sub(text, 1, 3) ~= HEADER or byte(text, 4) ~= VERSION then return nil end
  local flags, at = uleb(text, 5)
  if not has(flags, STRIPPED) then return nil end
  local last
  while true do
    local size
    size, at = uleb(text, at)
    if size == 0 then return last, flags end
    last, at = at, at + size
  end
end

local function instructions(p, text, at, count, isBig)
  local op, A, B, C, D = {}, {}, {}, {}, {}
  for pc = 1, count do
    local number, a, c, b = byte(text, at, at + 3)
    if isBig then number, a, c, b = b, c, a, number end
    op[pc], A[pc], B[pc], C[pc], D[pc] = OPERATIONS[number] or "unknown", a, b, c, c + 256 * b
    at = at + 4
  end
  p.op, p.A, p.B, p.C, p.D = op, A, B, C, D
  return at
end

local function parse(text)
  local at, flags = lastPrototype(text)
  if not at then return nil end
  local isBig = has(flags, BIG_ENDIAN)
  local mode, parameters, _, upvalues = byte(text, at, at + 3)
  local count
  _, at = uleb(text, at + 4) -- how many constants that are collected
  _, at = uleb(text, at) -- how many numbers
  count, at = uleb(text, at)
  local p = {
    parameters = parameters,
    isVararg = has(mode, VARARG),
    count = count,
    firstArgument = has(flags, TWO_SLOTS) and 2 or 1,
    upvalues = upvalues,
    immutable = {},
  }
  at = instructions(p, text, at, count, isBig)
  for i = 1, upvalues do
    local low, high = byte(text, at, at + 1)
    if isBig then low, high = high, low end
    p.immutable[i] = has(low + 256 * high, IMMUTABLE)
    at = at + 2
  end
  return p
end

-- Whether the compiler here makes of a function what the list says.
local function isAsListed(probe)
  local make = loadstring("local u, w = 1, 2 return " .. probe[1])
  local p = parse(dump(make(), true))
  return p ~= nil and table.concat(p.op, " ") == probe[2]
end

-- Whether operands are where they are thought to be.
local function hasOperands()
  local make = loadstring("local x, y = ... y = 1 return function(a, b) if a.x then return y end return x end")
  local p = parse(dump(make(), true))
  local called = parse(dump(loadstring("local a = ... return (a(1))"), true)) -- VARG, MOV, KSHORT, CALL
  if called.A[3] ~= called.A[2] + called.firstArgument then return false end
  return p.op[3] == "JMP" and 3 + 1 + p.D[3] - 0x8000 == 6 and p.B[1] == 0 and p.A[1] == 2 and p.immutable[2]
    and not p.immutable[1] and p.parameters == 2
end

local util -- jit.util; false: nothing can be read here

local function prepare()
  if util ~= nil then return end
  util = false
  local found, library = pcall(require, "jit.util")
  if not found or type(library.funcinfo) ~= "function" or type(library.funck) ~= "function" then return end
  for _, probe in ipairs(PROBES) do
    if not isAsListed(probe) then return end
  end
  if hasOperands() then util = library end
end

--- Whether functions can be read here: LuaJIT with jit.util, and with the instructions that are known.
---@return boolean
function M.isSupported()
  local ok = pcall(prepare)
  return ok and util ~= false
end

--- What is the same for all closures of one function: a value for the keys of a weak table.
---@param f function
---@return any? prototype nil: none, as of functions in C
function M.identity(f)
  if not M.isSupported() then return nil end
  return util.funcinfo(f).proto
end

--- Whether a function is one of LuaJIT's own libraries.  Some are written in Lua, and have no source.
---@param f function
---@return boolean
function M.isBuiltin(f)
  if not M.isSupported() then return false end
  local info = util.funcinfo(f)
  if info.ffid then return info.ffid > 1 end
  return info.linedefined == -1 and find(info.loc, "^builtin:") ~= nil
end

---@class holdfast.Prototype
---@field op string[] by place; A to D are their operands, as LuaJIT names them
---@field A integer[]
---@field B integer[]
---@field C integer[]
---@field D integer[]
---@field count integer how many instructions
---@field parameters integer
---@field isVararg boolean
---@field firstArgument integer how many registers after the function of a call its first argument is
---@field upvalues integer
---@field immutable boolean[] by upvalue: nothing assigns to it

--- The instructions of a function.
---@param f function
---@return holdfast.Prototype? prototype nil: it cannot be read
function M.of(f)
  if not M.isSupported() then return nil end
  local ok, text = pcall(dump, f, true)
  if not ok then return nil end
  local parsed, p = pcall(parse, text)
  return parsed and p or nil
end

--- The text or table that an instruction names with its operand.
---@param f function
---@param operand integer
---@return any
function M.constant(f, operand) return (util.funck(f, -1 - operand)) end

--- The number that an instruction names with its operand.
---@param f function
---@param operand integer
---@return number
function M.number(f, operand) return (util.funck(f, operand)) end

--- The line of an instruction.
---@param f function
---@param pc integer
---@return integer? line nil: the function has none, as after string.dump(f, true)
function M.line(f, pc)
  local line = util.funcinfo(f, pc).currentline
  return line and line > 0 and line or nil
end

--- Where a function is written: "FILE:LINE".
---@param f function
---@return string
function M.place(f)
  local info = util and util.funcinfo(f)
  return info and info.source and format("%s:%d", (info.loc or "?"):match("^(.-):%d+$") or "?", info.linedefined) or "?"
end

return M
