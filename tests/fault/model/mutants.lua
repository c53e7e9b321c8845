-- SPDX-License-Identifier: MIT
--
-- Hosts with one mistake each: a line of lua/holdfast/host is replaced.  The model has to catch them all, or it proves
-- nothing.  A mutant whose line is not there any more fails the test: it moves with the code.

local explore = require "model.explore"
local histories = require "model.histories"

local M = {}

---@class model.Mutant
---@field name string     what is wrong with it
---@field module string   after "holdfast.host."
---@field from string     what stands there, once
---@field to string       what is put in its place
---@field store? string   where it shows ("alone": without transactions)
---@field seed? integer   a history at random in which it shows; without one the crashes of a short history show it
---@field history? model.History  one made by hand, for what histories at random hardly ever come to

-- The store of the slots is down while a position closes, and nothing opens soon after it.
local DOWN = { seed = 3, store = "split", strategies = 2, symbols = 1, steps = {
  { fault = "refuse", kind = "write", name = "risk", at = 1, count = 0, phase = "before", code = "io", minutes = 6 },
  { fault = "refuse", kind = "write", name = "risk", at = 1, count = 1000, phase = "before", code = "io", minutes = 4 },
} }

-- No row can be removed while positions close.
local STUCK = { seed = 3, store = "alone", strategies = 2, symbols = 1, steps = {
  { fault = "refuse", kind = "remove", name = "signal", at = 1, count = 9, phase = "before", code = "io", minutes = 8 },
} }

-- A copy of what is open is put back without its trades, after that has closed.
local REOPENED = { seed = 6, store = "apart", strategies = 4, symbols = 1, steps = {
  { act = "copy", name = "trade", which = 1, down = 0, fault = "operator", minutes = 9 },
  { act = "copy", name = "trade", which = 1, down = 0, fault = "operator", minutes = 4 },
  { act = "putBackState", name = "trade", which = 1, down = 0, fault = "operator", minutes = 2 },
} }

-- No trade can be written while positions close.
local UNTRADED = { seed = 3, store = "apart", strategies = 1, symbols = 1, steps = {
  { fault = "refuse", kind = "write", name = "trade", at = 1, count = 99, phase = "before", code = "io", minutes = 9 },
} }

-- The same, where one transaction covers both.
local REFUSED = { seed = 3, store = "memory", strategies = 1, symbols = 1, steps = UNTRADED.steps }

-- A request is taken back while the run that has read it begins to carry it out.
local TAKEN_BACK = { seed = 1002, store = "memory", strategies = 3, symbols = 1, steps = {
  { act = "takeBack", at = 3, fault = "hand", minutes = 6, scope = 1, times = 1, valid = 5, which = 1 },
} }

---@type model.Mutant[]
M.list = {
  { name = "an end removes the row before the outbox says so", module = "state.position", store = "alone",
    from = "return entry, { self:outboxStep(entry), step }", to = "return entry, { step, self:outboxStep(entry) }" },
  { name = "an end by hand removes the row before the outbox says so", module = "state.position", store = "alone",
    from = "requests.around(request, answer, { self:outboxStep(entry), step })",
    to = "requests.around(request, answer, { step, self:outboxStep(entry) })" },
  { name = "opening writes the outbox first", module = "state.position", store = "alone",
    from = "  steps[#steps + 1] = self:signalStep(row)\n  if self.waiting",
    to = "  steps[#steps + 1] = self:outboxStep(entry)\n  steps[#steps + 1] = self:signalStep(row)\n"
      .. "  if self.waiting" },
  { name = "opening takes no slot", module = "state.risk",
    from = "    slots[count + 1] = slotOf(row)\n    book.write(slots, key)\n", to = "    local _ = slotOf\n" },
  { name = "closing gives no slot back", module = "state.position",
    from = "  local slots = self:settleSteps(nil)\n", to = "  local slots = {}\n" },
  { name = "a closing leaves its event out of the outbox", module = "state.position",
    from = "    local entry = outbox.withEvent(self.entry, event, changes)\n    return entry",
    to = "    local entry = outbox.with(self.entry, changes)\n    return entry" },
  { name = "an entry of the outbox drops those of other strategies", module = "state.outbox",
    from = "if type(each) == \"table\" and each.strategyName == entry.strategyName then levels[id] = nil end",
    to = "levels[id] = each and nil" },
  { name = "restoring leaves what has ended", module = "state.restore", store = "alone",
    from = 'local function isOver(r) return r and entry.id == r.id and (entry.stage == "closed"',
    to = 'local function isOver(r) return r and false and (entry.stage == "closed"' },
  { name = "restoring forgets the event of an opening that ended before the outbox", module = "state.restore",
    store = "alone", from = 'if row and (entry.id ~= row.id or entry.stage ~= "opened") then', to = "if false then" },
  { name = "restoring leaves what waited of an opened signal", module = "state.restore", store = "alone",
    from = "or waiting and row and waiting.id == row.id then", to = "then" },
  { name = "restoring leaves slots", module = "state.restore", store = "alone",
    from = "  M.slots(position, when)\n  position.delivery", to = "  position.delivery" },
  { name = "an end is told of while its row is still there", module = "state.restore", history = STUCK,
    from = "  if steps[1] then position:commit(steps, apply) else apply() end\n",
    to = "  if steps[1] then pcall(position.commit, position, steps) end\n  apply()\n" },
  { name = "restoring delivers nothing again", module = "state.restore",
    from = "  position.delivery:deliver(true)\n", to = "  position.entry.events = {}\n" },
  { name = "what is delivered again looks new", module = "state.delivery",
    from = "event.redelivered = true", to = "event.redelivered = nil" },
  { name = "what was acknowledged is never removed", module = "state.delivery",
    from = "  idle.arrange(writes)\n", to = "  local _ = idle\n" },
  { name = "an event is delivered before it is durable", module = "state.position",
    from = "  self:commitEnd(steps, step, entry, function()\n    self.row, self.entry = nil, entry",
    to = "  self.run:deliver(event)\n  self:commitEnd(steps, step, entry, function()\n"
      .. "    self.row, self.entry = nil, entry" },
  { name = "an end leaves no trade", module = "state.position",
    from = "pcall(trade.run)", to = "true, nil" },
  { name = "a trade is written before its signal is gone", module = "state.position", store = "alone",
    from = "    local entry = outbox.withEvent(self.entry, event, changes)\n"
      .. "    return entry, { self:outboxStep(entry), step }",
    to = "    local entry = outbox.withEvent(self.entry, event, changes)\n"
      .. "    return entry, { self:outboxStep(entry), self:tradeSteps({ event })[1], step }" },
  { name = "restoring writes no trades", module = "state.restore", store = "alone",
    from = "    position:writeTrades()\n", to = "" },
  { name = "an event leaves the outbox without its trade", module = "state.delivery", history = UNTRADED,
    from = "\n    and (self.traded[event.id] or not trades.isEnd(event))", to = "" },
  { name = "a trade that could not be stored is never written", module = "state.position", history = UNTRADED,
    from = "  if ok then return end\n  self.tradesStale = true\n", to = "  if ok then return end\n" },
  { name = "what an older copy has made open again keeps its trade", module = "state.restore", history = REOPENED,
    from = "    withdrawTrade(position.row)\n", to = "" },
  { name = "an end whose trade fails has not happened in memory", module = "state.position", history = REFUSED,
    from = "    steps = function() return steps end,\n", to = "    steps = function() return {} end,\n" },
  { name = "a trade says what its signal was to gain", module = "state.trades",
    from = "priceClose = event.currentPrice", to = "priceClose = row.priceTakeProfit" },
  { name = "a minute is lived twice", module = "runs.live",
    from = "  if when <= position:lived() then return end\n", to = "" },
  { name = "a change that failed has happened in memory", module = "state.position", seed = 1,
    from = "      if outcome == \"done\" then\n        if apply then apply() end\n",
    to = "      if apply then apply() end\n      if outcome == \"done\" then\n" },
  { name = "what failed is not read again", module = "state.position", seed = 1,
    from = "        self.stale = true\n", to = "" },
  { name = "a refusal by one profile keeps the slot in the other", module = "state.position", store = "alone",
    seed = 20, from = "  if takes[2] and not commits.hasTransactions", to = "  if false and commits.hasTransactions" },
  { name = "an id says nothing of what an event says", module = "runs.base", seed = 8,
    from = 'event.id = self.backtest and id or id .. ":" .. hash.ofValue(event)', to = "event.id = hash and id" },
  { name = "an id is given a second time after the clock was ahead", module = "state.signal", seed = 31,
    from = "number and math.max(when, number + 1) or when", to = "number and when or when" },
  { name = "what opened while the clock was ahead is never watched", module = "runs.live", seed = 1,
    from = "    position:resume(when)\n", to = "" },
  { name = "a position that is due is left open", module = "runs.live", seed = 2,
    from = 'if signal.isTaken(row, price) then', to = "if signal.isTaken(row, price) and when % 120000 == 0 then" },
  { name = "expired slots of positions that are open are removed", module = "state.risk", seed = 3,
    from = "if isExpired(slot, when) and not keep(slot) then", to = "if isExpired(slot, when) then" },
  { name = "slots of a store that was down are never given back", module = "runs.live", history = DOWN,
    from = "  if position.slotsStale then restore.slots(position, when) end\n", to = "" },
  { name = "a row that cannot be read is none", module = "state.restore", seed = 9,
    from = "    if not commits.isUnreadable(row) then error(row, 0) end\n    return nil,",
    to = "    if not commits.isUnreadable(row) then error(row, 0) end\n    do return nil end\n    return nil," },
  { name = "nobody knows any more which request has ended a signal", module = "state.position", store = "alone",
    from = "  changes.byRequest = { id = request.id, answer = answer }\n", to = "" },
  { name = "a request that was carried out waits again", module = "state.requests",
    from = "  adapter.writeHostData(nil, REQUEST, id)\n  return true\n", to = "  return true\n" },
  { name = "a request that was taken back is carried out", module = "state.requests", history = TAKEN_BACK,
    from = "    if M.read(request.id) == nil then error", to = "    if false then error" },
  { name = "a pause is not looked at when something opens", module = "state.position", store = "memory", seed = 16,
    from = "    if pauses.read(self.scopes, when) then refuse", to = "    if false then refuse" },
  { name = "a commit that several share has happened though it failed", module = "state.together", seed = 1,
    store = "memory", from = "    if idle.isOfStore(raised) then fail(group, raised) else separate(group) end\n",
    to = "    for _, each in ipairs(list) do each.outcome = raised and \"done\" end\n    return succeed(group)\n" },
  { name = "a slot stays taken by what was undone alone", module = "state.slots", seed = 1, store = "memory",
    from = "  for key, own in pairs(before) do shared[key] = own end\n", to = "" },
  { name = "slots that several have taken are not written", module = "state.slots", seed = 1, store = "memory",
    from = "    if own.changed then store(own.slots, key) end\n", to = "    local _ = store\n" },
  { name = "a run notes the first minute that it has lived for ever", module = "state.status", seed = 1,
    from = "self.seesPrice then self.minute = when end",
    to = "self.seesPrice then self.minute = self.minute or when end" },
  { name = "each run notes by itself how all are", module = "state.status", seed = 1, store = "memory",
    from = "  if ticking == 0 then lookSoon() end\n", to = "  writtenIn = nil\n  idle.now(writes)\n" },
}

-- How many histories at random are looked at for a mutant that needs one.
local MOST = 60

-- What the model says of a mutant; nil: nothing is wrong with it.
local function judge(mutant, folder)
  if mutant.history then return histories.live(mutant.history, folder, mutant) end
  if not mutant.seed then
    return explore.run { store = mutant.store or "memory", seed = 1, minutes = 14, strategies = 3, folder = folder,
      mutant = mutant, tail = 1 }
  end
  for seed = mutant.seed, mutant.seed + MOST - 1 do
    local problem = histories.live(histories.make(seed, mutant.store), folder, mutant)
    if problem then return problem, seed end
  end
end

--- Looks at all of them.
---@param folder string
---@param say fun(format: string, ...)
---@param part integer   of them: each `parts`th
---@param parts integer
---@return integer caught
---@return string[] missed
function M.run(folder, say, part, parts)
  local caught, missed = 0, {}
  for i, mutant in ipairs(M.list) do
    if i % parts == part % parts then
      local problem, seed = judge(mutant, folder)
      if problem then
        caught = caught + 1
        say("caught: %s%s: %s", mutant.name, type(seed) == "number" and " (seed " .. seed .. ")" or "",
          problem:gsub("^after a crash.-\n", ""):match "^[^\n]*")
      else
        missed[#missed + 1] = mutant.name
      end
    end
  end
  return caught, missed
end

return M
