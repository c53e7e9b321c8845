-- SPDX-License-Identifier: MIT
--
-- Of the part `changes` of bench.lua: what it costs who writes that a great many entities have expired, and are removed
-- meanwhile.

local measure = require "measure"

local M = {}

local function make(name, what, entities)
  local dir = measure.folder("expiry-" .. name)
  measure.once("c", "init", dir)
  measure.once("expiry", "fill", dir, ("-s 1 -n %d -f %s"):format(entities, what))
  return dir
end

--- Adds the rows.
---@param report table     Report
---@param rounds integer
---@param writes integer   per round
---@param entities integer that expire
function M.measure(report, rounds, writes, entities)
  measure.progress("changes: what expires")
  local over, later = make("over", "over", entities), make("later", "later", entities)
  local beside, longest, alone, most = {}, {}, {}, {}
  for round = 1, rounds do
    local flags = ("-s %d -n %d"):format(round, writes)
    if round % 2 == 0 then alone[round] = measure.once("expiry", "beside", later, flags) end
    beside[round], longest[round] = measure.once("expiry", "beside", over, flags)
    if round % 2 == 1 then alone[round] = measure.once("expiry", "beside", later, flags) end
    most[round] = 20000
  end
  report:add("C write, unsynced, while a million that expired is removed; baseline while it is not", beside, alone,
    1.10)
  report:add("the longest of those; baseline 20 ms", longest, most, 1)
  measure.discard(over)
  measure.discard(later)
end

return M
