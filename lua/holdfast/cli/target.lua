-- SPDX-License-Identifier: MIT
--
-- The store that a subcommand works on.  Commands that read never create one.  Names
-- that do not exist are errors that say which do, and an unreadable entity does not end
-- a walk: it is reported, the rest still comes out, and the exit code tells.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local output = require "holdfast.cli.output"

local Target = {}
Target.__index = Target

local M = {}

--- Opens the store that the arguments name.
---@param args table
---@param creates? boolean  whether a store that is missing is made
function M.open(args, creates)
  local options = {
    create = creates and true or false,
    readOnly = args.readonly or nil,
    durability = args.durability,
  }
  local ok, store = xpcall(function() return holdfast.openStore(args.url, options) end, core.traceback)
  if not ok then
    -- "There is no such store" is trouble, and no answer to a question about its entities.
    store.exit = store.code == "not_found" and 3 or nil
    if store.code == "not_found" and not creates then
      store.hint = "commands that read never create a store; put, import and scripts do"
    end
    error(store, 0)
  end
  return setmetatable({ store = store, url = args.url, options = options, json = args.json, unreadable = 0,
    reported = {} }, Target)
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

--- Reports an unreadable entity and goes on.
---@param err table
function Target:report(err)
  self.unreadable = self.unreadable + 1
  self.reported[self.unreadable] = err
  output.complain(err, self.json)
end

--- Iterates id and JSON text.  Unreadable entities are reported and left out.
---@param persist PersistBase
---@param range? table
---@return fun(): string?, string?
function Target:texts(persist, range)
  local step = core.texts(persist, range)
  local last
  return function()
    while true do
      local ok, id, json = pcall(step)
      if ok then return id, json end
      local err = id
      -- Each one once: a store that cannot go on behind it must not keep us here.
      if not core.isError(err, "corrupt") or not err.entityId or err.entityId == last then error(err, 0) end
      last = err.entityId
      self:report(err)
    end
  end
end

--- Runs fn on one moment of the store, where the store can show one.
---@param persist PersistBase
---@param fn function
function Target:atOneMoment(persist, fn)
  if not persist.supports.snapshot then return fn() end
  return persist:snapshot(fn)
end

--- The exit code of a walk: 0, or 3 if something could not be read.
---@return integer
function Target:exitCode()
  return self.unreadable > 0 and 3 or 0
end

return M
