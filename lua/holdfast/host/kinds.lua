-- SPDX-License-Identifier: MIT
--
-- The four kinds of things that are added to the host, and what each must be: its fields, and what may be in them.

local calendar = require "holdfast.host.calendar"
local checks = require "holdfast.host.checks"

local MINUTE = 60000

local refuse = checks.refuse

-- Of a strategy.
local CALLBACKS = {
  "onTick", "onOpen", "onActive", "onIdle", "onClose", "onSchedule", "onCancel", "onPartialProfit", "onPartialLoss",
  "onWrite",
}

local function checkStrategy(what, s)
  checks.fields(what, s, { "strategyName", "note", "interval", "getSignal", "callbacks", "riskName", "riskList" })
  s.interval = s.interval or "1m"
  calendar.checkInterval(what, s.interval)
  checks.fn(what, "getSignal", s.getSignal)
  s.callbacks = s.callbacks or {}
  if type(s.callbacks) ~= "table" then refuse("%s: callbacks must be a table, not a %s", what, type(s.callbacks)) end
  checks.fields(what .. ": callbacks", s.callbacks, CALLBACKS)
  local callbacks = {}
  for name, fn in pairs(s.callbacks) do callbacks[name] = fn end
  s.callbacks = callbacks
  for name, fn in pairs(s.callbacks) do checks.fn(what, "callbacks." .. name, fn) end
  local risks = s.riskList or {}
  if type(risks) ~= "table" or #risks == 0 and next(risks) ~= nil then
    refuse("%s: riskList must be a list of names: { \"a\", \"b\" }", what)
  end
  s.risks = {}
  for _, name in ipairs(risks) do s.risks[#s.risks + 1] = name end
  if s.riskName ~= nil then table.insert(s.risks, 1, s.riskName) end
  for _, name in ipairs(s.risks) do checks.name(what, "riskName", name) end
  table.sort(s.risks) -- always taken in the same order
end

local function checkExchange(what, s)
  checks.fields(what, s, { "exchangeName", "note", "getCandles", "formatPrice", "formatQuantity" })
  checks.fn(what, "getCandles", s.getCandles)
  checks.fn(what, "formatPrice", s.formatPrice, true)
  checks.fn(what, "formatQuantity", s.formatQuantity, true)
end

local function checkRisk(what, s)
  if checks.isReserved(s.riskName) then
    refuse("%s: names that begin with backtest/ are those of backtests: choose another one", what)
  end
  checks.fields(what, s, { "riskName", "note", "validations", "callbacks" })
  if type(s.validations) ~= "table" or #s.validations == 0 then
    refuse("%s: validations must be a list of functions, or of {validate=, note=}", what)
  end
  for i, v in ipairs(s.validations) do
    checks.fn(what, ("validations[%d]"):format(i), type(v) == "table" and v.validate or v)
  end
  s.callbacks = s.callbacks or {}
  if type(s.callbacks) ~= "table" then refuse("%s: callbacks must be a table, not a %s", what, type(s.callbacks)) end
  checks.fields(what .. ": callbacks", s.callbacks, { "onRejected", "onAllowed" })
  for name, fn in pairs(s.callbacks) do checks.fn(what, "callbacks." .. name, fn) end
end

local function checkFrame(what, s)
  checks.fields(what, s, { "frameName", "note", "interval", "startDate", "endDate" })
  s.interval = s.interval or "1m"
  calendar.checkInterval(what, s.interval)
  s.startDate = calendar.toTime(what .. ": startDate", s.startDate)
  s.endDate = calendar.toTime(what .. ": endDate", s.endDate)
  if s.startDate % MINUTE ~= 0 then refuse("%s: startDate must be at the beginning of a minute", what) end
  if s.endDate < s.startDate then refuse("%s: endDate must not be before startDate", what) end
end

---@class holdfast.host.Kind
---@field nameField string  that has its name
---@field add string        the function of the host that adds one
---@field check fun(what: string, given: table)  raises where it is wrong, and fills in what was left out

---@type table<"strategy"|"exchange"|"risk"|"frame", holdfast.host.Kind>
local M = {
  strategy = { nameField = "strategyName", add = "addStrategy", check = checkStrategy },
  exchange = { nameField = "exchangeName", add = "addExchange", check = checkExchange },
  risk = { nameField = "riskName", add = "addRisk", check = checkRisk },
  frame = { nameField = "frameName", add = "addFrame", check = checkFrame },
}

return M
