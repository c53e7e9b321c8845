-- SPDX-License-Identifier: MIT
--
-- What was seen of the hosts of a store, for programs: one JSON object.

local core = require "holdfast.core"
local show = require "holdfast.cli.status.show"
local text = require "holdfast.cli.console.text"
local verdicts = require "holdfast.cli.status.verdict"

local M = {}

local function utf8(value) return type(value) == "string" and text.utf8(value) or value end

-- JSON of what was read as JSON; nil stays nil.
local function raw(value) return value ~= nil and text.raw(core.json.encode(value)) or nil end

local function lockOf(lock)
  return text.raw(text.object("held", lock.held, "known", lock.known, "holder", utf8(lock.holder), "path",
    utf8(lock.path), "touchedAt", lock.touchedAt))
end

local function runOf(run, verdict, now)
  return text.object("strategyName", utf8(run.strategyName), "symbol", utf8(run.symbol), "state", verdict.state,
    "level", verdict.level, "reason", utf8(verdict.reason), "paused", verdict.isPaused,
    "signal", raw(run.row), "scheduled", raw(run.waiting), "left", show.left(run, now),
    "noteIsCurrent", verdicts.isCurrent(run), "note", raw(run.note), "lock", lockOf(run.lock))
end

local function slotsOf(slots)
  local names, items = {}, {}
  for name in pairs(slots) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    items[i] = text.object("riskName", utf8(name), "count", slots[name].count or #slots[name])
  end
  return text.list(items)
end

local function encoded(list)
  local items = {}
  for i, each in ipairs(list) do items[i] = core.json.encode(each) end
  return text.list(items)
end

--- The object, on one line.
---@param seen holdfast.cli.Seen
---@param found holdfast.cli.Verdict[]  of its runs
---@param url string
---@param now number  ms since 1970
---@return string
function M.object(seen, found, url, now)
  local runs, changes, isFine = {}, {}, true
  for i, run in ipairs(seen.runs) do
    runs[i] = runOf(run, found[i], now)
    isFine = isFine and found[i].level == "ok"
  end
  for i, change in ipairs(seen.changes) do
    changes[i] = text.object("holder", utf8(change.holder), "path", utf8(change.path))
  end
  return text.object("store", utf8(text.url(url)), "at", now, "isFine", isFine, "runs", text.list(runs),
    "slots", slotsOf(seen.slots), "pauses", encoded(seen.pauses), "requests", encoded(seen.requests),
    "changes", text.list(changes),
    "lockProblem", seen.lockProblem and utf8(seen.lockProblem.message) or nil)
end

return M
