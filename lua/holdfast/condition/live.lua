-- SPDX-License-Identifier: MIT
--
-- Which registers of a prototype are read again from an instruction on.  What else is in registers makes no
-- difference there, so that paths which meet are followed once.  Loops end a path, so all jumps go forward.

local ipairs, pairs, sort = ipairs, pairs, table.sort

local M = {}

-- The registers that instructions read and write, as functions of the prototype, the place, and the set of those that
-- are live after it.
local A, B, C, D = "A", "B", "C", "D"
local READS, WRITES = {}, {}
local function row(reads, writes, names)
  for name in names:gmatch("%S+") do READS[name], WRITES[name] = reads, writes end
end
row({ A, D }, nil, "ISLT ISGE ISLE ISGT ISEQV ISNEV")
row({ A }, nil, "ISEQS ISNES ISEQN ISNEN ISEQP ISNEP RET1")
row({ D }, nil, "ISTC ISFC IST ISF")
row({ D }, A, "MOV NOT UNM LEN")
row({ B }, A, "ADDVN SUBVN MULVN DIVVN MODVN ADDNV SUBNV MULNV DIVNV MODNV TGETS TGETB")
row({ B, C }, A, "ADDVV SUBVV MULVV DIVVV MODVV POW CAT TGETV")
row({}, A, "KSTR KCDATA KSHORT KNUM KPRI UGET FNEW TNEW TDUP GGET")
row({}, nil, "UCLO RET0 JMP KNIL VARG")

local function readAll(live, first, count)
  for register = first, first + count - 1 do live[register] = true end
end

-- What reads or writes more registers than its operands name.
local SPECIAL = {}

function SPECIAL.KNIL(p, pc, live)
  for register = p.A[pc], p.D[pc] do live[register] = nil end
end

function SPECIAL.VARG(p, pc, live)
  for register in pairs(live) do
    if register >= p.A[pc] and (p.B[pc] == 0 or register < p.A[pc] + p.B[pc] - 1) then live[register] = nil end
  end
end

local function call(p, pc, live, count)
  local first = p.A[pc]
  for register in pairs(live) do
    if register >= first then live[register] = nil end
  end
  live[first] = true
  readAll(live, first + p.firstArgument, count)
end

function SPECIAL.CALL(p, pc, live) call(p, pc, live, p.C[pc] - 1) end
function SPECIAL.CALLM(p, pc, live) call(p, pc, live, p.C[pc]) end
function SPECIAL.CALLT(p, pc, live) call(p, pc, live, p.D[pc] - 1) end
function SPECIAL.CALLMT(p, pc, live) call(p, pc, live, p.D[pc]) end
function SPECIAL.RET(p, pc, live) readAll(live, p.A[pc], p.D[pc] - 1) end
function SPECIAL.RETM(p, pc, live) readAll(live, p.A[pc], p.D[pc]) end

local ENDS = { RET = true, RETM = true, RET0 = true, RET1 = true, CALLT = true, CALLMT = true }

--- Where a jump goes.
---@param p holdfast.Prototype
---@param pc integer
---@return integer
function M.target(p, pc) return pc + 1 + p.D[pc] - 0x8000 end

local TESTS = {}
for name in ("ISLT ISGE ISLE ISGT ISEQV ISNEV ISEQS ISNES ISEQN ISNEN ISEQP ISNEP ISTC ISFC IST ISF"):gmatch("%S+") do
  TESTS[name] = true
end

--- Whether an instruction decides whether the jump after it is made.
---@param name? string
---@return boolean
function M.isTest(name) return TESTS[name] == true end

-- Changes the registers that are live after an instruction into those before it.
local function step(p, pc, live)
  local name = p.op[pc]
  local special = SPECIAL[name]
  if special then return special(p, pc, live) end
  if WRITES[name] then live[p[WRITES[name]][pc]] = nil end
  for _, operand in ipairs(READS[name]) do live[p[operand][pc]] = true end
end

local function add(set, more)
  for register in pairs(more or {}) do set[register] = true end
  return set
end

-- The registers that are live before an instruction, given those after it.
local function before(p, pc, live, sets)
  local name = p.op[pc]
  if name == "JMP" and M.isTest(p.op[pc - 1]) then return add(live, sets[M.target(p, pc)]) end
  if name == "JMP" or name == "UCLO" then return add({}, sets[M.target(p, pc)]) end
  if not READS[name] and not SPECIAL[name] then return {} end -- a path ends there
  if ENDS[name] then live = {} end
  step(p, pc, live)
  return live
end

-- The places where jumps go: where paths may meet.
local function places(p)
  local set = {}
  for pc = 1, p.count do
    local name = p.op[pc]
    if name == "JMP" or name == "UCLO" then set[M.target(p, pc)] = true end
  end
  return set
end

local function sorted(set)
  local list = {}
  for register in pairs(set) do list[#list + 1] = register end
  if list[2] then sort(list) end
  return list
end

--- For each place where paths may meet the registers that are live before its instruction, in order.
---@param p holdfast.Prototype
---@return table<integer, integer[]>
function M.of(p)
  local wanted, sets, lists, live = places(p), {}, {}, {}
  for pc = p.count, 1, -1 do
    live = before(p, pc, live, sets)
    if wanted[pc] then
      sets[pc] = add({}, live)
      lists[pc] = sorted(live)
    end
  end
  return lists
end

return M
