-- SPDX-License-Identifier: MIT
--
-- What lasts is said at once, and then again and again, but not in each minute of it.

local M = {}

---@class holdfast.host.Reminder
---@field ms number
---@field key? any    what was said last
---@field at? number  when
---@field skipped integer  how often it was not said since
local Reminder = {}
Reminder.__index = Reminder

--- Makes one of something that has not been said yet.
---@param ms number  how long nothing is said after it was
---@return holdfast.host.Reminder
function M.new(ms) return setmetatable({ ms = ms, skipped = 0 }, Reminder) end

--- Whether it is to be said now; then it counts as said.
---@param now number  ms, of a clock that is not set; where it went back all the same, it is to be said
---@param key? any    what it is about: another one is to be said at once
---@return boolean
---@return integer skipped  how often it was not said since it was said last
function Reminder:isDue(now, key)
  if self.at and self.key == key and now >= self.at and now - self.at < self.ms then
    self.skipped = self.skipped + 1
    return false, self.skipped
  end
  local skipped = self.skipped
  self.key, self.at, self.skipped = key, now, 0
  return true, skipped
end

--- It is over: if it begins again, it is to be said at once.
function Reminder:forget() self.at = nil end

return M
