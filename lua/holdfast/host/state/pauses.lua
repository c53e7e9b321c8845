-- SPDX-License-Identifier: MIT
--
-- Pauses: while one holds, getSignal is not asked and nothing opens.  What waits for its price goes on waiting, what is
-- open is watched and closed.  They are stored, so they last over restarts, and hold for whoever runs the strategy.
--
-- A pause has a scope: a strategy and a symbol, or "*" for any.  The runs of a process read all pauses once a minute,
-- for their own ease; what keeps a signal from opening is that the step in which it opens reads those that concern it.
-- So once a pause is stored nothing opens any more, whoever stored it.  One that cannot be read holds.

local calendar = require "holdfast.host.calendar"
local checks = require "holdfast.host.checks"
local commits = require "holdfast.host.state.commit"
local core = require "holdfast.core"
local adapter = require("holdfast.adapters").PersistHostAdapter
local hash = require "holdfast.util.hash"
local rows = require "holdfast.host.state.host_rows"

local M = {}

local KIND = "pause"
local ANY = "*"

---@class holdfast.host.Pause
---@field version 1
---@field strategyName string  "*": any
---@field symbol string        "*": any
---@field reason? string
---@field by string            who made it
---@field since number         ms
---@field till? number         ms: from then on it does not hold any more

-- How long a part may be once it is stored, where each "%" takes three bytes: two of them fit into an id.
local PART_MAX, SHOWN = 110, 60

-- A name as part of that of a scope: of any other, and not mistaken for ANY.
local function part(name)
  if name == ANY then return ANY end
  local encoded, count = name:gsub("[%%/*]", { ["%"] = "%25", ["/"] = "%2F", ["*"] = "%2A" })
  if #encoded + 2 * count <= PART_MAX then return encoded end
  return name:gsub("[^%w_.-]", "_"):sub(1, SHOWN) .. "%7E" .. hash.of(name)
end

local function scopeOf(strategyName, symbol) return part(strategyName) .. "/" .. part(symbol) end

--- The scopes that a run is in, the widest first.
---@param strategyName string
---@param symbol string
---@return string[]
function M.scopes(strategyName, symbol)
  return {
    scopeOf(ANY, ANY), part(ANY) .. "/" .. part(symbol), part(strategyName) .. "/" .. part(ANY),
    scopeOf(strategyName, symbol),
  }
end

-- What is wrong with a stored pause, or nil.
local function wrong(pause)
  if type(pause) ~= "table" then return "it is a " .. type(pause) end
  if type(pause.strategyName) ~= "string" then return "its strategyName is no string" end
  if type(pause.symbol) ~= "string" then return "its symbol is no string" end
  if pause.till ~= nil and type(pause.till) ~= "number" then return "its till is no time" end
end

-- Whether it holds; of what cannot be understood nobody knows, so it does.
local function holds(pause, when) return wrong(pause) ~= nil or not pause.till or when < pause.till end

-- By scope, those that were found.
local minute = rows.minute(KIND, function(list)
  local byScope, any = {}, false
  for _, row in ipairs(list) do byScope[row.name], any = row.value, true end
  return any and byScope or nil
end)

--- The pause that holds for a run, as it was known in this minute.
---@param strategyName string
---@param symbol string
---@param when number
---@return holdfast.host.Pause?
---@return any? failure  why they cannot be read; once in a minute
function M.at(strategyName, symbol, when)
  local byScope, failure = minute:at(when)
  if byScope then
    for _, scope in ipairs(M.scopes(strategyName, symbol)) do
      local pause = byScope[scope]
      if pause ~= nil and holds(pause, when) then return pause, failure end
    end
  end
  return nil, failure
end

--- They are read again when they are next asked for.
function M.forget() minute:forget() end

local NONE = {}
local shared -- by scope, what transitions that share a commit have read, or NONE

--- Begins to read each only once.  To be called in the transaction of all who share them, in which none can be made.
function M.share() shared = {} end

--- Shares them no more.
function M.release() shared = nil end

local function readScope(scope)
  local pause = shared and shared[scope]
  if pause == nil then
    pause = adapter.readHostData(KIND, scope)
    if pause == nil then pause = NONE end
    if shared then shared[scope] = pause end
  end
  return pause
end

--- The pause that holds for a run, read now: in a transaction it is part of that.
---@param scopes string[]  of M.scopes
---@param when number
---@return holdfast.host.Pause?
---@raise corrupt, io, ...
function M.read(scopes, when)
  for _, scope in ipairs(scopes) do
    local pause = readScope(scope)
    if pause ~= NONE and holds(pause, when) then return pause end
  end
end

--- All that there are, also those whose time is over.
---@return holdfast.host.Pause[]
---@return holdfast.Error? damage  of one that cannot be read
function M.list()
  local list, found, damage = {}, rows.list(KIND)
  for _, row in ipairs(found) do
    local pause = row.value
    if wrong(pause) then
      local problem = ("the pause '%s' is none: %s; it holds until it is removed"):format(row.name, wrong(pause))
      damage = damage or core.error("invalid_value", problem)
    else
      list[#list + 1] = pause
    end
  end
  return list, damage
end

local FIELDS = { "strategyName", "symbol", "reason", "till" }

-- The scope that was asked for; what is left out is any.
local function scopeGiven(what, given)
  if type(given) ~= "table" then
    checks.refuse("%s: give a table {strategyName=, symbol=}, each of which may be left out, not a %s", what,
      type(given))
  end
  local strategyName, symbol = given.strategyName or ANY, given.symbol or ANY
  for field, value in pairs { strategyName = strategyName, symbol = symbol } do
    if type(value) ~= "string" or value == "" then
      checks.refuse("%s: %s must be a string that is not empty, or left out for any, not %s", what, field,
        value == "" and "an empty one" or "a " .. type(value))
    end
  end
  return strategyName, symbol
end

--- Makes a pause, in place of one of the same scope.
---@param what string   who asks, for errors
---@param given { strategyName?: string, symbol?: string, reason?: string, till?: number|string }
---@param by string
---@param now number    ms
---@return holdfast.host.Pause
---@raise invalid_argument; whatever the store raises
function M.write(what, given, by, now)
  local strategyName, symbol = scopeGiven(what, given)
  checks.fields(what, given, FIELDS)
  if given.reason ~= nil and type(given.reason) ~= "string" then
    checks.refuse("%s: reason must be a string, not a %s", what, type(given.reason))
  end
  local till = given.till ~= nil and calendar.toTime(what .. ": till", given.till) or nil
  if till and till <= now then
    checks.refuse("%s: till is %s, which is over: it would hold nothing up", what, calendar.date(till))
  end
  local pause = {
    version = 1, strategyName = strategyName, symbol = symbol, reason = given.reason, by = by, since = now, till = till,
  }
  adapter.writeHostData(pause, KIND, scopeOf(strategyName, symbol))
  M.forget()
  return pause
end

-- Whether a scope has the one in it that a pause is stored under: that is what it holds up, whatever it says itself.
local function covers(strategyName, symbol, name)
  local strategyPart, symbolPart = name:match "^([^/]*)/([^/]*)$"
  return (strategyName == ANY or strategyPart == part(strategyName)) and (symbol == ANY or symbolPart == part(symbol))
end

-- Whether a pause of a wider scope goes on over this one.
local function isOver(strategyName, symbol, pause)
  return (pause.strategyName == ANY or pause.strategyName == strategyName or strategyName == ANY)
    and (pause.symbol == ANY or pause.symbol == symbol or symbol == ANY)
end

-- Whether there is a pause of this scope, sound or not.
local function isThere(scope)
  local ok, pause = pcall(adapter.readHostData, KIND, scope)
  if not ok and not commits.isUnreadable(pause) then error(pause, 0) end
  return not ok or pause ~= nil or nil
end

--- Removes the pauses within a scope, also those that are none and hold all the same.
---@param what string  who asks, for errors
---@param given { strategyName?: string, symbol?: string }
---@param now number   ms
---@return integer removed
---@return holdfast.host.Pause[] left  those of wider scopes that still hold something in it up
---@raise invalid_argument; whatever the store raises
function M.remove(what, given, now)
  local strategyName, symbol = scopeGiven(what, given)
  checks.fields(what, given, { "strategyName", "symbol" })
  local gone, left, removed, steps = {}, {}, 0, {}
  local exact = scopeOf(strategyName, symbol)
  gone[exact] = isThere(exact) -- also one that cannot be read
  for _, row in ipairs((rows.list(KIND))) do
    local pause = row.value
    if covers(strategyName, symbol, row.name) then
      gone[row.name] = true
    elseif not wrong(pause) and holds(pause, now) and isOver(strategyName, symbol, pause) then
      left[#left + 1] = pause
    end
  end
  for scope in pairs(gone) do
    removed = removed + 1
    steps[removed] = { adapter = "PersistHostAdapter", run = function() adapter.writeHostData(nil, KIND, scope) end }
  end
  commits.run(steps)
  M.forget()
  return removed, left
end


--- A scope in words: "main on BTCUSDT", "every strategy on BTCUSDT", "everything".
---@param scope { strategyName?: string, symbol?: string }
---@return string
function M.describe(scope)
  local strategyName, symbol = scope.strategyName or ANY, scope.symbol or ANY
  if strategyName == ANY and symbol == ANY then return "everything" end
  if strategyName == ANY then return "every strategy on " .. symbol end
  return symbol == ANY and ("'%s' on every symbol"):format(strategyName) or ("'%s' on %s"):format(strategyName, symbol)
end

return M
