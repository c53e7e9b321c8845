-- SPDX-License-Identifier: MIT
--
-- Risk profiles: who holds a position, and whether one more may be opened.  PersistRiskAdapter keeps the slots of a
-- profile, a list of rows, one for each open position.  Checking and taking a slot is one step, in a transaction or
-- under a lock, so that two strategies, in one process or in two, cannot both take the last one.

local core = require "holdfast.core"
local adapter = require "holdfast.adapters".PersistRiskAdapter
local contexts = require "holdfast.host.context"
local events = require "holdfast.host.events"
local limit = require "holdfast.host.limit"
local schema = require "holdfast.host.schema"
local storage = require "holdfast.host.storage"

local M = {}

--- Where slots are kept: the adapter, or what a backtest puts before it.
---@class holdfast.host.Book
---@field read fun(key: string): holdfast.host.Slot[]
---@field write fun(slots: holdfast.host.Slot[]?, key: string)

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

---@type holdfast.host.Book
M.adapter = {}

--- The slots of a profile.
---@param key string
---@raise corrupt, io, ...
function M.adapter.read(key)
  local slots = adapter.readPositionData(key)
  if slots == nil then return {} end
  if type(slots) ~= "table" or #slots == 0 and next(slots) ~= nil then
    error(core.error("corrupt", ("the positions of the risk profile '%s' are no list"):format(key),
      { entityName = "risk" }), 0)
  end
  return slots
end

--- Changes them.
---@param slots holdfast.host.Slot[]?
---@param key string
function M.adapter.write(slots, key)
  adapter.writePositionData(slots and core.json.array(slots), key)
end

local function isOf(slot, strategyName, symbol)
  return type(slot) == "table" and slot.strategyName == strategyName and slot.symbol == symbol
end

-- Why a validation refuses; nil if it does not.  It refuses by raising, by giving the reason or {note=}, or false.
-- What it raises may also be a mistake in it, which somebody should hear of: Lua's own errors are known by their words.
---@return string? reason
---@return holdfast.Error? mistake
local function refusal(validate, payload)
  local context = contexts.get()
  local co = coroutine.create(function()
    contexts.set(context)
    return xpcall(validate, core.traceback, payload)
  end)
  local ms, late = limit.ofUser(function() return "a validation" end)
  local returned, _, ok, answer = limit.call(ms, late, coroutine.resume, co)
  if not returned then return late().message, late() end
  if coroutine.status(co) ~= "dead" then
    local mistake = core.error("invalid_argument", "a validation must not wait: others wait for its answer")
    return mistake.message, mistake
  end
  if not ok then
    local isMistake = core.isError(answer, "timeout") or answer.message:find("attempt to ", 1, true)
    return answer.message, isMistake and answer or nil
  end
  if type(answer) == "string" then return answer ~= "" and answer or nil end
  if type(answer) == "table" then return type(answer.note) == "string" and answer.note or "refused" end
  if answer == false then return "refused" end
  if answer ~= nil and answer ~= true then
    local mistake = core.error("invalid_argument", ("a validation must return nothing, true, false, the reason or "
      .. "{note=}, not %s"):format(tostring(answer)))
    return mistake.message, mistake
  end
end

-- Asks all validations of a profile.
local function ask(profile, slots, payload)
  payload.activePositions, payload.activePositionCount = events.copy(slots), #slots
  for i, v in ipairs(profile.validations) do
    local validate, note = v, nil
    if type(v) == "table" then validate, note = v.validate, v.note end
    local reason, mistake = refusal(validate, payload)
    if reason then return ("%s (%s)"):format(reason, note or ("validations[%d]"):format(i)), mistake end
  end
end

-- The slots but those of the strategy itself, and why the profile refuses one more.
local function decide(book, name, key, row, payload)
  local profile = schema.find("risk", name, "strategy '" .. row.strategyName .. "'")
  local slots = {}
  for _, slot in ipairs(book.read(key)) do
    if not isOf(slot, row.strategyName, row.symbol) then slots[#slots + 1] = slot end
  end
  return slots, ask(profile, slots, payload)
end

--- Says whether a signal might open now, and takes nothing.
---@param book holdfast.host.Book
---@param name string   the profile
---@param key string    under which its slots are stored
---@param row table     of the signal
---@param payload table  what validations get (Run:riskPayload); activePositions and activePositionCount are added
---@return string? refused  the reason
---@return holdfast.Error? mistake  what a validation raised that looks like a mistake in it
function M.check(book, name, key, row, payload)
  return select(2, decide(book, name, key, row, payload))
end

--- Takes a slot, or says why not.  To be called in a transaction, or where nobody else writes meanwhile.
---@param book holdfast.host.Book
---@param name string   the profile
---@param key string    under which its slots are stored
---@param row table     of the signal
---@param payload table  as above
---@return string? refused  the reason; nothing was changed
---@return holdfast.Error? mistake
function M.take(book, name, key, row, payload)
  local slots, reason, mistake = decide(book, name, key, row, payload)
  if reason then return reason, mistake end
  slots[#slots + 1] = slotOf(row)
  book.write(slots, key)
end

-- The slots, or nil where they cannot be read: nothing can be given back then, and nobody may be kept from closing.
local function readable(book, key)
  local ok, slots = pcall(book.read, key)
  if ok then return slots end
  if not storage.isUnreadable(slots) then error(slots, 0) end
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
