-- SPDX-License-Identifier: MIT
--
-- That one process at a time follows into a store, and no host runs on it: the follower holds a lock of its own beside
-- those of hosts, and announces itself to them as every command does that changes a store.

local core = require "holdfast.core"
local lock = require "holdfast.host.state.lock"
local locks = require "holdfast.cli.store.locks"
local text = require "holdfast.cli.console.text"

local M = {}

-- The lock file of who follows into a store; nil for one that is nobody else's.
local function pathOf(to)
  local directory, identity = core.adapters.placeOf(to:entity(core.adapters.list()[1].entityName))
  local folder = lock.folder(directory, identity)
  return folder and folder .. "/.follow/follower.lock" or nil
end

local function refuse(to, raised)
  error(core.error("busy", ("%s follows already, by %s: end that first"):format(text.url(to.url),
    raised.cause ~= "" and raised.cause or "another process"), { cause = raised.message }), 0)
end

---@class holdfast.cli.Holding
---@field who string  who holds it, for the note
local Holding = {}
Holding.__index = Holding

--- Makes this process the one that follows into the store.
---@param to table   as target.open gives it
---@param args {command: string, force?: boolean, json?: boolean}
---@return holdfast.cli.Holding
---@raise busy
function M.take(to, args)
  local path = pathOf(to)
  local self = setmetatable({ who = "this process" }, Holding)
  if path then
    local ok, lease = pcall(core.lease, path, "holdfast " .. args.command, 0)
    if not ok and core.isError(lease, "busy") then refuse(to, lease) end
    if not ok then error(lease, 0) end
    self.lease, self.who = lease, core.leaseHolder(path) or self.who
  end
  self.guard = locks.guard(to, args)
  local ok, raised = pcall(self.guard.claimStore, self.guard, "what is in it")
  if ok then return self end
  self:release()
  error(raised, 0)
end

--- Who follows into the store now; nil: nobody that can be seen.
---@param to table
---@return string?
function M.holder(to)
  local path = pathOf(to)
  return path and core.leaseHolder(path)
end

--- Looks whether it still is this process.
---@raise busy
function Holding:check()
  if self.lease then self.lease:check() end
end

--- Lets others follow.
function Holding:release()
  if self.guard then self.guard:release() end
  if self.lease then self.lease:release() end
  self.lease, self.guard = nil, nil
end

return M
