-- SPDX-License-Identifier: MIT
--
-- Comparing a store with the one that it follows, both at the revision that is claimed.

local comparing = require "holdfast.cli.copying.comparison"
local core = require "holdfast.core"
local moments = require "holdfast.cli.copying.moment"

local M = {}

local ATTEMPTS = 100 -- to find the source at the revision

--- Compares.  A source without history has to stand still for that moment.
---@param args table
---@param follower holdfast.cli.Follower
---@return table[] results  as comparing.compare gives them
function M.compare(args, follower)
  local source, to, results = follower.source, follower.to, nil
  local _, historyFrom = core.changesReach(follower.any)
  local keepsHistory = historyFrom and follower:revision() >= historyFrom - 1
  local function atTheMoment(now, names)
    local _, _, newest = core.changesReach(follower.any)
    if not keepsHistory and newest ~= follower:revision() then return end
    results = comparing.compare(args, source, to, names, now)
  end
  for _ = 1, ATTEMPTS do
    if not keepsHistory then
      repeat follower:step() until follower:isAtTip()
    end
    moments.run(source, args.entity or moments.known(source), not args.entity, args.json, atTheMoment,
      keepsHistory and follower:revision() or nil)
    if results then return results end
  end
  error(core.error("busy", "the source is written all the time, so there is no moment to compare it at: set "
    .. "history=true there, or try again"), 0)
end

return M
