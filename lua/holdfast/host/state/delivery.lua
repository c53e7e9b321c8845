-- SPDX-License-Identifier: MIT
--
-- Hands the events of a position's outbox to everybody once they are durable, and removes those that were acknowledged.
-- That is written with the position's next change or, for all positions together, when nothing else is to be done.  If
-- the process is killed before that, the next one delivers them again.  The event of an end stays until its trade is
-- durable, too, so that whoever finds it there writes that.

local events = require "holdfast.host.events"
local idle = require "holdfast.host.state.idle"
local outbox = require "holdfast.host.state.outbox"
local trades = require "holdfast.host.state.trades"

---@class holdfast.host.Delivery
---@field position holdfast.host.Position
---@field delivered table<string, "some"|"all">  to whom, by id, what the outbox still has was delivered here
---@field acknowledged table<string, true>  those of `keeps` that are, by id, and are in the outbox still
---@field traded table<string, true>  ends whose trades are durable, by id, and that are in the outbox still
---@field over? boolean    the run has ended: others write the outbox now
---@field keeps? table<string, true>  actions whose events are acknowledged by acknowledge() alone
local Delivery = {}
Delivery.__index = Delivery

---@param position holdfast.host.Position
---@return holdfast.host.Delivery
function Delivery.new(position)
  return setmetatable({ position = position, delivered = {}, acknowledged = {}, traded = {} }, Delivery)
end

--- The events in an entry of ends whose trades are not known to be durable.
---@param entry holdfast.host.Entry
---@return table[]
function Delivery:untraded(entry)
  local list = {}
  for _, event in ipairs(entry.events) do
    if trades.isEnd(event) and not self.traded[event.id] then list[#list + 1] = event end
  end
  return list
end

--- Their trades are durable.
---@param list table[]  of untraded()
function Delivery:noteTrades(list)
  for _, event in ipairs(list) do self.traded[event.id] = true end
end

--- Delivers what is durable and was not delivered yet.  A listener acknowledges by returning.
---@param again? boolean  a process that was killed may have delivered it
function Delivery:deliver(again)
  for _, event in ipairs(self.position.entry.events) do
    local before = self.delivered[event.id]
    if before ~= "all" then
      self.delivered[event.id] = "some"
      if again or before == "some" then
        event = events.copy(event)
        event.redelivered = true
      end
      self.position.run:deliver(event)
      self.delivered[event.id] = "all"
    end
  end
  self:removeAcknowledged()
end

--- What was delivered is acknowledged only now; see `keeps`.
---@param id string  of the event
function Delivery:acknowledge(id)
  if not self.position.entry or self.over then return end
  self.acknowledged[id] = true
  if not self.position.pending then self:removeAcknowledged() end
end

-- Whether nobody needs an event any more: it was delivered to all, is acknowledged and, if an end, has its trade.
function Delivery:isDone(event)
  return self.delivered[event.id] == "all"
    and (self.acknowledged[event.id] or not (self.keeps and self.keeps[event.action]))
    and (self.traded[event.id] or not trades.isEnd(event))
end

-- Takes those out of the outbox that nobody needs; where nobody knows what is in it, once that is read again.
function Delivery:removeAcknowledged()
  if self.position.stale then return end
  local rest, entry = {}, self.position.entry
  for _, event in ipairs(entry.events) do
    if self:isDone(event) then
      self.delivered[event.id], self.acknowledged[event.id], self.traded[event.id] = nil, nil, nil
    else
      rest[#rest + 1] = event
    end
  end
  if #rest == #entry.events then return end
  entry.events = rest -- in place: it is what is durable, and nobody needs more of that
  self:flushSoon()
end

local dirty = {} -- positions whose entries are to be written
local written = {} -- those whose entries are being written just now
local writes = { adapter = "PersistPartialAdapter" }

function writes.steps()
  local bySymbol, list, steps, rest = {}, {}, {}, {}
  for position in pairs(dirty) do
    if position.pending then
      rest[position] = true -- whose entry is part of what it waits for
    elseif not position.stale then
      local entries = bySymbol[position.symbol]
      if not entries then
        entries = {}
        bySymbol[position.symbol] = entries
      end
      entries[#entries + 1] = position.entry
      list[#list + 1] = position
    end
  end
  for symbol, entries in pairs(bySymbol) do
    steps[#steps + 1] = {
      adapter = writes.adapter, shared = symbol, run = function() outbox.write(symbol, entries) end,
    }
  end
  dirty, written = rest, list
  return steps
end

function writes.ended(raised)
  local list = written
  written = {}
  if not raised then return end
  for _, position in ipairs(list) do dirty[position] = true end -- with what comes next
  if list[1] then list[1].run:report(raised, writes.adapter) end
end

--- Has the entry written when nothing else is to be done, together with those of others.
function Delivery:flushSoon()
  dirty[self.position] = true
  idle.arrange(writes)
end

--- Goes on when the position waits no more: until then its entry was left as it is.
function Delivery:resume()
  if not self.position.entry then return end
  self:removeAcknowledged()
  if dirty[self.position] then idle.arrange(writes) end
end

--- Has it written now, if it has to be, for the last time.  What is not noted is delivered again: whoever has the
--- lock next may have written other things by the next flush.
---@param lost boolean  another process has the lock already: nothing is written any more
function Delivery:flush(lost)
  if dirty[self.position] and not lost then idle.now(writes) end
  dirty[self.position] = nil
  self.over = true
end

return Delivery
