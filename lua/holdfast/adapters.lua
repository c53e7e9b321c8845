-- SPDX-License-Identifier: MIT
--
-- Adapters: where a trading host keeps its state.  Each is a table with functions; which there
-- are, and under which ids they store, stands in src/adapters/builtin.c.  A whole host:
--
--     local holdfast = require "holdfast"
--     local signals, scheduled = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
--
--     -- Registration comes first.  Without it all are in ./dump/data (LMDB).
--     holdfast.PersistRiskAdapter.usePersistRiskAdapter(RedisPersist)     -- a class of one's own, or that of a store
--     holdfast.PersistPartialAdapter.useMemory()                          -- mixing is normal
--     local release = holdfast.adapters.hold("Live.run BTCUSDT main")     -- from here on registration is refused
--
--     scheduled.writeScheduleData({ priceOpen = 50000, minuteEstimatedTime = math.huge }, "main", "BTCUSDT")
--
--     -- The order was filled: the signal moves, or, if anything fails, stays where it is.
--     holdfast.transaction(function()
--       local row = scheduled.readScheduleData("main", "BTCUSDT")
--       signals.writeSignalData(row, "main", "BTCUSDT")
--       scheduled.writeScheduleData(nil, "main", "BTCUSDT")               -- nil clears
--     end)
--
--     local open = signals.readSignalData("main", "BTCUSDT")              -- nil if there is none
--     release()
--
--     -- One more kind of state.  From C: hf_adapter_read(set, "PersistOrderAdapter", ...).
--     local orders = holdfast.defineAdapter {
--       name = "PersistOrderAdapter", entityName = "order", id = "{exchange}/{orderId}",
--     }
--     orders.writeOrderData({ price = 1 }, "binance", 17)

local core = require "holdfast.core"
local classes = require "holdfast.class"
local PersistBase = require "holdfast.PersistBase"

--- One adapter.  Its functions are called with a dot or a colon.  Each has three under names of its own:
---     readSignalData(strategy, symbol)        the entity, or nil for none and for a stored null
---     writeSignalData(row, strategy, symbol)  nil and holdfast.null remove it
---     usePersistSignalAdapter(Class, baseDir) registers; also (url, options)
---@class holdfast.Adapter
---@field useLmdb fun(base?: string, options?: holdfast.Options)
---@field useFile fun(base?: string, options?: holdfast.Options)
---@field useMemory fun(base?: string, options?: holdfast.Options)
---@field useDummy fun() registers a store that keeps nothing
---@field close fun() ends the use: closes the store, and another one may be registered
---@field collection fun(): PersistBase what it stores, for loops and questions: the instance of the class that was
--- registered, or a handle of its own
---@field name string        "PersistSignalAdapter"
---@field entityName string  "signal"
---@field id string          "{strategy}/{symbol}"

---@class holdfast.SignalAdapter: holdfast.Adapter
---@field usePersistSignalAdapter fun(class: table|string, baseDir?: string|table)
---@field readSignalData fun(strategy: string|number, symbol: string|number): any
---@field writeSignalData fun(row: any, strategy: string|number, symbol: string|number)

---@class holdfast.ScheduleAdapter: holdfast.Adapter
---@field usePersistScheduleAdapter fun(class: table|string, baseDir?: string|table)
---@field readScheduleData fun(strategy: string|number, symbol: string|number): any
---@field writeScheduleData fun(row: any, strategy: string|number, symbol: string|number)

---@class holdfast.RiskAdapter: holdfast.Adapter
---@field usePersistRiskAdapter fun(class: table|string, baseDir?: string|table)
---@field readPositionData fun(riskName: string|number): any
---@field writePositionData fun(rows: any, riskName: string|number)

---@class holdfast.PartialAdapter: holdfast.Adapter
---@field usePersistPartialAdapter fun(class: table|string, baseDir?: string|table)
---@field readPartialData fun(symbol: string|number): any
---@field writePartialData fun(levels: any, symbol: string|number)

---@class holdfast.TradeAdapter: holdfast.Adapter
---@field usePersistTradeAdapter fun(class: table|string, baseDir?: string|table)
---@field readTradeData fun(strategy: string|number, symbol: string|number, signalId: string|number): any
---@field writeTradeData fun(trade: any, strategy: string|number, symbol: string|number, signalId: string|number)

---@class holdfast.HostAdapter: holdfast.Adapter
---@field usePersistHostAdapter fun(class: table|string, baseDir?: string|table)
---@field readHostData fun(kind: string|number, name: string|number): any
---@field writeHostData fun(data: any, kind: string|number, name: string|number)

---@class holdfast.adapters
---@field PersistSignalAdapter holdfast.SignalAdapter
---@field PersistScheduleAdapter holdfast.ScheduleAdapter
---@field PersistRiskAdapter holdfast.RiskAdapter
---@field PersistPartialAdapter holdfast.PartialAdapter
---@field PersistTradeAdapter holdfast.TradeAdapter  in the store of PersistSignalAdapter, unless registered itself
---@field PersistHostAdapter holdfast.HostAdapter    likewise
local M = {}

local function misuse(adapter, ...)
  error(core.error("invalid_argument", string.format(...), { entityName = adapter and adapter.entityName }), 0)
end

-- The arguments after the adapter itself, which is there when a colon was used.
local function arguments(adapter, first, ...)
  if rawequal(first, adapter) then return ... end
  return first, ...
end

local function checkBase(adapter, what, base)
  if base ~= nil and (type(base) ~= "string" or base == "") then
    misuse(adapter, "%s.%s: the base must be a string such as %q, not %s", adapter.name, what, adapter.base,
      base == "" and "an empty one" or "a " .. type(base))
  end
  return base or adapter.base
end

local function checkClass(adapter, what, class)
  if classes.isClass(class) then return end
  local given = type(class) == "table" and (rawget(class, 0) and "an instance" or "another table")
    or class == nil and "nil" or "a " .. type(class)
  misuse(adapter, "%s.%s: give a class made with holdfast.PersistBase:extend(\"Name\"), a concrete store such as "
    .. "holdfast.MemoryPersist, or a store URL such as \"redis://127.0.0.1\"; this is %s", adapter.name, what, given)
end

-- use...(Class [, baseDir]) or use...(url [, options])
local function register(adapter, what, class, base)
  if type(class) == "string" then
    if base ~= nil and type(base) ~= "table" then
      misuse(adapter, "%s.%s: a store URL has no base beside it: %q must be part of it", adapter.name, what,
        tostring(base))
    end
    core.adapters.useStore(adapter.name, class, base)
    return
  end
  checkClass(adapter, what, class)
  base = checkBase(adapter, what, base)
  if not classes.isNative(class) then classes.checkComplete(class) end
  core.adapters.useClass(adapter.name, class, base, class.className .. " on " .. base, classes.storeUrl(class, base))
end

-- use...([base [, options]])
local function registerStore(adapter, what, scheme, base, options)
  base = checkBase(adapter, what, base)
  if base:sub(1, #scheme + 1) ~= scheme .. ":" then
    base = scheme .. ":" .. base:gsub("%%", "%%25"):gsub("?", "%%3F")
  end
  core.adapters.useStore(adapter.name, base, options)
end

local function make(row)
  local adapter = { name = row.name, entityName = row.entityName, id = row.id, base = row.base }
  adapter[row.read], adapter[row.write] = core.adapters.functions(row.name, adapter)
  local registers = "use" .. row.name
  adapter[registers] = function(...) register(adapter, registers, arguments(adapter, ...)) end
  for name, scheme in pairs { useLmdb = "lmdb", useFile = "file", useMemory = "memory" } do
    adapter[name] = function(...) registerStore(adapter, name, scheme, arguments(adapter, ...)) end
  end
  function adapter.useDummy() core.adapters.useStore(adapter.name, "null:") end
  function adapter.close() core.adapters.close(adapter.name) end
  function adapter.collection()
    local found = core.adapters.collection(adapter.name)
    if type(found) == "table" then return found end
    return classes.instanceOf(PersistBase, found, adapter.entityName, adapter.base)
  end
  return setmetatable(adapter, { __tostring = function() return row.name end })
end

-- A table with the functions of an adapter, once made.
local made = {}

local function find(name)
  for _, row in ipairs(core.adapters.list()) do
    if row.name == name then
      made[name] = made[name] or make(row)
      return made[name]
    end
  end
end

local RESERVED = {
  name = true, entityName = true, id = true, base = true, close = true, useLmdb = true, useFile = true,
  useMemory = true, useDummy = true, collection = true,
}
local FIELDS = {
  name = true, entityName = true, id = true, read = true, write = true, infinite = true, base = true, follows = true,
}

---@class holdfast.AdapterSpec
---@field name string        "PersistOrderAdapter"
---@field entityName string  "order"; no two adapters share one
---@field id string          "{exchange}/{orderId}": its parts in braces, with a / between any two
---@field read? string       the name of the function that reads; "readOrderData" if left out
---@field write? string      the name of the one that writes; "writeOrderData" if left out
---@field infinite? string[] fields whose null is read as math.huge
---@field base? string       where it is when nothing was registered; "./dump/data" if left out
---@field follows? string    another adapter, in whose store it is when nothing was registered: "PersistSignalAdapter"

--- Defines an adapter for one more kind of state.  Defining the same once more gives the same.
---@param spec holdfast.AdapterSpec
---@return holdfast.Adapter
---@raise invalid_argument
function M.defineAdapter(spec)
  if type(spec) ~= "table" then
    misuse(nil, "defineAdapter: give a table {name=, entityName=, id=}, not a %s", type(spec))
  end
  for field in pairs(spec) do
    if not FIELDS[field] then
      misuse(nil, "defineAdapter: there is no field '%s': name, entityName, id, read, write, infinite, base and "
        .. "follows exist", tostring(field))
    end
  end
  for _, field in ipairs { "read", "write" } do
    if spec[field] and RESERVED[spec[field]] or spec[field] == "use" .. tostring(spec.name) then
      misuse(nil, "defineAdapter: %s must be a name that adapters do not have already, not %s", field, spec[field])
    end
  end
  core.adapters.define(spec)
  return find(spec.name)
end

--- Says that a host runs: until the function that this returns is called, registration is refused.
---@param what string  what runs, for the refusal: "Live.run BTCUSDT main-strategy"
---@return fun() release
---@raise invalid_argument
function M.hold(what) return core.adapters.hold(what) end

--- Registers one store for all adapters that there are; those that follow another one go with it, unless they were
--- registered themselves before.
---@param store table|string  a class or a store URL, as for usePersistSignalAdapter
---@param base? string|table  the class's base directory, or the URL's options
---@raise invalid_argument; busy, where one of them is in use: those before it have changed
function M.useAll(store, base)
  for _, row in ipairs(core.adapters.list()) do
    if not row.follows or row.registered then register(find(row.name), "useAll", store, base) end
  end
end

---@class holdfast.AdapterInfo: holdfast.AdapterSpec
---@field store string   the store's URL without passwords, or the class and its base
---@field since? string  its first use: "readSignalData at bot.lua:12"

--- What each adapter uses.
---@return holdfast.AdapterInfo[]
function M.list() return core.adapters.list() end

for _, row in ipairs(core.adapters.list()) do M[row.name] = find(row.name) end

return M
