-- SPDX-License-Identifier: MIT
--
-- Requests: what somebody wants done with a signal, "close" or "cancel", stored until the run that has the signal takes
-- it up.  So it does not matter which process asks, nor whether the host is up just then.
--
-- A request is taken up once: what it asks for, its answer, and its removal are one step.  In stores without
-- transactions the outbox says with the end of the signal which request it was (`byRequest` of its entry), and the
-- answer follows, from the next process if need be.  A request names the signal that it is for, so that one which comes
-- late, or twice, ends no other signal.  It is removed by whoever answers it, or takes it back, before it is taken up;
-- whoever comes second finds it gone, and does nothing.

local adapters = require "holdfast.adapters"
local checks = require "holdfast.host.checks"
local commits = require "holdfast.host.state.commit"
local core = require "holdfast.core"
local hash = require "holdfast.util.hash"
local outbox = require "holdfast.host.state.outbox"
local process = require "holdfast.util.process"
local rows = require "holdfast.host.state.host_rows"

local adapter = adapters.PersistHostAdapter

local M = {}

local REQUEST, ANSWER = "request", "answer"
local ADAPTER = "PersistHostAdapter"
local MINUTE, DAY = 60000, 86400000

M.VALID_MS = 10 * MINUTE -- for how long a request stands where nobody says otherwise

---@class holdfast.host.Request
---@field version 1
---@field id string
---@field kind "close"|"cancel"
---@field strategyName string
---@field symbol string
---@field signalId? string   of the signal that it is for; without it, whichever there is
---@field price? number      at which it ends; without it, the average price
---@field note? string
---@field by string          who asks
---@field at number          ms
---@field validTill number   ms

---@class holdfast.host.Answer
---@field version 1
---@field id string          of the request
---@field kind string
---@field strategyName string
---@field symbol string
---@field outcome "done"|"refused"|"expired"
---@field message string
---@field at number          ms
---@field eventId? string    of the event that tells of what was done

-- ----------------------------------------------------------------- making

local made = 0

-- A new id: those of later requests come after it, if they are of this process or of another millisecond.
local function newId(now)
  made = made + 1
  local text = ("%d %d %.6f %s %s"):format(process.id(), made, os.clock(), tostring({}), tostring(newproxy()))
  return ("%013d-%04d%s"):format(now, made, hash.of(text .. os.time()):sub(1, 6))
end

local function isPrice(price) return type(price) == "number" and price > 0 and price < math.huge end

local FIELDS = { "strategyName", "price", "note", "valid", "id" }

-- Raises for what is wrong with what was given.  Gives for how long it is to stand.
local function check(what, symbol, given)
  if type(symbol) ~= "string" or symbol == "" then
    checks.refuse("%s: give a symbol such as \"BTCUSDT\", not %s", what, symbol == "" and "an empty string"
      or "a " .. type(symbol))
  end
  checks.fields(what, given, FIELDS)
  checks.name(what, "strategyName", given.strategyName)
  if given.price ~= nil and not isPrice(given.price) then
    checks.refuse("%s: price must be a positive number, not %s", what, tostring(given.price))
  end
  if given.note ~= nil and type(given.note) ~= "string" then
    checks.refuse("%s: note must be a string, not a %s", what, type(given.note))
  end
  if given.id ~= nil then checks.name(what, "id", given.id) end
  local valid = given.valid == nil and M.VALID_MS or given.valid
  if type(valid) ~= "number" or not (valid > 0 and valid <= 366 * DAY) then
    checks.refuse("%s: valid must be a number of milliseconds, at most those of a year, not %s", what, tostring(valid))
  end
  return valid
end

-- How the rows are read that a request is for, and what is said where there is none.
local TARGETS = {
  close = {
    read = function(...) return adapters.PersistSignalAdapter.readSignalData(...) end,
    missing = "%s: nothing is open of '%s' on %s", other = "cancel",
    instead = ": a signal waits for its price there, which cancel ends",
  },
  cancel = {
    read = function(...) return adapters.PersistScheduleAdapter.readScheduleData(...) end,
    missing = "%s: nothing waits for its price of '%s' on %s", other = "close",
    instead = ": its signal is open, which close ends",
  },
}

local function idOf(row) return type(row) == "table" and type(row.id) == "string" and row.id or nil end

-- The id of the signal that there is.
local function signalIdOf(what, kind, strategyName, symbol)
  local target = TARGETS[kind]
  local row = target.read(strategyName, symbol)
  if row ~= nil then return idOf(row) end
  local ok, other = pcall(TARGETS[target.other].read, strategyName, symbol)
  local message = target.missing:format(what, strategyName, symbol)
  error(core.error("not_found", message .. (ok and other ~= nil and target.instead or "")), 0)
end

-- What was asked for under this id before, while it waits or its answer is kept.
local function askedBefore(what, id, kind, strategyName, symbol)
  local before = M.read(id) or M.answer(id)
  if before == nil then return nil end
  if type(before) == "table" and before.kind == kind and before.strategyName == strategyName
    and before.symbol == symbol then
    return before
  end
  return error(core.error("conflict", ("%s: the id %s is that of another request"):format(what, id),
    { retryable = false }), 0)
end

--- Asks for the end of a signal, and stores that.
---@param what string  who asks, for errors
---@param kind "close"|"cancel"
---@param symbol string
---@param given { strategyName: string, price?: number, note?: string, valid?: number, id?: string }  valid: for how
--- many ms it is to stand; id: of the request: what is asked for again under it is the same request
---@param by string
---@param now number   ms
---@return holdfast.host.Request|holdfast.host.Answer  the answer of the same request, where that was answered
---@raise invalid_argument; not_found: there is no such signal; conflict: another request has the id; whatever the store
--- raises
function M.ask(what, kind, symbol, given, by, now)
  local valid = check(what, symbol, given)
  local before = given.id and askedBefore(what, given.id, kind, given.strategyName, symbol)
  if before then return before end
  local request = {
    version = 1, id = given.id or newId(now), kind = kind, strategyName = given.strategyName, symbol = symbol,
    signalId = signalIdOf(what, kind, given.strategyName, symbol), price = given.price, note = given.note, by = by,
    at = now, validTill = now + valid,
  }
  adapter.writeHostData(request, REQUEST, request.id)
  M.forget()
  return request
end

--- What is wrong with a stored request, or nil.
---@param request any
---@param name string  under which it is stored
---@return string?
function M.wrong(request, name)
  if type(request) ~= "table" then return "it is a " .. type(request) end
  if request.version ~= 1 then return "its version is " .. tostring(request.version) .. ", and 1 is known here" end
  if request.id ~= name then return "its id is " .. tostring(request.id) end
  if request.kind ~= "close" and request.kind ~= "cancel" then return "its kind is " .. tostring(request.kind) end
  for _, field in ipairs { "strategyName", "symbol" } do
    if type(request[field]) ~= "string" then return ("its %s is no string"):format(field) end
  end
  for _, field in ipairs { "at", "validTill" } do
    if type(request[field]) ~= "number" then return ("its %s is no time"):format(field) end
  end
  if request.price ~= nil and not isPrice(request.price) then return "its price is " .. tostring(request.price) end
  if request.signalId ~= nil and type(request.signalId) ~= "string" then return "its signalId is no string" end
end

-- ------------------------------------------------------------- as stored

local waiting -- see M.at

--- The request of that id, while it waits.
---@param id string
---@return holdfast.host.Request?
function M.read(id) return adapter.readHostData(REQUEST, id) end

--- The answer to a request, for a day after it was given.
---@param id string
---@return holdfast.host.Answer?
function M.answer(id) return adapter.readHostData(ANSWER, id) end

-- The older one first; of the same time, by their ids, so that all see one order.
local function comesBefore(a, b)
  if a.at ~= b.at then return a.at < b.at end
  return a.id < b.id
end

-- Those that are sound, in order, and those that are not, by name.
local function sort(list)
  local sound, unsound = {}, {}
  for _, row in ipairs(list) do
    local problem = M.wrong(row.value, row.name)
    if problem then unsound[row.name] = problem else sound[#sound + 1] = row.value end
  end
  table.sort(sound, comesBefore)
  return sound, unsound
end

--- All that wait, in the order in which they are taken up.
---@return holdfast.host.Request[]
---@return holdfast.Error? damage  of one that cannot be read
function M.list()
  local list, damage = rows.list(REQUEST)
  return sort(list), damage
end

--- What tells a run from all others, as a key of tables.
---@param strategyName string
---@param symbol string
---@return string
function M.keyOf(strategyName, symbol) return #strategyName .. ":" .. strategyName .. symbol end

local keyOf = M.keyOf

-- By run, what waits for it; and all.
waiting = rows.minute(REQUEST, function(list)
  if not list[1] then return nil end
  local sound, unsound = sort(list)
  local byRun = {}
  for _, request in ipairs(sound) do
    local key = keyOf(request.strategyName, request.symbol)
    byRun[key] = byRun[key] or {}
    table.insert(byRun[key], request)
  end
  return { byRun = byRun, all = sound, unsound = unsound }
end)

local NONE = {}

--- What waits for a run, as it was known in this minute, in the order in which it is to be taken up.
---@param key string  of the run: keyOf()
---@param when number
---@return holdfast.host.Request[]
---@return any? failure  why they cannot be read; once in a minute
function M.at(key, when)
  local found, failure = waiting:at(when)
  return found and found.byRun[key] or NONE, failure
end

--- They are read again when they are next asked for.
function M.forget() waiting:forget() end

-- -------------------------------------------------------------- answering

--- An answer, not stored yet.
---@param request holdfast.host.Request
---@param outcome "done"|"refused"|"expired"
---@param now number
---@param message string
---@param eventId? string
---@return holdfast.host.Answer
function M.answerTo(request, outcome, now, message, eventId)
  return {
    version = 1, id = request.id, kind = request.kind, strategyName = request.strategyName, symbol = request.symbol,
    outcome = outcome, message = message, at = now, eventId = eventId,
  }
end

-- A step that changes a request, which several processes may want to.
local function step(id, run) return { adapter = ADAPTER, shared = REQUEST .. "/" .. id, run = run } end

-- Whether an answer is to another request, under an id that was given again once its answer was forgotten.
local function isOfOther(answer, request)
  if answer.kind == nil or type(request) ~= "table" then return false end
  return request.kind ~= answer.kind or request.strategyName ~= answer.strategyName or request.symbol ~= answer.symbol
end

-- Puts the answer in the place of the request.  Gives whether the request was still there.
local function replace(id, answer)
  local request = M.read(id)
  if request == nil or isOfOther(answer, request) then return false end
  adapter.writeHostData(answer, ANSWER, id)
  adapter.writeHostData(nil, REQUEST, id)
  return true
end

--- Answers a request, unless that was done or it was taken back.
---@param id string
---@param answer holdfast.host.Answer
---@return boolean answered
---@raise whatever the store raises
function M.settle(id, answer)
  local answered
  commits.run { step(id, function() answered = replace(id, answer) end) }
  waiting:forget()
  return answered
end

--- Takes a request back.
---@param id string
---@return boolean taken  false: it is not there (any more): it was answered, or never made
---@raise whatever the store raises
function M.takeBack(id)
  local taken
  commits.run { step(id, function()
    taken = M.read(id) ~= nil
    if taken then adapter.writeHostData(nil, REQUEST, id) end
  end) }
  waiting:forget()
  return taken
end

local GONE = "the request is gone: it was taken back, or answered by another process"

--- Whether it was this that kept a request from being taken up; then nothing has happened.
---@param raised any
---@return boolean
function M.isGone(raised) return core.isError(raised, "conflict") and raised.message == GONE end

--- The steps of what a request asks for, with the look whether it is still there before them and the answer after them.
--- Where one transaction cannot cover them all the answer is left out: it is given once they are durable.
---@param request holdfast.host.Request
---@param answer holdfast.host.Answer
---@param steps holdfast.host.Step[]
---@return holdfast.host.Step[]
function M.around(request, answer, steps)
  local function look()
    if M.read(request.id) == nil then error(core.error("conflict", GONE, { retryable = false }), 0) end
  end
  local all = { { adapter = ADAPTER, run = look } }
  local isWhole, last = true, ADAPTER
  for _, each in ipairs(steps) do
    isWhole, last = isWhole and commits.isTogether(last, each.adapter), each.adapter
    all[#all + 1] = each
  end
  if isWhole then all[#all + 1] = { adapter = ADAPTER, run = function() replace(request.id, answer) end } end
  waiting:forget()
  return all
end

-- ----------------------------------------------------------- what is over

-- For so long after its end a request is left to the run that it is for, which may be taking it up just then.
local GRACE_MS = 2 * MINUTE

local function settleUnsound(name, problem, now)
  M.settle(name, { version = 1, id = name, outcome = "refused", at = now, message = "it is no request: " .. problem })
end

-- What is said of a request that has expired.
local function expiredMessage(request)
  local ms = request.validTill - request.at
  local span = ms < MINUTE and ("%g seconds"):format(ms / 1000) or ("%g minutes"):format(ms / MINUTE)
  return ("nobody took it up in the %s for which it was valid: no host ran '%s' on %s then, or it had no price"):format(
    span, request.strategyName, request.symbol)
end

--- Answers a request that has expired.  Whoever took it up may not have come to answering it: then the outbox says so.
---@param request holdfast.host.Request
---@param now number
---@return holdfast.host.Answer? answer  nil: it is gone
---@raise corrupt: the outbox; whatever the store raises
function M.settleExpired(request, now)
  local ok, entry = pcall(outbox.read, request.symbol, request.strategyName)
  -- Under such a symbol nothing can be stored, so nobody took it up.
  if not ok and not core.isError(entry, "invalid_argument") then error(entry, 0) end
  local by = ok and entry and entry.byRequest
  local answer = by and by.id == request.id and by.answer
    or M.answerTo(request, "expired", now, expiredMessage(request))
  return M.settle(request.id, answer) and answer or nil
end

--- Answers requests that nobody can take up: they have expired, or are none.  Of any run, once in a minute.  One that
--- cannot be answered keeps none of the others from it.
---@param when number  the minute
---@param now number
---@raise whatever the store raises
function M.settleOld(when, now)
  local found = waiting:at(when)
  if not found then return end
  local failure
  local function try(fn, ...)
    local ok, raised = pcall(fn, ...)
    if not ok then failure = failure or raised end
  end
  for name, problem in pairs(found.unsound) do try(settleUnsound, name, problem, now) end
  for _, request in ipairs(found.all) do
    if now > request.validTill + GRACE_MS then try(M.settleExpired, request, now) end
  end
  if failure then error(failure, 0) end
end

--- Removes answers that are older than a day.
---@param now number
---@raise whatever the store raises
function M.forgetAnswers(now)
  for _, row in ipairs((rows.list(ANSWER))) do
    local at = type(row.value) == "table" and row.value.at
    if type(at) ~= "number" or now - at > DAY then adapter.writeHostData(nil, ANSWER, row.name) end
  end
end

return M
