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
--   - What a run does about one that was refused is in a commit with what is done after it, or before that.  Were its
--     slot given back before, a process that is killed in between would be followed by one that opens it in the same
--     minute.  So after one that is refused only such as are refused, too, are part of the same commit.
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
local slots = require "holdfast.host.state.slots"

local M = {}

--- For how many ms of real time the first of them waits for others, but for one that computes for longer.
M.LONG_MS = 50

local MOST = 1000 -- in one commit

---@class holdfast.host.Transition
---@field steps holdfast.host.Step[]
---@field check fun()  raises where it must not be done any more
---@field ended fun(ok: boolean, raised: any, begun: boolean)  it has happened, or what was raised; not begun: by
--- check(), and nothing was tried.  Called once, before any run goes on; must not raise
---@field state? "barred"|"begun"|"done"  in this try: check() has not let it be done, or has, or all steps are done;
--- nil: it was put off
---@field isOver? boolean
---@field ok? boolean
---@field raised? any
---@field wake? fun()

local queue = {} ---@type holdfast.host.Transition[]
local putOff = {} ---@type holdfast.host.Transition[]  what comes after the queue
local arranged -- what the loop will call to carry it out
local hasWorked = false -- something was carried out since idle.lua has asked

local function finish(transition, ok, raised)
  transition.isOver, transition.ok, transition.raised = true, ok, raised
  transition.ended(ok, raised, transition.state ~= "barred")
  if transition.wake then transition.wake() end
end

local function begin(transition)
  transition.state = "barred"
  transition.check()
  transition.state = "begun"
end

-- -------------------------------------------------------------- one by one

local function doAlone(transition)
  begin(transition)
  commits.run(transition.steps)
end

local function alone(transition) finish(transition, pcall(doAlone, transition)) end

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
---@field hasFailed boolean  one has raised: what can be done after it is put off
---@field isLate boolean  they have taken long, or one was put off: so is the rest

-- Whether all would fail as one did, each after as long a time, or have failed with it.
local function concernsAll(raised)
  return commits.isConflict(raised) or commits.isSilent(raised) or core.isError(raised, "full")
end

local function runAll(steps)
  for _, step in ipairs(steps) do step.run() end
end

local PUT_OFF = {} -- raised to undo what could be done, and is to be done later

local function runSteps(transition, isPutOff)
  runAll(transition.steps)
  if isPutOff then error(PUT_OFF, 0) end
end

-- Does one, in a transaction of its own.
local function doOne(transition, isPutOff)
  begin(transition)
  slots.try(runSteps, transition, isPutOff)
  transition.state = "done"
end

-- Does each of them.
local function doEach(group)
  for _, transition in ipairs(group.list) do
    transition.state, transition.raised = nil, nil
    if not group.isLate then
      transition.state = "barred"
      local ok, raised = pcall(core.transaction, doOne, transition, group.hasFailed)
      transition.raised = raised
      -- Where its own transaction has failed after all its steps, the slots know nothing of it.
      if not ok and (transition.state == "done" or concernsAll(raised)) then error(raised, 0) end
      local now = loop.stopwatch()
      group.first = group.first or now
      group.hasFailed = group.hasFailed or not ok
      group.isLate = raised == PUT_OFF or now - group.first > M.LONG_MS
      if raised == PUT_OFF then transition.state, transition.raised = nil, nil end
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
    if transition.state == "done" then
      local ok, raised = pcall(transition.check)
      if not ok then transition.state, transition.raised, isLost = "barred", raised, true end
    end
  end
  if isLost then error(LOST, 0) end
end

local function doAll(group)
  slots.share(profilesOf(group.list))
  writeHeard(group)
  doEach(group)
  checkAgain(group)
  slots.flush()
end

-- Ends those that have lost their locks.
local function dropBarred(group)
  local rest = {}
  for _, transition in ipairs(group.list) do
    if transition.state == "barred" then
      finish(transition, false, transition.raised)
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
    group.since, group.first, group.hasFailed, group.isLate = loop.stopwatch(), nil, false, false
    local ok, raised = pcall(core.transaction, doAll, group)
    slots.release()
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
    if transition.state and transition.state ~= "done" then
      finish(transition, false, transition.raised) -- goes on first
    elseif not transition.state then
      rest[#rest + 1] = transition
    end
  end
  for _, transition in ipairs(group.list) do
    if transition.state == "done" then finish(transition, true) end
  end
  return rest
end

-- Nothing of it has happened, or nobody knows.
local function fail(group, raised)
  for _, written in ipairs(group.heard) do written.writes.ended(raised) end
  for _, transition in ipairs(group.list) do
    transition.state = "begun"
    finish(transition, false, raised)
  end
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
-- carried out for have gone on, after what these hand in.
local function work()
  arranged = nil
  append(queue, putOff)
  putOff = {}
  if not queue[1] then return end
  local list, rest = part(queue)
  queue, hasWorked = {}, true
  append(putOff, carryOut(list))
  append(putOff, rest)
  if putOff[1] then arrange() end
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
  if not co or isMain then return false end
  local ok, can = pcall(commits.canNest, steps)
  return ok and can
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
  if not transition.ok then error(transition.raised, 0) end
end

return M
