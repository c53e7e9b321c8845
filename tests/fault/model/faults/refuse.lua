-- SPDX-License-Identifier: MIT
--
-- A store refuses an operation, or a few in a row: without having carried it out, or after it has, which is reported as
-- a failure after which nobody knows.  A commit that fails before it happens undoes its transaction.

local holdfast = require "holdfast"

local M = {}

local KINDS = { "read", "write", "remove", "begin", "commit" }
local NAMES = { "signal", "schedule", "risk", "partial", "trade", "host" }
local BEFORE = { "io", "full", "unavailable", "timeout", "conflict" }

function M.draw(random)
  return {
    kind = KINDS[random(#KINDS)], name = random(3) == 1 and NAMES[random(#NAMES)] or nil, at = random(20),
    count = random(3) == 1 and random(30) or random(3), phase = random(2) == 1 and "before" or "after",
    code = BEFORE[random(#BEFORE)], minutes = random(5) - 1,
  }
end

function M.apply(world, step)
  local number = 0
  local code = step.phase == "after" and "timeout" or step.code
  world:arm(function(kind, phase, name)
    if kind ~= step.kind or phase ~= step.phase or step.name and name and name ~= step.name then return end
    number = number + 1
    if number < step.at or number >= step.at + step.count then return end
    world:hit("refuse")
    error(holdfast.error(code, "the store refuses", { retryable = true }), 0)
  end)
end

return M
