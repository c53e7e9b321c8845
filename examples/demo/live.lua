-- SPDX-License-Identifier: MIT
--
-- The live part of the demo: a process that trades, kills, and the processes that go on after it.  Whoever watches,
-- this script, stands for the world outside: it has the time, so that a successor begins the minute again in which its
-- predecessor was killed, and it has the journal of what was delivered.

local demoProcess = require "demo.process"
local holdfast = require "holdfast"
local screen = require "demo.screen"

local style, clock = screen.style, screen.clock

local M = {}

local MINUTE = 60000
local KILLS = 4
local PACE = 7        -- ms that a minute takes
local PATIENCE = 6000 -- ms: a disk that is too slow for all minutes gets fewer

---@class demo.Live
---@field dir string      has the store and the journal
---@field words string[]  what a process has to be told of the world
---@field from number     ms: the first minute
---@field till number     ms: the last one
---@field events table[]  of the journal
---@field place integer   where they end
---@field again integer   how many were delivered again and were in the journal already
---@field errors integer  that the host reported
---@field started number  when, on the machine's clock
local Live = {}
Live.__index = Live

--- Whether two values have the same content.
function M.same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not M.same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

--- One of the entities in the store.
---@param entity string
---@return holdfast.PersistBase
function Live:stored(entity) return holdfast.PersistBase(entity, self.dir .. "/store") end

-- Open signals by id of the entity.  The last commit of a process that was killed may be in the store and its readers
-- not told of it: a transaction sees it, whose turn comes after the dead one's.
function Live:open()
  local rows, count = {}, 0
  holdfast.transaction(function()
    for id, row in self:stored("signal"):entries() do rows[id], count = row, count + 1 end
  end)
  return rows, count
end

function Live:start(from)
  return demoProcess.start { "--serve", self.dir, "--from", ("%d"):format(from), "--till", ("%d"):format(self.till),
    "--pace", tostring(PACE), unpack(self.words) }
end

-- Shows what is new in the journal.
function Live:showNews()
  local news
  news, self.place = demoProcess.readJournal(self.dir .. "/journal.jsonl", self.place)
  for _, event in ipairs(news) do
    table.insert(self.events, event)
    screen.event(event)
  end
end

-- Two hosts must not trade the same positions.
function Live:tryAnother(first)
  local second, refusal = self:start(self.from), nil
  for word, rest in function() return second:read() end do
    if word == "refused" then refusal = rest end
    if word == "minute" then second:kill() end -- it was let in
  end
  if refusal then screen.wrap("33", ("process %d is refused: %s"):format(second.pid, refusal:gsub("^%S+ ", ""))) end
  screen.check(refusal and refusal:find("^busy "), ("no other process gets in while %d runs"):format(first.pid))
end

-- When to kill for the n-th time: in about the n-th part of the run, right after an event or anywhere.
function Live:plan(n)
  local part, afterEvent = (self.till - self.from) / (KILLS + 1), n % 2 == 1
  return {
    word = afterEvent and "heard" or "minute", delay = math.random() * (afterEvent and 0.5 or PACE),
    from = self.from + (n - 0.5 + 0.5 * math.random()) * part, late = self.from + (n + 0.5) * part,
    at = self.started + n * PATIENCE / (KILLS + 1),
  }
end

local function isTime(plan, word, minute)
  if word == plan.word and minute >= plan.from then return true end
  return word == "minute" and (minute >= plan.late or demoProcess.now() > plan.at)
end

-- Follows a process until it ends; kills it, if there is a plan to.
---@return string status
---@return number minute  the last that it began
---@return table restored the open signals that it found, by id of the entity
function Live:follow(process, from, plan)
  local minute, restored, status = from, {}, nil
  for word, rest in function() return process:read() end do
    if word == "minute" then minute = tonumber(rest) end
    if plan and minute > from and isTime(plan, word, minute) then
      demoProcess.sleep(plan.delay)
      process:kill()
      plan = nil
    end
    if word == "heard" then
      self:showNews()
    elseif word == "again" then
      self.again = self.again + 1
    elseif word == "restored" then
      local found = holdfast.json.decode(rest)
      screen.restored(found)
      if found.what == "open" then restored[found.signal.strategyName .. "/" .. found.signal.symbol] = found.signal end
    elseif word == "error" or word == "refused" then
      self.errors = self.errors + 1
      screen.wrap("31", ("process %d says: %s"):format(process.pid, rest))
    elseif word == "status" then
      status = rest
    end
  end
  self:showNews() -- what it wrote and could not say any more
  return status, minute, restored
end

-- Whether a position was closed in this minute.
function Live:endedIn(minute, row)
  for _, event in ipairs(self.events) do
    if event.action == "closed" and event.signal.id == row.id and event.timestamp == minute then return true end
  end
  return false
end

-- Whether a process found all that the one before it has left: each as it was, unless its first minute was the last of
-- it.
function Live:hasFound(left, restored, minute)
  for id, row in pairs(left) do
    if not M.same(row, restored[id]) and not self:endedIn(minute, row) then return false end
  end
  for id in pairs(restored) do
    if not left[id] then return false end
  end
  return true
end

-- Brings the end nearer, if the minutes that are left would take too long.
function Live:hurry(minute)
  local elapsed = demoProcess.now() - self.started
  local left = math.max(PATIENCE - elapsed, 500) / elapsed * (minute - self.from)
  self.till = math.min(self.till, minute + math.max(10 * MINUTE, math.floor(left / MINUTE) * MINUTE))
end

--- Trades until the end, with some kills on the way.
---@param dir string
---@param words string[]
---@param from number
---@param till number
---@return demo.Live
function M.run(dir, words, from, till)
  local live = setmetatable({
    dir = dir, words = words, from = from, till = till, events = {}, place = 0, again = 0, errors = 0,
    started = demoProcess.now(),
  }, Live)
  local minute, left, killed, recovered = from, nil, 0, 0
  for n = 1, KILLS + 1 do
    if n > KILLS then live:hurry(minute) end
    local process = live:start(minute)
    print(style("1", ("  process %d %s at %s"):format(process.pid, n == 1 and "begins" or "goes on", clock(minute))))
    if n == 1 then
      assert(process:read() == "minute", "the process does not begin")
      live:tryAnother(process)
    end
    local status, last, restored = live:follow(process, minute, n <= KILLS and live:plan(n))
    if left and live:hasFound(left, restored, minute) then recovered = recovered + 1 end
    if status ~= "137" then
      if status ~= "0" then live.errors = live.errors + 1 end
      break
    end
    local count
    killed, minute, left, count = killed + 1, last, live:open()
    print(style("31;1", ("  kill -9 %d"):format(process.pid))
      .. style("31", (" at %s, with %d open position%s"):format(clock(minute), count, count == 1 and "" or "s")))
  end
  screen.check(killed == KILLS, ("kill -9 ended %d processes in the middle of their work"):format(killed))
  screen.check(recovered == KILLS, "their successors found every open position as it was")
  screen.check(live.errors == 0, "no process reported an error")
  return live
end

return M
