-- SPDX-License-Identifier: MIT
--
-- What was added to the host: strategies, exchanges, risk profiles and frames, checked when they are added, found by
-- their names.

local core = require "holdfast.core"

local M = {}

local MINUTE = 60000

-- Lengths in milliseconds.
M.intervals = {
  ["1m"] = MINUTE, ["3m"] = 3 * MINUTE, ["5m"] = 5 * MINUTE, ["15m"] = 15 * MINUTE, ["30m"] = 30 * MINUTE,
  ["1h"] = 60 * MINUTE, ["2h"] = 120 * MINUTE, ["4h"] = 240 * MINUTE, ["6h"] = 360 * MINUTE, ["8h"] = 480 * MINUTE,
  ["12h"] = 720 * MINUTE, ["1d"] = 1440 * MINUTE,
}

M.callbacks = {
  "onTick", "onOpen", "onActive", "onIdle", "onClose", "onSchedule", "onCancel", "onPartialProfit", "onPartialLoss",
  "onWrite",
}

--- Whether a name is one under which backtests store: see Backtest.
---@param name any
function M.isReserved(name) return type(name) == "string" and name:find("^backtest/") ~= nil end

local function refuse(...) error(core.error("invalid_argument", string.format(...)), 0) end
M.refuse = refuse

local function isOneOf(list, name)
  for _, other in ipairs(list) do
    if other == name then return true end
  end
  return false
end

local function checkName(what, field, name)
  if type(name) ~= "string" or name == "" or #name > 100 then
    refuse("%s: %s must be a string of 1 to 100 bytes, not %s", what, field,
      name == "" and "an empty one" or type(name) == "string" and "one of " .. #name or "a " .. type(name))
  end
end

local function checkFunction(what, field, fn, optional)
  if fn == nil and optional then return end
  if type(fn) ~= "function" then refuse("%s: %s must be a function, not a %s", what, field, type(fn)) end
end

local function checkInterval(what, interval)
  if not M.intervals[interval] then
    local names = {}
    for name in pairs(M.intervals) do names[#names + 1] = name end
    table.sort(names, function(a, b) return M.intervals[a] < M.intervals[b] end)
    refuse("%s: interval %s: %s exist", what,
      type(interval) == "string" and "'" .. interval .. "'" or "of type " .. type(interval), table.concat(names, ", "))
  end
end

local function checkFields(what, schema, fields)
  for field in pairs(schema) do
    if not isOneOf(fields, field) then
      refuse("%s: there is no field '%s': %s exist", what, tostring(field), table.concat(fields, ", "))
    end
  end
end

--- Milliseconds since the epoch, of such a number or of "2024-02-07T22:03:00Z" (or only its date), always UTC.
---@param what string  for the error
---@param date number|string
---@return number
function M.toTime(what, date)
  if type(date) == "number" then
    if date % 1 ~= 0 or date < 0 or date > 8.64e15 then refuse("%s: %s is no time", what, tostring(date)) end
    if date < 1e11 and date > 1e8 then
      refuse("%s: %d looks like seconds: times are milliseconds since the epoch", what, date)
    end
    return date
  end
  local year, month, day, rest = tostring(date):match("^(%d%d%d%d)-(%d%d)-(%d%d)(.*)$")
  if type(date) ~= "string" or not year then
    refuse("%s must be a time in milliseconds since the epoch, or \"2024-02-07T22:03:00Z\", not %s", what,
      tostring(date))
  end
  local hour, minute, second = rest:match("^T(%d%d):(%d%d):(%d%d)%.?%d*Z$")
  if rest ~= "" and not hour then refuse("%s: write the time of day as T22:03:00Z, not '%s'", what, rest) end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  local lengths = { 31, leap and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  if year < 1970 or not lengths[month] or day < 1 or day > lengths[month] then
    refuse("%s: %s is no date", what, date)
  end
  if hour and (tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 59) then
    refuse("%s: %s is no time of a day", what, date)
  end
  -- Days since the epoch, by counting years from March on.
  local y = month <= 2 and year - 1 or year
  local m = (month + 9) % 12
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((m * 306 + 5) / 10) + day - 1 - 719468
  return ((days * 24 + (tonumber(hour) or 0)) * 60 + (tonumber(minute) or 0)) * MINUTE + (tonumber(second) or 0) * 1000
end

local function checkStrategy(what, s)
  checkFields(what, s, { "strategyName", "note", "interval", "getSignal", "callbacks", "riskName", "riskList" })
  s.interval = s.interval or "1m"
  checkInterval(what, s.interval)
  checkFunction(what, "getSignal", s.getSignal)
  s.callbacks = s.callbacks or {}
  if type(s.callbacks) ~= "table" then refuse("%s: callbacks must be a table, not a %s", what, type(s.callbacks)) end
  checkFields(what .. ": callbacks", s.callbacks, M.callbacks)
  local callbacks = {}
  for name, fn in pairs(s.callbacks) do callbacks[name] = fn end
  s.callbacks = callbacks
  for name, fn in pairs(s.callbacks) do checkFunction(what, "callbacks." .. name, fn) end
  local risks = s.riskList or {}
  if type(risks) ~= "table" or #risks == 0 and next(risks) ~= nil then
    refuse("%s: riskList must be a list of names: { \"a\", \"b\" }", what)
  end
  s.risks = {}
  for _, name in ipairs(risks) do s.risks[#s.risks + 1] = name end
  if s.riskName ~= nil then table.insert(s.risks, 1, s.riskName) end
  for _, name in ipairs(s.risks) do checkName(what, "riskName", name) end
  table.sort(s.risks) -- always taken in the same order
end

local function checkExchange(what, s)
  checkFields(what, s, { "exchangeName", "note", "getCandles", "formatPrice", "formatQuantity" })
  checkFunction(what, "getCandles", s.getCandles)
  checkFunction(what, "formatPrice", s.formatPrice, true)
  checkFunction(what, "formatQuantity", s.formatQuantity, true)
end

local function checkRisk(what, s)
  if M.isReserved(s.riskName) then
    refuse("%s: names that begin with backtest/ are those of backtests: choose another one", what)
  end
  checkFields(what, s, { "riskName", "note", "validations", "callbacks" })
  if type(s.validations) ~= "table" or #s.validations == 0 then
    refuse("%s: validations must be a list of functions, or of {validate=, note=}", what)
  end
  for i, v in ipairs(s.validations) do
    checkFunction(what, ("validations[%d]"):format(i), type(v) == "table" and v.validate or v)
  end
  s.callbacks = s.callbacks or {}
  if type(s.callbacks) ~= "table" then refuse("%s: callbacks must be a table, not a %s", what, type(s.callbacks)) end
  checkFields(what .. ": callbacks", s.callbacks, { "onRejected", "onAllowed" })
  for name, fn in pairs(s.callbacks) do checkFunction(what, "callbacks." .. name, fn) end
end

local function checkFrame(what, s)
  checkFields(what, s, { "frameName", "note", "interval", "startDate", "endDate" })
  s.interval = s.interval or "1m"
  checkInterval(what, s.interval)
  s.startDate, s.endDate = M.toTime(what .. ": startDate", s.startDate), M.toTime(what .. ": endDate", s.endDate)
  if s.startDate % MINUTE ~= 0 then refuse("%s: startDate must be at the beginning of a minute", what) end
  if s.endDate < s.startDate then refuse("%s: endDate must not be before startDate", what) end
end

local kinds = {
  strategy = { nameField = "strategyName", check = checkStrategy, all = {}, add = "addStrategy" },
  exchange = { nameField = "exchangeName", check = checkExchange, all = {}, add = "addExchange" },
  risk = { nameField = "riskName", check = checkRisk, all = {}, add = "addRisk" },
  frame = { nameField = "frameName", check = checkFrame, all = {}, add = "addFrame" },
}

--- Adds what `given` describes.  The table is copied: changing it later changes nothing.
---@param kind "strategy"|"exchange"|"risk"|"frame"
---@param given table
---@raise invalid_argument  a field is missing or wrong, or the name is taken
function M.add(kind, given)
  local k = kinds[kind]
  if type(given) ~= "table" then refuse("%s: give a table {%s=, ...}, not a %s", k.add, k.nameField, type(given)) end
  local name = given[k.nameField]
  checkName(k.add, k.nameField, name)
  local what = k.add .. " '" .. name .. "'"
  if k.all[name] then refuse("%s: there is one of that name already: choose another %s", what, k.nameField) end
  local schema = {}
  for field, value in pairs(given) do schema[field] = value end
  k.check(what, schema)
  k.all[name] = schema
end

--- The one of that name.
---@param kind string
---@param name string
---@param what string  who asks, for the error
---@return table
---@raise invalid_argument  there is none
function M.find(kind, name, what)
  local k = kinds[kind]
  if name == nil then refuse("%s: %s is missing", what, k.nameField) end
  local schema = k.all[name]
  if schema then return schema end
  local names = {}
  for other in pairs(k.all) do names[#names + 1] = other end
  table.sort(names)
  return refuse("%s: %s: there is no %s '%s'; %s", what, k.nameField, kind, tostring(name),
    #names > 0 and "added were: " .. table.concat(names, ", ") or "add it with host." .. k.add)
end

--- Forgets all that was added.
function M.clear()
  for _, k in pairs(kinds) do k.all = {} end
end

return M
