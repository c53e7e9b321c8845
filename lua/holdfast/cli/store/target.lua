-- SPDX-License-Identifier: MIT
--
-- The store that a subcommand works on.  Commands that read never create one.  Names
-- that do not exist are errors that say which do, and an unreadable entity does not end
-- a scan, nor does what is in quarantine go without a word: each is reported once, the rest
-- still comes out, and the exit code tells.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local output = require "holdfast.cli.console.output"
local scan = require "holdfast.cli.store.scan"
local text = require "holdfast.cli.console.text"
local where = require "holdfast.cli.store.where"

local Target = {}
Target.__index = Target

local M = {}

local writing = {} -- URLs of stores that the process has open for writing

--- Notes that the process keeps a store open for writing: whatever only reads opens it in the same way, since all
--- handles of a process have to agree.
---@param url string
function M.keepWriting(url) writing[url] = true end

--- Opens the store that the arguments name.
---@param args table
---@param creates? boolean  whether a store that is missing is made
function M.open(args, creates)
  local options = {
    create = creates and true or false,
    readOnly = args.readonly and not writing[args.url] or nil,
    durability = args.durability,
  }
  local ok, store = xpcall(function() return holdfast.openStore(args.url, options) end, core.traceback)
  if not ok then
    store = core.toError(store)
    -- "There is no such store" is trouble, and no answer to a question about its entities.
    store.exit = store.code == "not_found" and 3 or nil
    if store.code == "not_found" and not creates then
      store.hint = "this command never creates a store; put, import and scripts do"
    end
    error(store, 0)
  end
  return setmetatable({ store = store, url = args.url, options = options, json = args.json, unreadable = 0,
    reported = {}, found = {} }, Target)
end

--- What a command does, in a snapshot of the moment that its --at names.
---@param run fun(args: table, cli: table): integer
---@return fun(args: table, cli: table): integer
function M.lookingBack(run)
  return function(args, cli)
    if not args.at then return run(args, cli) end
    return M.open(args).store:snapshot(function() return run(args, cli) end, { at = args.at })
  end
end

--- The entities of one name.
---@param entityName string
---@return PersistBase
function Target:entity(entityName)
  return holdfast.PersistBase(entityName, self.url, self.options)
end

--- The entity names of the store, in natural order.
---@return string[]
function Target:names()
  return self.store:entities()
end

-- "the store has: risk, signal"
local function namesText(names)
  if #names == 0 then return "the store has no entity names yet" end
  local shown = {}
  for i = 1, math.min(#names, 10) do shown[i] = names[i] end
  if #names > 10 then shown[11] = string.format("and %d more", #names - 10) end
  return "the store has: " .. table.concat(shown, ", ")
end

--- Raises not_found if no entity has ever had this name: for commands that found nothing.
---@param entityName string
function Target:requireName(entityName)
  local names = self:names()
  for _, name in ipairs(names) do
    if name == entityName then return end
  end
  local err = core.error("not_found", string.format("there are no entities named '%s'", entityName),
    { entityName = entityName })
  err.hint = namesText(names)
  error(err, 0)
end

--- Raises not_found if a scan found nothing, not even what is damaged, and no entity has ever had this name.
---@param found boolean  whether it found something sound
---@param entityName string
function Target:requireFound(found, entityName)
  if not found and self.unreadable == 0 then self:requireName(entityName) end
end

--- The same where an expression is asked of the entities: none for which it is true is an answer, as long as there are
--- some to ask of.
---@param found boolean
---@param persist PersistBase
function Target:requireAsked(found, persist)
  if found or self.unreadable > 0 then return end
  local ok, id = pcall(core.keys(persist, { limit = 1 }))
  if ok and id == nil then self:requireName(persist.entityName) end
end

--- Reports an unreadable entity, if that has not happened, and goes on.
---@param err table
function Target:report(err)
  local key = tostring(err.entityName) .. "\0" .. tostring(err.entityId)
  if self.reported[key] then return end
  self.reported[key] = true
  self.unreadable = self.unreadable + 1
  if err.entityId then self.found[#self.found + 1] = err end
  err.hint = err.hint or self.hint
  output.complain(err, self.json)
end

--- Iterates id, JSON text, nil, and when it expires (nil: never); for what is damaged, which is reported, id, nil, and
--- what is known of it (scan.lua).
---@param persist PersistBase
---@param range? table
---@param step? fun(): string?, string?  what iterates the sound ones; JSON texts if left out
---@return fun(): string?, string?, table?, integer?
function Target:items(persist, range, step)
  if range and range.where then step = where.texts(persist, range) end
  local nextItem = scan.over(persist, range or {}, step or core.texts(persist, range))
  return function()
    local id, json, damage, expiresAt = nextItem()
    if damage then self:report(damage.err) end
    return id, json, damage, expiresAt
  end
end

local function soundOnly(nextItem)
  return function()
    while true do
      local id, json, damage = nextItem()
      if not damage then return id, json end
    end
  end
end

--- Iterates id and JSON text.  What is damaged is reported and left out.
---@param persist PersistBase
---@param range? table
---@return fun(): string?, string?
function Target:texts(persist, range)
  return soundOnly(self:items(persist, range))
end

--- The same for ids alone, without a look at the entities.
---@param persist PersistBase
---@param range? table
---@return fun(): string?
function Target:keys(persist, range)
  if range and range.where then return self:texts(persist, range) end
  return soundOnly(self:items(persist, range, core.keys(persist, range)))
end

--- How many entities there are for which the predicate of a range is true.
---@param persist PersistBase
---@param range table
---@return integer
function Target:countWhere(persist, range)
  local ok, total = pcall(where.count, persist, range)
  if ok then return total end
  if not core.isError(total, "corrupt") then error(total, 0) end
  total = 0 -- one that is damaged is reported, and the others counted
  for _ in self:texts(persist, range) do total = total + 1 end
  return total
end

--- How many entities there are; those in quarantine are not counted, which is reported.
---@param persist PersistBase
---@return integer
function Target:count(persist)
  local apart = 0
  for _ in core.quarantined(persist) do apart = apart + 1 end
  if apart > 0 then
    local name = persist.entityName
    self:report(core.error("corrupt", string.format("%s of %s %s in quarantine and not counted: verify lists them",
      text.plural(apart, "entity", "entities"), name, apart == 1 and "is" or "are"), { entityName = name }))
  end
  return persist:count()
end

--- How many entities these names have together.
---@param names string[]
---@return integer
function Target:total(names)
  local total = 0
  for _, name in ipairs(names) do total = total + self:entity(name):count() end
  return total
end

--- Runs fn on one moment of the store, where the store can show one.
---@param persist PersistBase
---@param fn function
function Target:atOneMoment(persist, fn)
  if not persist.supports.snapshot then return fn() end
  return core.snapshot(persist, fn)
end

--- The exit code of a scan: 0, or 3 if something could not be read.
---@return integer
function Target:exitCode()
  return self.unreadable > 0 and 3 or 0
end

return M
