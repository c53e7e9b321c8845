-- SPDX-License-Identifier: MIT
--
-- Risk profiles: who holds a position, and whether one more may be opened.  The slots of a profile (slots.lua) are a
-- list of rows, one for each open position.  Checking and taking a slot is one step, in a transaction or
-- under a lock, so that two strategies, in one process or in two, cannot both take the last one.

local calls = require "holdfast.host.scheduler.call"
local commits = require "holdfast.host.state.commit"
local contexts = require "holdfast.host.scheduler.context"
local core = require "holdfast.core"
local events = require "holdfast.host.events"
local fields = require "holdfast.condition.fields"
local history = require "holdfast.host.state.history"
local newTable = require "table.new"
local registry = require "holdfast.host.registry"
local watchdog = require "holdfast.host.scheduler.watchdog"

local M = {}

--- Where slots are kept: the adapter, or what a backtest puts before it.
---@class holdfast.host.Book
---@field read fun(key: string): holdfast.host.Slot[]
---@field write fun(slots: holdfast.host.Slot[]?, key: string)
---@field trades? holdfast.host.Trade[]  those of a backtest; of live runs they are stored

---@class holdfast.host.Slot
---@field signalId string
---@field strategyName string
---@field exchangeName string
---@field symbol string
---@field position "long"|"short"
---@field priceOpen number
---@field priceTakeProfit number
---@field priceStopLoss number
---@field openTimestamp number         ms
---@field minuteEstimatedTime number

---@param row table  of a signal
---@return holdfast.host.Slot
local function slotOf(row)
  return {
    signalId = row.id, strategyName = row.strategyName, exchangeName = row.exchangeName, symbol = row.symbol,
    position = row.position, priceOpen = row.priceOpen, priceTakeProfit = row.priceTakeProfit,
    priceStopLoss = row.priceStopLoss, openTimestamp = row.pendingAt, minuteEstimatedTime = row.minuteEstimatedTime,
  }
end

local FIELDS = {
  signalId = true, strategyName = true, exchangeName = true, symbol = true, position = true, priceOpen = true,
  priceTakeProfit = true, priceStopLoss = true, openTimestamp = true, minuteEstimatedTime = true,
}

local plain = setmetatable({}, { __mode = "k" }) -- slots that have no other fields, and nothing in these

local function isPlain(slot)
  if type(slot) ~= "table" then return false end
  if plain[slot] == nil then
    local is = getmetatable(slot) == nil
    for field, value in pairs(slot) do is = is and FIELDS[field] and type(value) ~= "table" or false end
    plain[slot] = is
  end
  return plain[slot]
end

-- A copy of the first slots of a list, that others may change.
local function copySlots(slots, count)
  local list = newTable(count, 0)
  for i = 1, count do
    local s = slots[i]
    list[i] = isPlain(s) and {
      signalId = s.signalId, strategyName = s.strategyName, exchangeName = s.exchangeName, symbol = s.symbol,
      position = s.position, priceOpen = s.priceOpen, priceTakeProfit = s.priceTakeProfit,
      priceStopLoss = s.priceStopLoss, openTimestamp = s.openTimestamp, minuteEstimatedTime = s.minuteEstimatedTime,
    } or events.copy(s)
  end
  return list
end

---@type holdfast.host.Book
M.adapter = require "holdfast.host.state.slots"

local function isOf(slot, strategyName, symbol)
  return type(slot) == "table" and slot.strategyName == strategyName and slot.symbol == symbol
end

local error, assert = error, assert -- those of Lua, whatever a script puts in their place

-- What a validation raised: error and assert are how it says no, with a text or {note=}.  Whatever else raises has
-- failed: Lua itself, a function that was called with what it does not take, a store.  So has what was caught and is
-- raised once more.
---@return string? reason
---@return holdfast.Error? fault
local function judge(raised, by)
  local failure = core.toError(core.traceback(raised)) -- without memory for an object it is a text
  local failed = core.isError(raised) or by ~= error and by ~= assert or failure.message:find("attempt to ", 1, true)
  if failed then return nil, failure end
  return type(raised) == "table" and type(raised.note) == "string" and raised.note or failure.message
end

local function invalid(...) return core.error("invalid_argument", string.format(...)) end

-- What an answer means.  `more` is the second one: pcall and its like give what was raised there.
---@return string? reason
---@return holdfast.Error? fault
local function interpret(answer, more)
  if core.isError(answer) then return nil, answer end
  if core.isError(more) then return nil, more end
  if type(answer) == "string" then return answer ~= "" and answer or nil end
  if type(answer) == "table" then return type(answer.note) == "string" and answer.note or "refused" end
  if answer == false then return "refused" end
  if answer == nil or answer == true then return end
  return nil, invalid("it must return nothing, true, false, the reason or {note=}, not %s", tostring(answer))
end

local late = watchdog.lateOf(function() return "it" end)

-- Why a validation refuses, or how it has failed; neither: it allows.
---@return string? reason
---@return holdfast.Error? fault
local function call(validate, payload)
  local reason, fault
  local function explained(raised)
    local caller = debug.getinfo(2, "f")
    reason, fault = judge(raised, caller and caller.func)
  end
  local returned, result = pcall(calls.now, watchdog.ofUser(), late, xpcall, contexts.get(), validate, explained,
    payload)
  if not returned or result and not result[1] then return nil, late() end
  if not result then return nil, invalid("it must not wait: others wait for its answer") end
  local ok, answer, more = unpack(result, 2, 4)
  if ok then return interpret(answer, more) end
  if not reason and not fault then fault = core.error("script", "it calls itself for ever, or has no memory") end
  return reason, fault
end

local ADVICE = {
  unsupported = "Slots are taken in a transaction of the store of the risk profiles: read others before, in getSignal, "
    .. "and let the validation look at what you kept of them",
  timeout = "Let it decide by what is known already",
  invalid_argument = "Mend it",
}

-- The error that is reported of a validation that has failed.
local function explain(fault, what, payload)
  local advice = ADVICE[fault.code] or "Mend it, or what it reads"
  local message = ("%s of risk profile '%s' has failed, so that signal %s of strategy '%s' on %s is refused: %s. %s; "
    .. "to refuse, it returns or raises a text"):format(what, payload.riskName, payload.currentSignal.id,
    payload.strategyName, payload.symbol, fault.message, advice)
  local failure = core.error(fault.code, message, { cause = fault, retryable = fault.retryable })
  failure.traceback = fault.traceback
  return failure
end

local looks = setmetatable({}, { __mode = "k" }) -- by function

-- Whether a validation may look at what is open, and not only at how much that is.  Those of 200 positions that open in
-- one minute would be shown all those before them, and most only want to know how many there are.
local function looksAtSlots(validate)
  local known = looks[validate]
  if known == nil then
    local names = fields.ofArgument(validate)
    known = not names or names.activePositions or names.pnl or false -- pnl() looks at them, too
    looks[validate] = known
  end
  return known
end

--- Has a payload say what was open.  To be called before it is given to anybody.
---@param payload table
---@param slots holdfast.host.Slot[]
---@param count integer  only so many of them
function M.complete(payload, slots, count)
  payload.activePositions = payload.activePositions or copySlots(slots, count)
end

-- Asks all validations of a profile.
---@return string? refused       the reason
---@return holdfast.Error? fault  why nobody knows: it is refused, but by no rule
local function askEach(profile, slots, payload)
  for i, v in ipairs(profile.validations) do
    local validate, note = v, nil
    if type(v) == "table" then validate, note = v.validate, v.note end
    if looksAtSlots(validate) then M.complete(payload, slots, #slots) end
    local reason, fault = call(validate, payload)
    if fault then
      local what = ("validations[%d]%s"):format(i, note and (" (%s)"):format(note) or "")
      return "it is not known whether it may open", explain(fault, what, payload)
    end
    if reason then return ("%s (%s)"):format(reason, note or ("validations[%d]"):format(i)) end
  end
end

-- The same.  Meanwhile the payload has functions, as fields that are not its own: it is one that can be stored.
local function ask(profile, slots, payload, trades)
  payload.activePositions, payload.activePositionCount = nil, #slots
  setmetatable(payload, history.metatable(trades))
  local reason, fault = askEach(profile, slots, payload)
  setmetatable(payload, nil)
  return reason, fault
end

-- The slots but those of the strategy itself, and why the profile refuses one more.
local function decide(book, name, key, row, payload)
  local profile = registry.find("risk", name, "strategy '" .. row.strategyName .. "'")
  local before = book.read(key)
  local slots, count = newTable(#before + 1, 0), 0
  for i = 1, #before do
    local slot = before[i]
    if not isOf(slot, row.strategyName, row.symbol) then
      count = count + 1
      slots[count] = slot
    end
  end
  return slots, ask(profile, slots, payload, book.trades)
end

--- Says whether a signal might open now, and takes nothing.
---@param book holdfast.host.Book
---@param name string   the profile
---@param key string    under which its slots are stored
---@param row table     of the signal
---@param payload table  what validations get (Run:riskPayload); activePositions and activePositionCount are added
---@return string? refused  the reason
---@return holdfast.Error? fault  it is refused because a validation has failed, and not by a rule
---@return holdfast.host.Slot[] slots  what was open, for complete(), and
---@return integer count               how many of them were
function M.check(book, name, key, row, payload)
  local slots, reason, fault = decide(book, name, key, row, payload)
  return reason, fault, slots, #slots
end

--- Takes a slot, or says why not.  To be called in a transaction, or where nobody else writes meanwhile.
---@param book holdfast.host.Book
---@param name string   the profile
---@param key string    under which its slots are stored
---@param row table     of the signal
---@param payload table  as above
---@return string? refused  the reason; nothing was changed
---@return holdfast.Error? fault  as above
---@return holdfast.host.Slot[] slots  as above
---@return integer count               as above
function M.take(book, name, key, row, payload)
  local slots, reason, fault = decide(book, name, key, row, payload)
  local count = #slots
  if not reason then
    slots[count + 1] = slotOf(row)
    book.write(slots, key)
  end
  return reason, fault, slots, count
end

-- The slots, or nil where they cannot be read: nothing can be given back then, and nobody may be kept from closing.
local function readable(book, key)
  local ok, slots = pcall(book.read, key)
  if ok then return slots end
  if not commits.isUnreadable(slots) then error(slots, 0) end
end

--- Gives back whatever a strategy holds on a symbol, but for a signal that is open, whose slot is made if it is
--- missing: the position is there, whatever the profile says of it.
---@param book holdfast.host.Book
---@param key string
---@param strategyName string
---@param symbol string
---@param row? table  of the open signal
function M.settle(book, key, strategyName, symbol, row)
  local slots, changed, found = {}, false, false
  local before = readable(book, key)
  if not before then return end
  for _, slot in ipairs(before) do
    local own = isOf(slot, strategyName, symbol)
    if own and not (row and slot.signalId == row.id and not found) then
      changed = true
    else
      found = found or own
      slots[#slots + 1] = slot
    end
  end
  if row and not found then
    slots[#slots + 1] = slotOf(row)
    changed = true
  end
  if changed then book.write(slots, key) end
end

local function isExpired(slot, when)
  return type(slot) == "table" and type(slot.openTimestamp) == "number" and type(slot.minuteEstimatedTime) == "number"
    and type(slot.signalId) == "string" and type(slot.strategyName) == "string" and type(slot.symbol) == "string"
    and when - slot.openTimestamp >= slot.minuteEstimatedTime * 60000
end

--- The slots whose time is over.
---@param book holdfast.host.Book
---@param key string
---@param when number
---@return holdfast.host.Slot[]
function M.expired(book, key, when)
  local list = {}
  for _, slot in ipairs(readable(book, key) or {}) do
    if isExpired(slot, when) then list[#list + 1] = slot end
  end
  return list
end

--- Removes slots whose time is over.
---@param book holdfast.host.Book
---@param key string
---@param when number
---@param keep fun(slot: holdfast.host.Slot): boolean  whether one stays all the same
function M.prune(book, key, when, keep)
  local slots, removed = {}, false
  for _, slot in ipairs(readable(book, key) or {}) do
    if isExpired(slot, when) and not keep(slot) then removed = true else slots[#slots + 1] = slot end
  end
  if removed then book.write(slots, key) end
end

return M
