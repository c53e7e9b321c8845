-- SPDX-License-Identifier: MIT
--
-- How a run is, by what was seen of it: its lock says whether its process lives, what it has noted how far it has come.

local calendar = require "holdfast.host.calendar"
local text = require "holdfast.cli.console.text"

local M = {}

local MINUTE = 60000
local span = text.span

---@class holdfast.cli.Verdict
---@field state "running"|"late"|"silent"|"blocked"|"gone"|"ended"|"unseen"
---@field level "ok"|"warning"|"alarm"  alarm: something is open or waits, and may not be watched
---@field reason? string  what is wrong, for people
---@field isPaused boolean

-- When the holder of a lock got it, in ms; nil where that is not said.
local function sinceOf(holder)
  local date = holder:match("since (%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ)%)$")
  local ok, ms = pcall(calendar.toTime, "since", date)
  return ok and ms or nil
end

--- Whether the note of a run is by the process that has its lock, and not by one before it.
---@param run holdfast.cli.SeenRun
---@return boolean
function M.isCurrent(run)
  local note = run.note
  if not note or not run.lock.held then return note ~= nil end
  local since = sinceOf(run.lock.holder)
  if not since then return false end
  local pid = tonumber(run.lock.holder:match("^process (%d+) "))
  return pid == note.pid and since <= note.writtenAt + 1000
end

local function covers(name, of) return name == "*" or name == of end

--- Whether a pause holds for a run.
---@param run holdfast.cli.SeenRun
---@param pauses table[]  that hold
---@return boolean
function M.isPaused(run, pauses)
  for _, pause in ipairs(pauses) do
    if covers(pause.strategyName, run.strategyName) and covers(pause.symbol, run.symbol) then return true end
  end
  return false
end

local function number(value) return type(value) == "number" and value or nil end

-- How long at most there is nothing new to see of a run that is well.
local function patience(note) return ((note and number(note.interval) or 1) + 1) * MINUTE end

local function lastFailure(note)
  local list = type(note.failures) == "table" and note.failures or {}
  local last = list[#list]
  return type(last) == "table" and type(last.message) == "string" and (": " .. last.message) or ""
end

-- The process writes its notes: does it live its minutes?
local function ofFresh(note)
  if note.blocked then return "blocked", "what is stored is not this run's, so nothing is done" .. lastFailure(note) end
  local lived = number(note.minute)
  local lag = lived and (number(note.clockTime) or note.writtenAt) - lived or note.writtenAt - (number(note.startedAt)
    or note.writtenAt)
  if lag <= 2 * MINUTE then return "running" end
  return "late", (lived and "it has lived no minute for " or "it has lived no minute since it began, for ") .. span(lag)
    .. lastFailure(note)
end

local function ofHeld(run, now)
  local note, touched = M.isCurrent(run) and run.note, run.lock.touchedAt
  local isTouched = touched and now - touched <= patience(nil)
  if not note then
    if isTouched or not touched then return "running", "it has not noted how it is" end
    return "silent", "its process has the lock, and was last heard of " .. span(now - touched) .. " ago"
  end
  local age = now - note.writtenAt
  if age < -MINUTE then return "late", "its last note is " .. span(-age) .. " ahead of this machine's clock" end
  if age <= patience(note) then return ofFresh(note) end
  if isTouched then
    return "late", "its process lives, and has not noted how it is for " .. span(age) .. ": its store may refuse it"
  end
  return "silent", "its process has the lock, and was last heard of " .. span(math.min(age, touched and now - touched
    or age)) .. " ago: it was stopped, or something in it never returns"
end

local function ofFree(run, now)
  local note = run.note
  if note and number(note.endedAt) then return "ended", "it was ended " .. span(now - note.endedAt) .. " ago" end
  if not run.lock.known then
    if not note then return "unseen", "whether a host runs it cannot be seen from here" end
    local age = now - note.writtenAt
    if age <= patience(note) then return ofFresh(note) end
    return "silent", "it was last heard of " .. span(age) .. " ago; whether its process lives cannot be seen from here"
  end
  if not note then return "gone", "no host runs it" end
  return "gone", "its process has ended without a word; it was last heard of " .. span(now - note.writtenAt) .. " ago"
end

--- The pauses that hold.
---@param pauses table[]
---@param now number  ms since 1970
---@return table[]
function M.holding(pauses, now)
  local list = {}
  for _, pause in ipairs(pauses) do
    if not number(pause.till) or pause.till > now then list[#list + 1] = pause end
  end
  return list
end

--- How a run is.
---@param run holdfast.cli.SeenRun
---@param pauses table[]  that hold
---@param now number  ms since 1970
---@return holdfast.cli.Verdict
function M.of(run, pauses, now)
  local state, reason = (run.lock.held and ofHeld or ofFree)(run, now)
  local isHeld = run.row ~= nil or run.waiting ~= nil
  local isFine = state == "running" or state == "ended" and not isHeld
  return {
    state = state, reason = reason, level = isFine and "ok" or isHeld and "alarm" or "warning",
    isPaused = M.isPaused(run, pauses),
  }
end

return M
