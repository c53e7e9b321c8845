-- SPDX-License-Identifier: MIT
--
-- Who may run a strategy on a symbol, and who may change an entity where the store has no transactions: one process of
-- this machine and user at a time.
--
-- Lock files lie beside the store, so that whoever uses the store finds them: DIRECTORY/.lease/...  For a server they
-- are in the user's folder, under a hash of what names the store.  A store in memory is nobody else's: there the
-- table `held` is enough.  Names are encoded so that each is one part of a path, and different names are different
-- parts; that of a folder never ends in ".lock".
--
-- A program that changes the store of a host from outside, as the command does, announces itself in the folder .command
-- beside those locks, which is not part of a name.  Both sides first take what is theirs and then look for the other's:
-- of a host that starts and a change that begins, at least one sees the other, whatever the order is.

local adapters = require "holdfast.adapters"
local core = require "holdfast.core"
local follows = require "holdfast.follows"
local hash = require "holdfast.util.hash"
local misuse = require("holdfast.host.checks").refuse

local M = {}

local SIGNAL = "PersistSignalAdapter"
local PART_MAX = 200 -- bytes: with ".lock" after it that is a file name everywhere
local WAIT_MS = 5000
-- A process that was killed while it started another one lets go when that one has begun its program.
local LINGER_MS = 500

-- What this Lua state holds, by the path of the lock file or, without one, by what else tells it from others.
local held = setmetatable({}, { __mode = "v" })

--- Until it is released, or collected, no other holder gets the same.
---@class holdfast.host.Lock
---@field key string    the lock file, or, for a store in memory, what else tells it from others
---@field who string
---@field since string  ISO 8601
---@field lease? holdfast.Lease  on the lock file
local Lock = {}
Lock.__index = Lock

--- Lets others have it.  Releasing twice is harmless.
function Lock:release()
  if held[self.key] == self then held[self.key] = nil end
  if self.lease then self.lease:release() end
  self.lease = nil
end

--- Looks whether it still is what others ask for.
---@raise busy  the lock file was deleted, and another process has it now
function Lock:check()
  if self.lease then self.lease:check() end
end

local function checkText(what, text)
  if type(text) ~= "string" or text == "" then
    misuse("%s must be a string that is not empty, not %s", what, text == "" and "an empty one" or "a " .. type(text))
  end
  return text
end

-- What people know this process by.
local function scriptName()
  local arguments = rawget(_G, "arg")
  local name = type(arguments) == "table" and arguments[0]
  return type(name) == "string" and name ~= "" and name or "a program with scripts"
end

-- A text as one part of a path.
local function part(text)
  local encoded = text:gsub("[^%w_-]", function(c) return ("%%%02X"):format(c:byte()) end)
  if #encoded <= PART_MAX then return encoded end
  return encoded:sub(1, PART_MAX - 20) .. "~" .. hash.of(text)
end

--- The folder of a store's lock files; without one, nil and what names the store.
---@param directory? string  where the store is, as core.adapters.place() says
---@param identity string    the same of what names it
---@return string? folder
---@return string? identity
function M.folder(directory, identity)
  if directory then return directory .. "/.lease" end
  if identity:find("^memory:") or identity:find("^null:") then return nil, identity end
  return core.leaseFolder() .. "/" .. part(identity):sub(1, 40) .. "~" .. hash.of(identity)
end

local function folderOf(adapterName) return M.folder(core.adapters.place(adapterName)) end

-- Where those who change a store from outside announce themselves.
local function changesIn(folder) return folder .. "/.command" end

local function pathIn(folder, parts)
  local encoded = {}
  for i, text in ipairs(parts) do encoded[i] = part(text) end
  return folder .. "/" .. table.concat(encoded, "/") .. ".lock"
end

--- The lock file of whoever runs a strategy on a symbol.
---@param folder string  of the store's lock files
---@param strategyName string
---@param symbol string
---@return string path
function M.fileOf(folder, strategyName, symbol) return pathIn(folder, { "signal", strategyName, symbol }) end

--- Who runs a strategy on a symbol, as far as lock files tell: on this machine, for this user.
---@param strategyName string
---@param symbol string
---@return string? holder  nil: nobody, or nobody that can be seen
---@return boolean isShared  whether hosts elsewhere would be seen, too
---@raise io
function M.holderOf(strategyName, symbol)
  local directory, identity = core.adapters.place(SIGNAL)
  local folder = M.folder(directory, identity)
  if not folder then return nil, false end
  return core.leaseHolder(M.fileOf(folder, strategyName, symbol)), directory ~= nil
end

-- The text that a part of a path stands for; nil where it was too long to be one.
local function textOf(encoded)
  if encoded:find("~", 1, true) then return nil end
  return (encoded:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- The runs of strategies whose locks are held; without names where those are too long to be told from the lock.
---@param folder string  of the store's lock files
---@return {path: string, holder: string, strategyName?: string, symbol?: string}[] runs
---@return holdfast.Error? problem  the first thing that could not be looked at
function M.runsIn(folder)
  local above = folder .. "/signal"
  local found, problem = core.leasesIn(above)
  local runs = {}
  for _, each in ipairs(found) do
    -- One part after that is an entity that is being changed (exclusive); two are a run.
    local strategy, symbol = each.path:sub(#above + 1):match("^/([^/]+)/([^/]+)%.lock$")
    if strategy then
      runs[#runs + 1] = {
        path = each.path, holder = each.holder, strategyName = textOf(strategy), symbol = textOf(symbol),
      }
    end
  end
  return runs, problem
end

--- Who changes the store from outside just now.
---@param folder string  of the store's lock files
---@return {path: string, holder: string}[]
function M.changesOf(folder) return (core.leasesIn(changesIn(folder))) end

-- Takes what the parts name for the adapter's store.
--   refuse  raises; gets who has it
local function acquire(adapterName, parts, who, timeoutMs, refuse)
  local folder, identity = folderOf(adapterName)
  local key = pathIn(folder or identity, parts)
  local mine, lease = held[key], nil
  if folder then
    -- What this state holds it cannot release while it waits.
    local ok, result = pcall(core.lease, key, who, mine and 0 or timeoutMs)
    if not ok and core.isError(result, "busy") then refuse(result.cause or "another process", result) end
    if not ok then error(result, 0) end
    lease = result
  elseif mine then
    refuse(("this process (%s, since %s)"):format(mine.who, mine.since))
  end
  local lock = setmetatable({ key = key, lease = lease, who = who, since = os.date("!%Y-%m-%dT%H:%M:%SZ") }, Lock)
  held[key] = lock
  return lock
end

--- Announces that this process changes the store from outside, so that no host starts on it meanwhile.  Those that run
--- already are to be looked for afterwards (core.leasesIn).
---@param folder string  of the store's lock files
---@param who string     for the message that a host gets
---@return holdfast.Lease
---@raise what core.lease() raises, but busy: others may change the store at the same time
function M.change(folder, who)
  local number = 0
  while true do
    number = number + 1
    local ok, lease = pcall(core.lease, changesIn(folder) .. "/" .. number .. ".lock", who, 0)
    if ok then return lease end
    if not core.isError(lease, "busy") then error(lease, 0) end
  end
end

-- Waits a little for those who change the store.  Who still does then, and the error that says so.
local function changedBy(folder)
  for _, change in ipairs(core.leasesIn(changesIn(folder))) do
    local ok, lease = pcall(core.lease, change.path, scriptName(), LINGER_MS)
    if ok then
      lease:release()
    elseif core.isError(lease, "busy") then
      return lease.cause or change.holder, lease
    end
  end
end

-- Lets go again of what runs the strategy while a command changes its store: it would read half of the change.
local function refuseChanged(lock, strategyName, symbol)
  local folder = folderOf(SIGNAL)
  if not folder then return end
  local holder, cause = changedBy(folder)
  if not holder then return end
  lock:release()
  error(core.error("busy", ("strategy '%s' on %s cannot start while its store is changed by %s: start it after that")
    :format(strategyName, symbol, holder), { entityName = "signal", cause = cause.message }), 0)
end

--- Lets go again of what would run the strategy on a store that follows another one: it would be run twice.  Opens the
--- store, unlike taking the lock.
---@param lock holdfast.host.Lock
---@param strategyName string
---@param symbol string
---@raise readonly
function M.refuseFollower(lock, strategyName, symbol)
  local ok, raised = pcall(follows.refuse, adapters[SIGNAL].collection(),
    ("strategy '%s' on %s cannot run"):format(strategyName, symbol))
  if ok then return end
  lock:release()
  error(raised, 0)
end

--- Makes this process the one that runs the strategy on the symbol.  Keep the lock: when it is collected, it is
--- released.
---@param strategyName string
---@param symbol string
---@param who? string  what runs it, for the message that others get; the script's name if left out
---@return holdfast.host.Lock
---@raise busy where another process of this user on this machine runs it, or another part of this one, or where the
---   command is changing the store; names it
function M.take(strategyName, symbol, who)
  checkText("take: the name of the strategy", strategyName)
  checkText("take: the symbol", symbol)
  who = who == nil and scriptName() or checkText("take: who", who)
  local lock = acquire(SIGNAL, { "signal", strategyName, symbol }, who, LINGER_MS, function(holder, cause)
    error(core.error("busy", ("strategy '%s' on %s is run by %s: only one process may run it; end that one first")
      :format(strategyName, symbol, holder), { entityName = "signal", cause = cause and cause.message }), 0)
  end)
  refuseChanged(lock, strategyName, symbol)
  return lock
end

local function entityNameOf(adapterName)
  local names = {}
  for _, row in ipairs(core.adapters.list()) do
    if row.name == adapterName then return row.entityName end
    names[#names + 1] = row.name
  end
  misuse("exclusive: there is no adapter %s; there are %s", tostring(adapterName), table.concat(names, ", "))
end

local function finish(lock, ok, ...)
  lock:release()
  if not ok then error((...), 0) end
  return ...
end

--- Runs the function while no other process of this user on this machine runs one for the same adapter and id: for
--- reading, changing and writing an entity where the store has no transactions.  Waits for up to 5 seconds; not at all
--- where this Lua state itself is at it, since that cannot end meanwhile.
---@generic T
---@param adapterName string  "PersistRiskAdapter"
---@param id string  of the entity, or whatever else is to be changed by one at a time
---@param fn fun(...): T
---@param ... any  arguments for fn
---@return T ... what fn returns
---@raise busy, and whatever fn raises
function M.exclusive(adapterName, id, fn, ...)
  local entityName = entityNameOf(adapterName)
  checkText("exclusive: the id", id)
  if type(fn) ~= "function" then misuse("exclusive: give a function to run, not a %s", type(fn)) end
  local lock = acquire(adapterName, { entityName, id }, scriptName(), WAIT_MS, function(holder, cause)
    error(core.error("busy", ("Entity %s:%s is being changed by %s: nothing was changed, try again"):format(entityName,
      id, holder), { entityName = entityName, entityId = id, cause = cause and cause.message }), 0)
  end)
  return finish(lock, pcall(fn, ...))
end

return M
