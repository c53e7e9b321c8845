-- SPDX-License-Identifier: MIT
--
-- Several writes over the adapters as one step.  Where all adapters are in one store that has transactions, as they are
-- by default, it is one transaction.  Elsewhere the writes happen in the order given, those next to each other in one
-- store together.  That order is chosen so that a crash in between leaves a state that tells what was being done
-- (position.lua says which).

local core = require "holdfast.core"
local locks = require "holdfast.host.state.lock"

local M = {}

local MOST_TRIES = 5

---@class holdfast.host.Step
---@field adapter string   "PersistSignalAdapter"
---@field run fun()        writes; may be called again after a conflict
---@field shared? string   others write this entity too (its id): without transactions it is locked

-- What is known of adapters, as long as none can change its store.
local together, transactions, nesting = {}, {}, {}

--- Forgets what is known of the adapters' stores: they may have been registered again.
function M.forget()
  together, transactions, nesting = {}, {}, {}
end

--- Whether the store of an adapter has transactions.
---@param adapter string  its name
---@return boolean
local function hasTransactions(adapter)
  local known = transactions[adapter]
  if known == nil then
    local supports = core.adapters.supports(adapter)
    known = supports.transaction
    transactions[adapter], nesting[adapter] = known, known and supports.nested
  end
  return known
end

--- Whether one transaction can cover both.
---@param a string  an adapter's name
---@param b string
---@return boolean
local function isTogether(a, b)
  if a == b then return hasTransactions(a) end
  local others = together[a]
  if not others then
    others = {}
    together[a] = others
  end
  local known = others[b]
  if known == nil then
    known = core.adapters.isSameStore(a, b)
    others[b] = known
  end
  return known
end

M.hasTransactions, M.isTogether = hasTransactions, isTogether

--- The same, for what must be done also where one of the stores is out of reach, or cannot be made: nothing is together
--- with that.
---@param a string
---@param b string
---@return boolean
function M.isSurelyTogether(a, b)
  local ok, are = pcall(isTogether, a, b)
  return ok and are
end

--- Whether one transaction can cover all steps, and others be nested in it.
---@param steps holdfast.host.Step[]
---@return boolean
function M.canNest(steps)
  local last = steps[1] and steps[1].adapter
  if not last or not hasTransactions(last) or not nesting[last] then return false end
  for i = 2, #steps do
    local adapter = steps[i].adapter
    if not isTogether(last, adapter) then return false end
    last = adapter
  end
  return true
end

--- The same, where one of the stores may be out of reach: then none can.
---@param steps holdfast.host.Step[]
---@return boolean
function M.canSurelyNest(steps)
  local ok, can = pcall(M.canNest, steps)
  return ok and can
end

local function runAll(steps, first, last)
  for i = first, last do steps[i].run() end
end

--- How often something was tried.
---@class holdfast.host.Tries
---@field conflicts integer
---@field isFull boolean

--- Whether trying a transaction again may help.  Another process wrote the same at the same time: nothing has happened,
--- and the next try sees what it wrote.  Or the store was full, and grows before the next try, if it can.
---@param tries holdfast.host.Tries  takes note of it
---@param raised any
---@return boolean
function M.mayHelp(tries, raised)
  if M.isConflict(raised) then
    tries.conflicts = tries.conflicts + 1
    return tries.conflicts < MOST_TRIES
  end
  local isFirst = not tries.isFull
  tries.isFull = tries.isFull or core.isError(raised, "full")
  return isFirst and tries.isFull
end

--- Those of what was not tried yet.
---@return holdfast.host.Tries
function M.newTries() return { conflicts = 0, isFull = false } end

local function transaction(steps, first, last)
  local tries = M.newTries()
  while true do
    local ok, raised = pcall(core.transaction, runAll, steps, first, last)
    if ok then return end
    if not M.mayHelp(tries, raised) then error(raised, 0) end
  end
end

--- Whether what was raised says that another process was faster.
---@param raised any
---@return boolean
function M.isConflict(raised) return core.isError(raised, "conflict") and raised.retryable or false end

--- Whether what was raised says that the store did not answer: what else is asked of it would take as long.
---@param raised any
---@return boolean
function M.isSilent(raised) return core.isError(raised, "unavailable") or core.isError(raised, "timeout") end

--- Whether what was raised says that what is stored is damaged, and not that the store is out of reach.
---@param raised any
---@return boolean
function M.isUnreadable(raised) return core.isError(raised, "corrupt") or core.isError(raised, "invalid_value") end

--- Brings to light the last commit of a process that was killed.  LMDB keeps that from readers where the process did
--- not live to tell of it, until somebody next has the writer's lock, as a transaction has.  Who begins with what was
--- before it would write over the half of it.
---@param reads holdfast.host.Step[]  that read, one for each adapter
---@raise io, unavailable, ...  but not for what is damaged
function M.catchUp(reads)
  for i, step in ipairs(reads) do
    if hasTransactions(step.adapter) and not (i > 1 and isTogether(reads[i - 1].adapter, step.adapter)) then
      local ok, raised = pcall(transaction, reads, i, i)
      if not ok and not M.isUnreadable(raised) then error(raised, 0) end
    end
  end
end

--- Does all steps, or raises.  Then a transaction has changed nothing, but for errors after which nobody knows; without
--- transactions the steps before the one that failed have happened.
---@param steps holdfast.host.Step[]
function M.run(steps)
  local i = 1
  while i <= #steps do
    local step, last = steps[i], i
    while last < #steps and isTogether(steps[last].adapter, steps[last + 1].adapter) do last = last + 1 end
    if last > i or step.shared and hasTransactions(step.adapter) then
      transaction(steps, i, last)
    elseif step.shared then
      locks.exclusive(step.adapter, step.shared, step.run)
    else
      step.run()
    end
    i = last + 1
  end
end

return M
