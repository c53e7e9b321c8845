-- SPDX-License-Identifier: MIT
--
-- Transitions that share a commit.  A run hands in what it wants to change and waits; when no run has anything else to
-- do, what was handed in is carried out in one transaction, each transition in one of its own that is nested in that.
-- So 200 positions that open in one minute cost one flush.  What listeners have heard goes with it (idle.lua).
--
--   - A transition that raises is undone alone.  Later ones see what earlier ones wrote.
--   - None has happened before the commit, and no run goes on before it.  Where it fails none has, and each run is told
--     so.
--   - Each looks at its lock first, and once more before the commit where others have taken long.
--   - Where one has computed for long, those after it are another commit: they keep nobody waiting.
--   - What is done in place of one that was refused, such as noting that it was, is part of the same commit.  Were a
--     slot given back before that, a process that is killed in between would be followed by one that opens it in the
--     same minute.
--   - So what is durable is always all that was handed in before the last of it, and the runs go on in that order.
--   - What cannot be done together, such as what does not fit into a full store, is done one by one.
--
-- A transition may be carried out several times before it has happened, as always where another process is faster
-- (commit.lua): each time it begins with nothing, and what counts is the last time.  So validations may be asked again;
-- what they have said before is told to nobody.
--
-- Where a store cannot nest transactions, or one transaction does not cover all of a transition, it is carried out at
-- once, by itself.

local commits = require "holdfast.host.state.commit"
local core = require "holdfast.core"
local idle = require "holdfast.host.state.idle"
local loop = require "holdfast.host.scheduler.loop"
local pauses = require "holdfast.host.state.pauses"
local slots = require "holdfast.host.state.slots"

local M = {}

--- For how many ms of real time the first of them waits for others, but for one that computes for longer.
M.LONG_MS = 50

local MOST = 1000 -- in one commit

--- What has become of one: its steps have happened, or those in their place; it has failed, and has not happened, or
--- nobody knows; or check() has not let it be tried.
---@alias holdfast.host.Outcome "done"|"instead"|"failed"|"barred"

---@class holdfast.host.Transition
---@field steps holdfast.host.Step[]
---@field check fun()  raises where it must not be done any more
---@field instead? fun(raised: any): holdfast.host.Step[]?  what is done in their place where they have raised
--- something; nil: nothing
---@field ended fun(outcome: holdfast.host.Outcome, raised: any)  raised: by its steps, check() or the commit, or, where
--- it has failed, by what was to be done instead.  Called once, before any run goes on; must not raise
---@field outcome? holdfast.host.Outcome  in this try; nil: it was put off
---@field raised? any
---@field isOver? boolean
---@field wake? fun()

local queue = {} ---@type holdfast.host.Transition[]
local arranged -- what the loop will call to carry it out
local hasWorked = false -- something was carried out since idle.lua has asked

local function finish(transition, outcome, raised)
  transition.isOver, transition.outcome, transition.raised = true, outcome, raised
  transition.ended(outcome, raised)
  if transition.wake then transition.wake() end
end

-- Has it tried, which fails until all of it is done.
local function begin(transition)
  transition.outcome = "barred"
  transition.check()
  transition.outcome = "failed"
end

-- What is to be done in place of one that has raised something, if anything is.
local function stepsInstead(transition)
  return transition.outcome == "failed" and transition.instead and transition.instead(transition.raised) or nil
end

-- -------------------------------------------------------------- one by one

local function doAlone(transition)
  begin(transition)
  commits.run(transition.steps)
  transition.outcome = "done"
end

local function alone(transition)
  local _
  _, transition.raised = pcall(doAlone, transition)
  local instead = stepsInstead(transition)
  if instead then
    local ok, raised = pcall(commits.run, instead)
    if ok then transition.outcome = "instead" else transition.raised = raised end
  end
  finish(transition, transition.outcome, transition.raised)
end

local function writeAlone(written)
  local ok, raised = pcall(commits.run, written.steps)
  written.writes.ended(not ok and raised or nil)
end

-- ---------------------------------------------------------------- together

---@class holdfast.host.Group
---@field list holdfast.host.Transition[]
---@field heard holdfast.host.Written[]  what is written with them
---@field since number    when this try began
---@field first? number   when the first was done: until then, the writer of another process may have been waited for
---@field isLate boolean  they have taken long: the rest is put off

-- Whether all would fail as one did, each after as long a time, or have failed with it.
local function concernsAll(raised)
  return commits.isConflict(raised) or commits.isSilent(raised) or core.isError(raised, "full")
end

local function runAll(steps)
  for _, step in ipairs(steps) do step.run() end
end

-- Whether all of it is done that is to be.
local function isComplete(transition) return transition.outcome == "done" or transition.outcome == "instead" end

local function doSteps(transition, steps, outcome)
  slots.try(runAll, steps)
  transition.outcome = outcome
end

local function doOne(transition)
  begin(transition)
  doSteps(transition, transition.steps, "done")
end

-- Has some of a transition done in a transaction of its own, which is undone where that raises.
local function nest(fn, transition, ...)
  local ok, raised = pcall(core.transaction, fn, transition, ...)
  transition.raised = not ok and raised or transition.raised
  -- Where its own transaction has failed after all its steps, the slots know nothing of it.
  if not ok and (isComplete(transition) or concernsAll(raised)) then error(raised, 0) end
end

local function doOrInstead(transition)
  nest(doOne, transition)
  local instead = stepsInstead(transition)
  if instead then nest(doSteps, transition, instead, "instead") end
end

-- Does each of them.
local function doEach(group)
  for _, transition in ipairs(group.list) do
    transition.outcome, transition.raised = nil, nil
    if not group.isLate then
      transition.outcome = "barred"
      doOrInstead(transition)
      local now = loop.stopwatch()
      group.first = group.first or now
      group.isLate = now - group.first > M.LONG_MS
    end
  end
end

-- The same for what listeners have heard.
local function writeHeard(group)
  for _, written in ipairs(group.heard) do
    local ok, raised = pcall(core.transaction, runAll, written.steps)
    written.raised = not ok and raised or nil
    if not ok and concernsAll(raised) then error(raised, 0) end
  end
end

local function profilesOf(list)
  local keys = {}
  for _, transition in ipairs(list) do
    for _, step in ipairs(transition.steps) do
      if step.adapter == "PersistRiskAdapter" and step.shared then keys[step.shared] = true end
    end
  end
  return keys
end

local LOST = {} -- raised where somebody has lost a lock meanwhile

-- Looks at the locks once more, where there was time to lose one.
local function checkAgain(group)
  if loop.stopwatch() - group.since <= M.LONG_MS then return end
  local isLost = false
  for _, transition in ipairs(group.list) do
    if isComplete(transition) then
      local ok, raised = pcall(transition.check)
      if not ok then transition.outcome, transition.raised, isLost = "barred", raised, true end
    end
  end
  if isLost then error(LOST, 0) end
end

local function doAll(group)
  slots.share(profilesOf(group.list))
  pauses.share()
  writeHeard(group)
  doEach(group)
  checkAgain(group)
  slots.flush()
end

-- Ends those that have lost their locks.
local function dropBarred(group)
  local rest = {}
  for _, transition in ipairs(group.list) do
    if transition.outcome == "barred" then
      finish(transition, "barred", transition.raised)
    else
      rest[#rest + 1] = transition
    end
  end
  group.list = rest
end

-- Tries for as long as that may help.
---@return boolean ok
---@return any raised
local function try(group)
  local tries = commits.newTries()
  while true do
    group.since, group.first, group.isLate = loop.stopwatch(), nil, false
    local ok, raised = pcall(core.transaction, doAll, group)
    slots.release()
    pauses.release()
    if ok then return true end
    if raised == LOST then dropBarred(group) elseif not commits.mayHelp(tries, raised) then return false, raised end
  end
end

-- It is durable.
---@return holdfast.host.Transition[] rest  what was put off
local function succeed(group)
  local rest = {}
  for _, written in ipairs(group.heard) do written.writes.ended(written.raised) end
  for _, transition in ipairs(group.list) do
    if transition.outcome then
      finish(transition, transition.outcome, transition.raised)
    else
      rest[#rest + 1] = transition
    end
  end
  return rest
end

-- Nothing of it has happened, or nobody knows.
local function fail(group, raised)
  for _, written in ipairs(group.heard) do written.writes.ended(raised) end
  for _, transition in ipairs(group.list) do finish(transition, "failed", raised) end
end

local function separate(group)
  for _, written in ipairs(group.heard) do writeAlone(written) end
  for _, transition in ipairs(group.list) do alone(transition) end
end

-- Carries out some of one store.
---@return holdfast.host.Transition[] rest  what was put off
local function carryOut(list)
  local group = { list = list, heard = idle.take(list[1].steps[1].adapter) }
  if list[2] or group.heard[1] then
    local ok, raised = try(group)
    if ok then return succeed(group) end
    if idle.isOfStore(raised) then fail(group, raised) else separate(group) end
  else
    alone(list[1])
  end
  return {}
end

-- ----------------------------------------------------------------- the queue

-- Those that can be carried out with the first, and the others.
local function part(list)
  local adapter, first, rest = list[1].steps[1].adapter, {}, {}
  for _, transition in ipairs(list) do
    local fits = not first[MOST] and commits.isSurelyTogether(adapter, transition.steps[1].adapter)
    table.insert(fits and first or rest, transition)
  end
  return first, rest
end

local arrange

local function append(list, more)
  for _, transition in ipairs(more) do list[#list + 1] = transition end
end

-- Carries out what was handed in.  What cannot be done with the first, or was put off, is next when those that it was
-- carried out for have gone on, before what these hand in.
local function work()
  arranged = nil
  if not queue[1] then return end
  local list, rest = part(queue)
  queue, hasWorked = {}, true
  append(queue, carryOut(list))
  append(queue, rest)
  if queue[1] then arrange() end
end

function arrange()
  if arranged then return end
  local function due()
    if arranged == due then work() end
  end
  arranged = due
  loop.whenIdle(due, M.LONG_MS)
end

idle.letFirst(function()
  work()
  local before = hasWorked
  hasWorked = false
  return before
end)

local function mayShare(steps)
  local co, isMain = coroutine.running()
  return co ~= nil and not isMain and commits.canSurelyNest(steps)
end

--- Does the steps of a transition, with those of others where that is possible; then the coroutine waits.
---@param transition holdfast.host.Transition
---@raise what the steps raise, or the commit
function M.run(transition)
  if mayShare(transition.steps) then
    queue[#queue + 1] = transition
    arrange()
    loop.wait(function(wake) transition.wake = wake end, function() return transition.isOver end)
  else
    alone(transition)
  end
  if transition.outcome ~= "done" then error(transition.raised, 0) end
end

return M
