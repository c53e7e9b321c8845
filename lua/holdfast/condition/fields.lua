-- SPDX-License-Identifier: MIT
--
-- Which fields of its parameter a function reads by name, where that is all that it does with it: so who calls it need
-- not make the others.

local bytecode = require "holdfast.condition.bytecode"

local M = {}

-- The operands of instructions that are registers, read or written.  What reads or writes several begins at its A or B;
-- register 0, where the parameter is, is never the second of them.
local REGISTERS = {}
for operands, names in pairs {
  [""] = "RET0 JMP LOOP ILOOP JLOOP USETS USETN USETP",
  A = [[ ISEQS ISNES ISEQN ISNEN ISEQP ISNEP KSTR KCDATA KSHORT KNUM KPRI KNIL UGET TNEW TDUP GGET GSET CALL CALLM CALLT
    CALLMT VARG RET RETM RET1 FORI JFORI FORL IFORL JFORL ITERL IITERL JITERL ISNEXT ]],
  D = "IST ISF USETV",
  AD = "ISLT ISGE ISLE ISGT ISEQV ISNEV ISTC ISFC MOV NOT UNM LEN",
  AB = "ADDVN SUBVN MULVN DIVVN MODVN ADDNV SUBNV MULNV DIVNV MODNV TGETS TGETB TSETS TSETB",
  ABC = "ADDVV SUBVV MULVV DIVVV MODVV POW CAT TGETV TSETV",
} do
  for name in names:gmatch("%S+") do REGISTERS[name] = operands end
end

-- What begins before its A: the generator of a loop, the table that gets values.
local BEFORE = { ITERC = 3, ITERN = 3, TSETM = 1 }

-- Whether an instruction has to do with the parameter.
local function touches(p, pc)
  local name = p.op[pc]
  if BEFORE[name] then return p.A[pc] <= BEFORE[name] end
  for operand in REGISTERS[name]:gmatch(".") do
    if p[operand][pc] == 0 then return true end
  end
  return false
end

-- The names; nil where an instruction is not known, as one that makes a closure, which may have the parameter, too.
local function read(f, p)
  local names = {}
  for pc = 1, p.count do
    local name = p.op[pc]
    if not REGISTERS[name] and not BEFORE[name] then return nil end
    if name == "TGETS" and p.B[pc] == 0 and p.A[pc] ~= 0 then
      names[bytecode.constant(f, p.C[pc])] = true
    elseif touches(p, pc) then
      return nil
    end
  end
  return names
end

--- The fields that a function, called with one argument, reads of it.
---@param f function
---@return table<string, true>? names  nil: it may do more with it, or cannot be read
function M.ofArgument(f)
  local p = bytecode.of(f)
  if not p or p.isVararg then return nil end
  if p.parameters == 0 then return {} end
  return read(f, p)
end

return M
