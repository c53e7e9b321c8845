-- SPDX-License-Identifier: MIT
--
-- What a live run says of a clock that is wrong, or was.  A clock that jumps ahead ends what is open too early; one
-- that is put right after it has stood ahead leaves what was opened then in the future, where nobody watches it.  Both
-- cost money for as long as nobody knows, so both are errors: a jump at once, and what waits in each hour of waiting,
-- also when a process begins in it.

local calendar = require "holdfast.host.calendar"
local core = require "holdfast.core"
local loop = require "holdfast.host.scheduler.loop"
local reminder = require "holdfast.host.scheduler.reminder"

local M = {}

local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local HELP = ' (docs/host.md, "When the clock was wrong")'

---@class holdfast.host.Drift
---@field run holdfast.host.LiveRun
---@field seen? { now: number, elapsed: number }  at the last tick, by the clock and by one that nobody sets
---@field lagging holdfast.host.Reminder
local Drift = {}
Drift.__index = Drift

--- Makes one for a run.
---@param run holdfast.host.LiveRun
---@return holdfast.host.Drift
function M.new(run) return setmetatable({ run = run, lagging = reminder.new(HOUR) }, Drift) end

-- A length of time for people.
local function span(ms)
  local minutes = math.floor(ms / MINUTE)
  if ms < HOUR then return minutes .. " min" end
  if ms < DAY then return ("%d h %d min"):format(minutes / 60, minutes % 60) end
  return ("%d days %d h"):format(minutes / 1440, minutes / 60 % 24)
end

-- What is open or waits, for people; nil: nothing.
local function describe(position)
  local row = position.row or position.waiting
  if not row then return end
  local since = position.row and row.pendingAt or row.scheduledAt
  return ("the %s signal %s of strategy '%s' on %s (%s, since %s)"):format(position.row and "open" or "scheduled",
    row.id, position.name, position.symbol, row.position, calendar.date(since))
end

local function report(self, ...)
  self.run:report(core.error("invalid_value", string.format(...)), "clock")
end

--- Looks at the clock before a tick.  Says so where it has gone on by a day more than the time that has passed.
function Drift:look()
  local now, elapsed, seen = loop.now(), loop.elapsed(), self.seen
  self.seen = { now = now, elapsed = elapsed }
  if not seen then return end
  local jump = now - seen.now - (elapsed - seen.elapsed)
  if jump <= DAY then return end
  report(self, "the clock has jumped ahead by %s, from %s to %s, or the machine slept: %s is looked at as of then. If "
    .. "the clock is wrong, end the host and set it%s", span(jump), calendar.date(seen.now), calendar.date(now),
    describe(self.run.position) or "what is open or waits", HELP)
end

--- Says so, once an hour, where the clock stands before what was lived.
---@param when number  the minute
---@param lived number  until when nothing is done
function Drift:wait(when, lived)
  local position = self.run.position
  local latest = lived > when and lived or position.entry.askedAt
  if latest <= when + MINUTE then return self.lagging:forget() end
  if not self.lagging:isDue(loop.elapsed()) then return end
  local text = ("the clock says %s, and what is stored is of %s"):format(calendar.date(when), calendar.date(latest))
  if lived <= when then return report(self, "%s, when getSignal was asked%s", text, HELP) end
  local open = describe(position)
  report(self, "%s: nothing is done until then%s. Set the clock if it is wrong now; if it was wrong then, put right "
    .. "what is stored%s", text, open and (", and %s is NOT WATCHED for %s"):format(open, span(lived - when)) or "",
    HELP)
end

--- Says that the run has gone on from the clock, and not from what was stored by a wrong one.
---@param when number
---@param lived number  of before
function Drift:resumed(when, lived)
  self.lagging:forget()
  local open = describe(self.run.position)
  report(self, "what is stored was of %s, and the newest candles of exchange '%s' are those before %s, as the clock "
    .. "says: the clock was wrong then. The run goes on from now%s%s", calendar.date(lived),
    self.run.exchange.exchangeName, calendar.date(when), open and ", with " .. open or "", HELP)
end

--- Says that something has ended much too late.
---@param row table   of the signal
---@param due number  when its time was over
---@param when number
function Drift:late(row, due, when)
  if when - due <= DAY then return end
  report(self, "the time of signal %s was over at %s, and it ended at %s, %s later: either nobody ran it, or the clock "
    .. "has jumped ahead. If the clock is wrong, end the host and set it%s", row.id, calendar.date(due),
    calendar.date(when), span(when - due), HELP)
end

return M
