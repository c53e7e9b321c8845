-- SPDX-License-Identifier: MIT
--
-- A guard against a fault of LuaJIT's compiler, in versions from September 2021 to April 2022, which Debian 12 has:
-- where a loop over pairs() needs its registers in one certain order, the address of the next pair is cut to 32 bits,
-- and the process dies of SIGSEGV (LuaJIT issue 829, "JIT produces invalid code on x64").  The guard looks at what was
-- compiled before it runs.  Where the fault is in it, all is thrown away that was compiled, and the function is
-- interpreted from then on; the rest is compiled again when it is hot again.

local M = {}

local CALL, SWAP = "\232", "\146" -- xchg eax, edx: half of the registers (with all of them it begins with 0x48)

-- What may stand between the two: edx or rax is written to the stack, at its end, near it or far from it.
local SAVES = {
  "^\137\020%$", "^\137T%$.", "^\137\148%$....", "^H\137\004%$", "^H\137D%$.", "^H\137\132%$....",
}

local FUNCTIONS = 256 -- that compiled code may call: more than any version has

-- The addresses of those functions: a call of something else is no call, but other instructions with the same bytes.
local function findFunctions(util)
  local addresses = {}
  for i = 0, FUNCTIONS do
    local address = util.ircalladdr(i)
    if address then addresses[address] = true end
  end
  return addresses
end

-- Where the call at `at` in the code goes.
local function targetOf(code, address, at)
  local a, b, c, d = code:byte(at + 1, at + 4)
  local distance = a + b * 0x100 + c * 0x10000 + d * 0x1000000
  if distance >= 0x80000000 then distance = distance - 0x100000000 end
  return address + at + 4 + distance
end

-- The position after what is written to the stack at `at`.
local function afterSaves(code, at)
  for _, save in ipairs(SAVES) do
    local _, last = code:find(save, at)
    if last then return afterSaves(code, last + 1) end
  end
  return at
end

--- Whether machine code has the fault.
---@param code string
---@param address number  where it lies
---@param functions table<number, boolean>  the addresses of the functions that it may call
---@return boolean
function M.isFaulty(code, address, functions)
  local at = code:find(CALL, 1, true)
  while at and at + 5 <= #code do
    if functions[targetOf(code, address, at)] then
      local after = afterSaves(code, at + 5)
      if code:sub(after, after) == SWAP then return true end
    end
    at = code:find(CALL, at + 1, true)
  end
  return false
end

-- What was attached before to the compiler's events, such as `luajit -jv`: there is room for one function.
local function attach(fn)
  local events = debug.getregistry()._VMEVENTS or {}
  local before, previous = {}, nil
  for key, each in pairs(events) do before[key] = each end
  jit.attach(fn, "trace")
  for key, each in pairs(debug.getregistry()._VMEVENTS) do
    if each == fn then previous = before[key] end
  end
  return previous
end

M.dropped = 0 -- how often something with the fault was thrown away

--- Begins to guard this Lua state.
function M.guard()
  local found, util = pcall(require, "jit.util")
  if not found or jit.arch ~= "x64" then return end
  local functions = findFunctions(util)
  local started, previous
  local function watch(what, number, fn, ...)
    if previous then previous(what, number, fn, ...) end
    if what == "start" then started = fn end
    if what ~= "stop" then return end
    local code, address = util.tracemc(number)
    if not code or not M.isFaulty(code, address, functions) then return end
    M.dropped = M.dropped + 1
    jit.off(started)
    jit.flush()
  end
  jit.off(watch)
  previous = attach(watch)
end

return M
