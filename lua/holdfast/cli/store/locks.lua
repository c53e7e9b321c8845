-- SPDX-License-Identifier: MIT
--
-- Keeps put, import, rm and copy from changing a store under a strategy host that runs on it: the host holds what it
-- has read for the truth, and its next write undoes the change, or acts on it by half.  It concerns the entity names of
-- the adapters that keep what a host lives by; others cost nothing.  Of these, a row that is named, of a strategy and
-- symbol which nobody runs, is free as well.  And it keeps set from taking something away from the host.
--
-- The command announces itself before it looks for hosts, and a host looks for commands once it has its lock
-- (host/state/lock.lua): so neither begins under the other, unless one of them cannot see the other's lock files.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local lock = require "holdfast.host.state.lock"
local output = require "holdfast.cli.console.output"
local text = require "holdfast.cli.console.text"

---@class holdfast.cli.Guard
local Guard = {}
Guard.__index = Guard

local M = {}

--- Guards the store that a subcommand changes.
---@param store table  as target.open gives it
---@param args {command: string, force?: boolean, json?: boolean}
---@return holdfast.cli.Guard
function M.guard(store, args)
  return setmetatable({ store = store, args = args }, Guard)
end

-- What a host writes and does not live by: trades that are over, its state for others, requests, answers, pauses.
local FREE = { trade = true, host = true }

-- Those whose ids are a strategy and a symbol, and what ends such a row with an event.
local ENDS = { signal = "close", schedule = "cancel" }

--- The entity names that it concerns, for help texts: those of adapters that come with Holdfast.
---@return string
function M.names()
  local names = {}
  for _, row in ipairs(core.adapters.list()) do
    if not FREE[row.entityName] then names[#names + 1] = row.entityName end
  end
  return table.concat(names, ", ")
end

local function isAdapters(name)
  for _, row in ipairs(core.adapters.list()) do
    if row.entityName == name then return true end
  end
  return false
end

local function decode(part) return (part:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)) end

-- The strategy and symbol of a row of an adapter; nil: its id is none of theirs.
local function runOf(id)
  local strategyName, symbol = id:match "^([^/]+)/([^/]+)$"
  if strategyName then return decode(strategyName), decode(symbol) end
end

-- Whether a lock is of one run, or of an entity that is just being changed: then it concerns no other.
local function isOfOne(path, folder)
  local first = path:sub(#folder + 2):match "^([^/]+)/"
  for _, row in ipairs(core.adapters.list()) do
    if row.entityName == first then return true end
  end
  return false
end

-- Those of the locks that concern rows: all, where it is not known which rows, or whose.
local function concerned(found, folder, name, ids)
  if not ids or not ENDS[name] then return found end
  local isTheirs, list = {}, {}
  for _, id in ipairs(ids) do
    local strategyName, symbol = runOf(id)
    if not strategyName then return found end
    isTheirs[lock.fileOf(folder, strategyName, symbol)] = true
  end
  for _, each in ipairs(found) do
    if isTheirs[each.path] or not isOfOne(each.path, folder) then list[#list + 1] = each end
  end
  return list
end

-- The folder of the store's lock files, and whether hosts elsewhere would have theirs in it; nil for a store that is
-- nobody else's.
local function place(store, name)
  local directory, identity = core.adapters.placeOf(store:entity(name))
  return lock.folder(directory, identity), directory ~= nil
end

-- What does the same with an event: a command.
local function hintOf(store, name, ids)
  if not ids or not ENDS[name] then return nil end
  local strategyName, symbol = runOf(ids[1])
  if not strategyName then return nil end
  return string.format("with an event, and while the host runs: holdfast host %s %s %s %s", ENDS[name],
    text.url(store.url), strategyName, symbol)
end

local function usedBy(store, what, name, ids, found)
  local who = found[1].holder ~= "" and found[1].holder or "one that has not said who it is"
  if #found > 1 then who = string.format("%s (and %s)", who, text.plural(#found - 1, "more lock", "more locks")) end
  local err = core.error("busy", string.format("a strategy host runs on %s: %s; end it first, or change %s under it "
    .. "with --force", text.url(store.url), who, what), { entityName = name, cause = "its lock is " .. found[1].path })
  err.hint = hintOf(store, name, ids)
  return err
end

local function warn(self, message, ...)
  output.warn(string.format(message, ...), self.args.json)
end

local function announce(self, folder)
  local ok, made = pcall(lock.change, folder, "holdfast " .. self.args.command)
  if ok then return made end
  warn(self, "a strategy host that starts meanwhile cannot be kept from it: %s", made.message)
end

-- Raises where a host is seen; says what cannot be seen.
local function look(self, what, name, ids, folder, isShared)
  local found, problem = core.leasesIn(folder)
  found = concerned(found, folder, name, ids)
  if found[1] then
    self:release()
    error(usedBy(self.store, what, name, ids, found), 0)
  end
  if problem then
    warn(self, "whether a strategy host runs on %s cannot be seen: %s", text.url(self.store.url), problem.message)
  elseif not isShared then
    warn(self, "whether a strategy host of another machine, of another user, or with another spelling of the URL runs "
      .. "on %s cannot be seen from here: --force says that none does", text.url(self.store.url))
  end
end

local function claim(self, what, name, ids, placeName)
  local ok, folder, isShared = pcall(place, self.store, placeName)
  if not ok and not core.isError(folder, "io") then error(folder, 0) end
  self.claimed = true
  if not ok then
    warn(self, "whether a strategy host runs on %s cannot be seen: %s", text.url(self.store.url), folder.message)
  elseif folder then
    self.lock = announce(self, folder)
    if not self.args.force then look(self, what, name, ids, folder, isShared) end
  end
end

--- Before the first write under this name: raises busy where a host runs on the store, or, where it is known which
--- rows are changed, runs one of them; unless forced.
---@param name string
---@param ids? string[]  of all rows that are changed
function Guard:claim(name, ids)
  if not self.claimed and not FREE[name] and isAdapters(name) then claim(self, "'" .. name .. "'", name, ids, name) end
end

--- Before what a host writes under this name may be refused from now on: the same, of all names that hosts write.
---@param name string
function Guard:claimWrites(name)
  if not self.claimed and isAdapters(name) then claim(self, "'" .. name .. "'", name, nil, name) end
end

--- Before the file of a store is exchanged or made, which the command does not open: raises busy where a host holds a
--- lock there, unless forced.  Who comes later has to open the store, which keeps its file from being exchanged.
---@param what string  "its file"
---@param url string
---@param args {force?: boolean}
function M.refuseHosts(what, url, args)
  if args.force then return end
  local store = { url = url, entity = function(_, name) return holdfast.PersistBase(name, url) end }
  local ok, folder, isShared = pcall(place, store, core.adapters.list()[1].entityName)
  if not ok or not isShared then return end -- no folder: whoever goes on says what is wrong with the URL
  local found = core.leasesIn(folder)
  if found[1] then error(usedBy(store, what, nil, nil, found), 0) end
end

--- Before something is changed that a host relies on, whatever the entity name: the same.
---@param what string  "the settings"
function Guard:claimStore(what)
  if not self.claimed then claim(self, what, nil, nil, core.adapters.list()[1].entityName) end
end

--- Whether a host is seen to run on the store now, which nothing has been claimed of yet.
---@return boolean
function Guard:seesHost()
  local ok, folder = pcall(place, self.store, core.adapters.list()[1].entityName)
  return ok and folder and core.leasesIn(folder)[1] ~= nil or false
end

--- The changes are done: hosts may start.
function Guard:release()
  if self.lock then self.lock:release() end
  self.lock, self.claimed = nil, nil
end

return M
