-- SPDX-License-Identifier: MIT
--
-- What is written when nothing else is to be done: what was delivered, and how the runs are.  What is due at the same
-- time and lies in one store is one commit.  Nothing of it fails because of another, unless the store itself does.  It
-- goes along with transitions that are committed then (together.lua), and is no flush of its own while any wait.

local commits = require "holdfast.host.state.commit"
local core = require "holdfast.core"
local loop = require "holdfast.host.scheduler.loop"

local M = {}

---@class holdfast.host.Writes
---@field steps fun(): holdfast.host.Step[]  what is to be written now
---@field ended fun(raised?: any)  it was written, or what that raised; must not raise
---@field isDue? fun(): boolean    whether it is to be written as well where others are; see join()
---@field adapter? string          that of all its steps, where it may go along with what others commit

--- Writes, and what is to be written.
---@class holdfast.host.Written
---@field writes holdfast.host.Writes
---@field steps holdfast.host.Step[]
---@field raised? any

local arranged, isArranged = {}, false -- in the order in which they were arranged
local joining = {}
local goesFirst -- see M.letFirst

-- After these, the parts of what was tried together would fail as it did, each after as long a time.
local OF_THE_STORE = { unavailable = true, timeout = true, io = true }

--- Whether what was raised is for all to know that want something of the store, and not to be tried again one by one.
---@param raised any
---@return boolean
local function isOfStore(raised) return core.isError(raised) and OF_THE_STORE[raised.code] or false end

M.isOfStore = isOfStore

local function isTogether(a, b) return commits.isSurelyTogether(a.adapter, b.adapter) end

local function append(steps, more)
  for _, step in ipairs(more) do steps[#steps + 1] = step end
  return steps
end

-- What is to be written, in parts: those that can be written together are one.
local function partsOf(list)
  local parts = {}
  for _, writes in ipairs(list) do
    local ok, steps = pcall(writes.steps)
    local part = parts[#parts]
    if not ok then
      writes.ended(steps)
    elseif part and steps[1] and part.steps[1] and isTogether(part.steps[1], steps[1]) then
      part[#part + 1] = { writes = writes, steps = steps }
      append(part.steps, steps)
    else
      parts[#parts + 1] = { { writes = writes, steps = steps }, steps = append({}, steps) }
    end
  end
  return parts
end

local function writePart(part)
  local ok, raised = pcall(commits.run, part.steps)
  for _, each in ipairs(part) do
    local done, why = ok, raised
    if not ok and part[2] and not isOfStore(raised) then done, why = pcall(commits.run, each.steps) end
    if done then each.writes.ended() else each.writes.ended(why) end
  end
end

local function write()
  if goesFirst and goesFirst() then return loop.whenIdle(write) end
  for _, writes in ipairs(joining) do
    if not arranged[writes] and writes.isDue() then M.arrange(writes) end
  end
  local list = arranged
  arranged, isArranged = {}, false
  for _, part in ipairs(partsOf(list)) do writePart(part) end
end

--- Has something written when nothing else is to be done, together with what others have arranged until then.
---@param writes holdfast.host.Writes
function M.arrange(writes)
  if arranged[writes] then return end
  arranged[writes] = true
  arranged[#arranged + 1] = writes
  if isArranged then return end
  isArranged = true
  loop.whenIdle(write)
end

--- Hands out what is arranged and can be part of a transaction on an adapter's store: whoever takes it writes it, and
--- calls `ended` of each.
---@param adapter string
---@return holdfast.host.Written[]
function M.take(adapter)
  local taken, rest = {}, {}
  for _, writes in ipairs(arranged) do
    if writes.adapter and commits.isSurelyTogether(writes.adapter, adapter) then
      arranged[writes] = nil
      local ok, steps = pcall(writes.steps)
      if not ok then
        writes.ended(steps)
      elseif steps[1] then
        taken[#taken + 1] = { writes = writes, steps = steps }
      else
        writes.ended()
      end
    else
      rest[#rest + 1] = writes
      rest[writes] = true
    end
  end
  arranged = rest
  return taken
end

--- Has something done before anything is written when nothing else is to be done.
---@param fn fun(): boolean  gives whether it has done anything: then others have something to do first
function M.letFirst(fn) goesFirst = fn end

--- Has something written from now on whenever others are and it is due.
---@param writes holdfast.host.Writes
function M.join(writes) joining[#joining + 1] = writes end

--- Writes something now, by itself.
---@param writes holdfast.host.Writes
function M.now(writes)
  for _, part in ipairs(partsOf { writes }) do writePart(part) end
end

return M
