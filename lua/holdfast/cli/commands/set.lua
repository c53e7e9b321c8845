-- SPDX-License-Identifier: MIT
--
-- set: the settings that a store keeps, which hold for every process that opens it.

local core = require "holdfast.core"
local locks = require "holdfast.cli.store.locks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

-- What the help says of each setting: one list, in C.
local function explained()
  local lines = {}
  for _, setting in ipairs(core.settingTable()) do
    lines[#lines + 1] = string.format("   %-11s%s.\n%14s%s", setting.name, setting.values, "", setting.meaning)
  end
  return table.concat(lines, "\n")
end

local function wrong(message)
  local err = core.error("invalid_argument", message)
  err.where = nil
  err.hint = "'holdfast set --help' lists the settings"
  error(err, 0)
end

-- The table for store:settings(), from NAME=VALUE and --standard NAME; nil: nothing is to be set.
local function wanted(args)
  local values
  local function add(name, value)
    values = values or {}
    if values[name] ~= nil then wrong(string.format("the setting %s is given twice", name)) end
    values[name] = value
  end
  for _, pair in ipairs(args.settings) do
    local name, value = pair:match("^([%w_.-]+)=(.*)$")
    if not name then wrong(string.format("'%s' is no setting: write NAME=VALUE, as in maxsize=4g", pair)) end
    add(name, value)
  end
  for _, name in ipairs(args.standard) do add(name, core.json.null) end
  return values
end

-- "4294967296 (4.0 GiB)" for a person.
local function shown(name, value)
  if name == "maxsize" and value ~= 0 then return string.format("%s (%s)", text.count(value), text.bytes(value)) end
  return type(value) == "number" and text.count(value) or type(value) == "string" and value or core.json.encode(value)
end

local function asObject(settings)
  local members = {}
  for _, name in ipairs(text.names(settings)) do
    members[#members + 1] = name
    members[#members + 1] = settings[name]
  end
  return text.object(unpack(members, 1, #members))
end

local function show(settings)
  local names, standard, width = text.names(settings), {}, 0
  for _, name in ipairs(names) do width = math.max(width, #name) end
  for _, setting in ipairs(core.settingTable()) do standard[setting.name] = core.json.decode(setting.standard) end
  for _, name in ipairs(names) do
    local value = settings[name]
    local parts = { shown(name, value), value == standard[name] and "(standard)" or nil }
    if parts[1] == "" then table.remove(parts, 1) end
    output.line(name .. (" "):rep(width - #name + 2) .. table.concat(parts, "  "))
  end
end

local UNITS = { k = 2 ^ 10, m = 2 ^ 20, g = 2 ^ 30, t = 2 ^ 40 }

-- How much a value gives to a host, by its text; nil: it is none.
local WORTH = {
  durability = function(value) return ({ nosync = 1, nometasync = 2, sync = 3 })[value] end,
  maxsize = function(value)
    local number, unit = value:lower():match("^(%d+)(%a?)$")
    local bytes = number and tonumber(number) * (UNITS[unit] or 1)
    return bytes == 0 and math.huge or bytes
  end,
}

local function asText(value) return type(value) == "number" and text.whole(value) or value end

-- The settings by which a host that runs on the store loses something: its writes survive less, or are refused sooner.
-- More of both, a note and the format, which all hosts obey that can be seen, are free: a host in need gets its room.
local function takenAway(before, values)
  local names, standard = {}, {}
  for _, setting in ipairs(core.settingTable()) do standard[setting.name] = core.json.decode(setting.standard) end
  for name, worth in pairs(WORTH) do
    local value = values[name]
    if value == core.json.null then value = standard[name] end
    local was, is = before[name] and worth(asText(before[name])), value and worth(asText(value))
    if was and is and is < was then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function change(store, args, before, values)
  local guard = locks.guard(store, args)
  local names = takenAway(before, values)
  if #names > 0 then guard:claimStore(table.concat(names, " and ")) end
  local settings = store.store:settings(values)
  guard:release()
  return settings
end

local function set(args)
  local values = wanted(args)
  local store = target.open(args)
  local before = store.store:settings()
  local settings = values and change(store, args, before, values) or before
  if args.json then
    output.line(asObject(settings))
    return 0
  end
  show(settings)
  if settings.format ~= before.format then
    output.line(string.format("The store has format %d now: Holdfast 0.1 cannot open it any more.", settings.format))
  end
  return 0
end

return {
  summary = "Show or change the settings that a store keeps.",
  description = "Settings lie in the store and hold for every process that opens it and says nothing else in its\n"
    .. "URL or options; processes that have it open obey from their next transaction on.  Without NAME=VALUE\n"
    .. "they are shown.  Several are set together, or none.\n\n"
    .. "While a strategy host runs on the store, a weaker durability and a smaller maxsize are refused;\n"
    .. "--force sets them all the same.\n\n" .. explained(),
  examples = { "holdfast set ./data", "holdfast set ./data maxsize=4g note='the live bot: hands off'",
    "holdfast set ./data --standard maxsize" },
  arguments = function(command)
    options.url(command)
    command:argument("NAME=VALUE"):argname("NAME=VALUE"):target("settings"):args("*")
      :description("A setting and its value, as in a URL.")
    command:option("--standard"):argname("NAME"):count("*"):description("Back to its standard value.")
    options.force(command, "Also what takes something away from a strategy host that runs on the store.")
  end,
  run = set,
}
