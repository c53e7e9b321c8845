-- SPDX-License-Identifier: MIT
--
-- What people want of a live run: its pauses and requests, looked at in each of its minutes and, where somebody in this
-- process has asked, at once.  state/pauses.lua and state/requests.lua have the rules.

local calendar = require "holdfast.host.calendar"
local loop = require "holdfast.host.scheduler.loop"
local pauses = require "holdfast.host.state.pauses"
local reminder = require "holdfast.host.scheduler.reminder"
local requests = require "holdfast.host.state.requests"
local signal = require "holdfast.host.state.signal"

local M = {}

local HOUR = 3600000
local SOURCE = "PersistHostAdapter"

---@class holdfast.host.Hands
---@field run holdfast.host.LiveRun
---@field pause? holdfast.host.Pause  the one that holds
---@field pending holdfast.host.Request[]  those that can be carried out now, in order
---@field answered? string  the id of the request that ended the last signal, once its answer is stored
---@field called boolean    somebody in this process has asked: look now
---@field wake? fun()       ends the run's sleep
---@field waits boolean     looking at once has failed: nobody is heard before the next minute
local Hands = {}
Hands.__index = Hands

local NONE = {}

local active = {} -- those of runs that go on, by what tells these from one another
local cleaning, cleanedAt = reminder.new(HOUR), nil

--- Makes what looks for requests and pauses of a run.
---@param run holdfast.host.LiveRun
---@return holdfast.host.Hands
function M.new(run)
  local self = setmetatable({ run = run, pending = NONE, called = false, waits = false }, Hands)
  requests.forget()
  pauses.forget()
  active[run.key] = self
  return self
end

--- The run has ended.
function Hands:finish()
  if active[self.run.key] == self then active[self.run.key] = nil end
end

--- Has the run of this process look at once at what is asked of it.
---@param strategyName string
---@param symbol string
---@return boolean  false: none of this process runs it
function M.call(strategyName, symbol)
  local self = active[requests.keyOf(strategyName, symbol)]
  if not self or self.run.stopping then return false end
  self.called = true
  if self.wake and not self.waits then self.wake() end
  return true
end

-- ---------------------------------------------------------------- looking

-- What is done for all runs together: requests that no run takes up are answered, and old answers removed.
local function clean(when)
  cleanedAt = when
  requests.settleOld(when, loop.now())
  if cleaning:isDue(loop.elapsed()) then requests.forgetAnswers(loop.now()) end
end

-- Does what must not keep the run from its minute.
function Hands:try(fn, ...)
  local ok, raised = pcall(fn, ...)
  if not ok then self.run:report(raised, SOURCE) end
  return ok and raised
end

-- Why a request for another signal than the present one is not carried out.
local function reasonAgainst(request, position)
  local entry, id = position.entry, request.signalId
  local opened = position.row
  if request.kind == "cancel" and opened and (not id or opened.id == id) then
    return ("the signal %s has opened: close it"):format(opened.id)
  end
  if id and entry.id == id and (entry.stage == "closed" or entry.stage == "cancelled") then
    return ("the signal %s was %s in the minute %s"):format(id, entry.stage, calendar.date(entry.at))
  end
  if id then return ("the signal %s has ended"):format(id) end
  return request.kind == "close" and "nothing is open" or "nothing waits for its price"
end

-- Whether the result at the price that it brings is a number that can be stored.
local function isPriced(request, row)
  if not request.price then return true end
  local pnl = signal.pnl(row, request.price).pnlPercentage
  return pnl == pnl and math.abs(pnl) < math.huge
end

-- Answers a request that cannot be carried out, nor ever will.  Gives whether it can.
local function check(request, position, now)
  if now > request.validTill then
    requests.settleExpired(request, now)
    return false
  end
  local row = request.kind == "close" and position.row or request.kind == "cancel" and position.waiting
  local isOfRow = row and (not request.signalId or request.signalId == row.id)
  if isOfRow and isPriced(request, row) then return true end
  local reason = isOfRow and ("at the price %s what it has earned is no number"):format(request.price)
    or reasonAgainst(request, position)
  requests.settle(request.id, requests.answerTo(request, "refused", now, reason))
  return false
end

-- The answer to the request that has ended the last signal, where it could not be part of that.  Another signal may not
-- begin before: then nobody would know any more which request it was.
function Hands:settleDone()
  local position = self.run.position
  local by = position.entry.byRequest
  if not by or self.answered == by.id then return end
  requests.settle(by.id, by.answer)
  self.answered = by.id
end

--- Looks at what there is in a minute, and answers what cannot be carried out.
---@param when number
---@raise what storing an answer raises that must not be lost
function Hands:look(when)
  local run, position, now = self.run, self.run.position, loop.now()
  self:settleDone()
  self.pending = NONE
  local name, symbol = run.strategy.strategyName, run.symbol
  local pause, failure = pauses.at(name, symbol, when)
  self.pause = pause
  if failure then run:report(failure, SOURCE) end
  local list, problem = requests.at(run.key, when)
  if problem then run:report(problem, SOURCE) end
  if cleanedAt ~= when then self:try(clean, when) end
  if not list[1] then return end
  self.pending = {}
  for _, request in ipairs(list) do
    if self:try(check, request, position, now) then table.insert(self.pending, request) end
  end
end

--- Looks only at what is done for all runs together: this one does nothing.
---@param when number
function Hands:clean(when)
  if cleanedAt ~= when then self:try(clean, when) end
end

--- The minute has been lived: what could not be carried out in it, since the signal has ended by itself, is answered.
---@param when number
function Hands:settle(when)
  self:settleDone()
  if self.pending[1] then self:look(when) end
end

--- Carries out the oldest request that can be.
---@param kind "close"|"cancel"
---@param when number
---@param price? number  the average price, or whatever is to stand for it; nil: only those that bring their own
---@return boolean done
function Hands:take(kind, when, price)
  local position = self.run.position
  for _, request in ipairs(self.pending) do
    local at, now = request.price or price, loop.now()
    if request.kind == kind and at and now <= request.validTill then
      local ok, raised = pcall(position[kind], position, "manual", at, when, request)
      if ok then return true end
      if not requests.isGone(raised) then error(raised, 0) end
    end
  end
  return false
end

return M
