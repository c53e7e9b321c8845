-- SPDX-License-Identifier: MIT
--
-- What lasts is said at once, and then again and again, but not in each minute of it.

local M = {}

---@class holdfast.host.Reminder
---@field ms number
---@field key? any    what was said last
---@field at? number  when
local Reminder = {}
Reminder.__index = Reminder

--- Makes one of something that has not been said yet.
---@param ms number  how long nothing is said after it was
---@return holdfast.host.Reminder
function M.new(ms) return setmetatable({ ms = ms }, Reminder) end

--- Whether it is to be said now; then it counts as said.
---@param now number  ms, of a clock that is not set; where it went back all the same, it is to be said
---@param key? any    what it is about: another one is to be said at once
---@return boolean
function Reminder:isDue(now, key)
  if self.at and self.key == key and now >= self.at and now - self.at < self.ms then return false end
  self.key, self.at = key, now
  return true
end

--- It is over: if it begins again, it is to be said at once.
function Reminder:forget() self.at = nil end

return M
