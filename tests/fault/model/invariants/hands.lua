-- SPDX-License-Identifier: MIT
--
-- What people want: no signal ends by hand but for a request that names it, stands, and is carried out once; each
-- request that is not taken back gets one answer, and that is true; and once a pause is stored nothing opens.
--
-- Where no transaction covers what is looked at and what is done, people may come in between: there the last of these,
-- and that no request is carried out which was just taken back, are not looked at.

local MINUTE = 60000

local M = {}

function M.begin() return { asked = {}, takenBack = {}, done = {}, answered = {} } end

-- What is stored under a name of the model: "/" and "%" are encoded there, too.
local function encode(text) return (text:gsub("[%%/]", { ["%"] = "%25", ["/"] = "%2F" })) end

local function isPaused(world, strategyName, symbol, when)
  for _, scope in ipairs { "*/*", "*/" .. symbol, strategyName .. "/*", strategyName .. "/" .. symbol } do
    local pause = world.disk.content.host["pause/" .. encode(scope)]
    if pause and (not pause.till or when < pause.till) then return scope end
  end
end

local function wrongOpening(world, event)
  local scope = world.kind.together and isPaused(world, event.strategyName, event.symbol, event.timestamp)
  if scope then return ("%s: it is paused: %s"):format(event.id, scope) end
end

local function isNear(a, b) return math.abs(a - b) <= b * 1e-9 end

local function wrongPrice(world, request, event)
  local price = event.currentPrice
  if request.price then return price ~= request.price end
  if isNear(price, world.market.average(event.symbol, event.timestamp)) then return false end
  return not (request.kind == "cancel" and price == event.signal.priceOpen)
end

-- What is wrong with an end by hand.
local function wrongEnd(state, world, event)
  local id = event.requestId
  local request = id and state.asked[id]
  if not request then return ("%s: nobody has asked for it"):format(event.id) end
  local before = state.done[id]
  if before and before ~= event.id then return event.id .. ": the request was carried out before: " .. before end
  state.done[id] = event.id
  if state.takenBack[id] and world.kind.together then return event.id .. ": the request was taken back" end
  if request.signalId and request.signalId ~= event.signal.id then
    return ("%s: the request is for %s"):format(event.id, request.signalId)
  end
  local action = request.kind == "close" and "closed" or "cancelled"
  if event.action ~= action then return event.id .. ": the request is to " .. request.kind end
  if event.timestamp > request.validTill then return event.id .. ": the request had expired" end
  if not state.moved and wrongPrice(world, request, event) then
    return ("%s: it ended at %.17g"):format(event.id, event.currentPrice)
  end
end

local function look(state, world, event)
  local reason = event.closeReason or event.reason
  if reason == "manual" then return wrongEnd(state, world, event) end
  if event.action == "opened" or event.action == "scheduled" then return wrongOpening(world, event) end
end

local function outboxChanged(state, world, change)
  for id, entry in pairs(change.after or {}) do
    local before = change.before and change.before[id]
    local known = {}
    for _, event in ipairs(before and before.events or {}) do known[event.id] = true end
    for _, event in ipairs(entry.events) do
      local problem = not known[event.id] and look(state, world, event)
      if problem then return problem end
    end
  end
end

local function answered(state, answer)
  local before, done = state.answered[answer.id], state.done[answer.id]
  if before and before ~= answer.outcome then
    return ("the request %s was answered %s, and then %s"):format(answer.id, before, answer.outcome)
  end
  state.answered[answer.id] = answer.outcome
  if (answer.outcome == "done") ~= (done ~= nil) then
    return ("the request %s was answered %s, and was %s carried out"):format(answer.id, answer.outcome, done and ""
      or "not")
  end
  if done ~= answer.eventId then return ("the answer to %s tells of another event"):format(answer.id) end
end

function M.committed(state, changes, world)
  for _, change in ipairs(changes) do
    local problem = change.name == "partial" and outboxChanged(state, world, change)
    if problem then return problem end
  end
  for _, change in ipairs(changes) do
    local isAnswer = change.name == "host" and change.id:find "^answer/"
    local problem = isAnswer and change.after and answered(state, change.after)
    if problem then return problem end
    if change.name == "host" and not change.after and change.id:find "^request/"
      and not state.answered[change.before.id] then
      return ("the request %s is gone without an answer"):format(change.before.id)
    end
  end
end

--- Somebody asks: { id =, kind =, signalId =, price =, validTill = }.  What was taken back may be asked for once more.
function M.asked(state, request)
  state.asked[request.id] = state.asked[request.id] or request
  state.takenBack[request.id] = nil
end

--- Somebody has taken a request back.
function M.takenBack(state, id) state.takenBack[id] = true end

function M.settled(state, world)
  for id, row in pairs(world.disk.content.host) do
    if id:find "^request/" and row.validTill + 3 * MINUTE < world.agenda.time then
      return ("the request %s has expired, and has no answer"):format(row.id)
    end
  end
  for id, request in pairs(state.asked) do
    local waits = world.disk.content.host["request/" .. encode(id)]
    if not (waits or state.answered[id] or state.takenBack[id] or state.unknown or request.validTill == math.huge) then
      return ("the request %s has no answer"):format(id)
    end
    if waits and state.done[id] then return ("the request %s was carried out, and has no answer"):format(id) end
  end
end

--- What was answered after the copy is asked again; its answers are of another past.
function M.restored(state, saved)
  saved.unknown, saved.moved = true, state.moved or saved.moved
  for id, request in pairs(state.asked) do saved.asked[id] = saved.asked[id] or request end
  saved.takenBack = state.takenBack
  return saved
end

function M.clockMoved(state) state.moved = true end

--- What was removed says no more what was done.
function M.removed(state) state.unknown = true end

return M
