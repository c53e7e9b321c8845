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

local function copy(set)
  local made = {}
  for register in pairs(set or {}) do made[register] = true end
  return made
end

--- Where a jump goes.
---@param p holdfast.Prototype
---@param pc integer
---@return integer
function M.target(p, pc) return pc + 1 + p.D[pc] - 0x8000 end

local function step(p, pc, live)
  local name = p.op[pc]
  local special = SPECIAL[name]
  if special then return special(p, pc, live) end
  if WRITES[name] then live[p[WRITES[name]][pc]] = nil end
  for _, operand in ipairs(READS[name]) do live[p[operand][pc]] = true end
end

local function sorted(set)
  local list = {}
  for register in pairs(set) do list[#list + 1] = register end
  sort(list)
  return list
end

-- The registers that are live before the instruction, given those after it and those of the places after that.
local function before(p, pc, live, sets)
  local name = p.op[pc]
  if name == "JMP" or name == "UCLO" then
    local joined = copy(sets[M.target(p, pc)])
    -- The jump of a comparison: what that one has after it is both ways.
    if name == "JMP" and M.isTest(p.op[pc - 1]) then
      for register in pairs(live) do joined[register] = true end
    end
    return joined
  end
  if not READS[name] and not SPECIAL[name] then return {} end -- a path ends there
  live = ENDS[name] and {} or copy(live)
  step(p, pc, live)
  return live
end

local TESTS = {}
for name in ("ISLT ISGE ISLE ISGT ISEQV ISNEV ISEQS ISNES ISEQN ISNEN ISEQP ISNEP ISTC ISFC IST ISF"):gmatch("%S+") do
  TESTS[name] = true
end

--- Whether an instruction decides whether the jump after it is made.
---@param name? string
---@return boolean
function M.isTest(name) return TESTS[name] == true end

--- For each place the registers that are live before its instruction, in order.
---@param p holdfast.Prototype
---@return table<integer, integer[]>
function M.of(p)
  local sets, lists = {}, {}
  for pc = p.count, 1, -1 do
    sets[pc] = before(p, pc, sets[pc + 1], sets)
    lists[pc] = sorted(sets[pc])
  end
  return lists
end

return M
