-- SPDX-License-Identifier: MIT
--
-- Of the part `changes` of bench.lua: how many changes a second `holdfast follow` brings from one LMDB store into
-- another, each of a commit of its own.

local clock = require "clock"
local measure = require "measure"

local M = {}

local AIM_US = 10 -- a change: 100,000 a second

local function follow(from, to)
  measure.run(("XDG_STATE_HOME=%s %s follow %s %s --until caught-up --durability nosync"):format(measure.quoted(to),
    measure.quoted(measure.build .. "/holdfast"), measure.quoted(from), measure.quoted(to)))
end

--- Adds the row.
---@param report table    Report
---@param rounds integer
---@param changes integer
function M.measure(report, rounds, changes)
  measure.progress("changes: followed")
  local from, to = measure.filled("follow-from", math.max(changes / 4, 100)), measure.folder("follow-to")
  measure.once("changes", "set", from, "-f changes=7d,history=true")
  follow(from, to)
  local us, limits = {}, {}
  for round = 1, rounds do
    measure.once("c", "put", from, ("-s %d -n %d"):format(round, changes))
    local started = clock.now()
    follow(from, to)
    us[round], limits[round] = (clock.now() - started) / changes, AIM_US
  end
  report:add("holdfast follow, lmdb to lmdb, unsynced, a change; baseline 10 µs", us, limits, 1)
  measure.discard(from)
  measure.discard(to)
end

return M
