-- SPDX-License-Identifier: MIT
--
-- The two stores of a copy: which names are copied, and that the two are not one.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local moments = require "holdfast.cli.copying.moment"
local refuse = require "holdfast.cli.console.refuse"
local scan = require "holdfast.cli.store.scan"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local M = {}

--- Whether a name is among others.
---@param names string[]
---@param wanted string
---@return boolean
function M.has(names, wanted)
  for _, name in ipairs(names) do
    if name == wanted then return true end
  end
  return false
end

--- The names of several lists in natural order, each once.
---@param ... string[]
---@return string[]
function M.sorted(...)
  local names, seen = {}, {}
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
  end
  table.sort(names, holdfast.naturalOrder)
  return names
end

--- The names to copy.  Raises not_found for one that the source does not have, before anything is made for it.
---@param source table  as target.open gives it
---@param args {entity?: string[]}
---@return string[]
function M.namesOf(source, args)
  local known, why = moments.known(source)
  if not args.entity then
    if known then return known end
    why.hint = "name what is to be copied: --entity NAME, as often as needed"
    error(why, 0)
  end
  for _, name in ipairs(args.entity) do
    source:entity(name) -- raises for what can be no name
    if known and not M.has(known, name) then source:requireName(name) end
  end
  args.entity = M.sorted(args.entity)
  return args.entity
end

local function refuseSame(args)
  refuse.call("%s and %s are the same store: a copy needs two", text.url(args.source), text.url(args.target))
end

--- Opens the target.  A store that cannot be shared because it is open with other options is the source itself.
---@param args table
---@param source table  as target.open gives it
---@param creates boolean
---@return table
function M.openTarget(args, source, creates)
  local ok, opened = pcall(target.open, { url = args.target, durability = args.durability, json = args.json }, creates)
  if not ok and core.isError(opened, "conflict") then refuseSame(args) end
  if not ok then error(opened, 0) end
  if core.isSameStore(source.store, opened.store) then refuseSame(args) end
  return opened
end

--- Scripts may keep their entities in wrapped stores: whether those are one is known only once both are open.
---@param args table
---@param source table
---@param to table
---@param name string  that both have entities of
function M.refuseSameWrapped(args, source, to, name)
  local one, other = source:entity(name), to:entity(name)
  one:waitForInit()
  local ok, raised = pcall(other.waitForInit, other)
  if ok and core.isSameStore(one, other) or core.isError(raised, "conflict") then refuseSame(args) end
  if not ok then error(raised, 0) end
end

--- How many entities there are; nil where only part of them is asked for.
---@param source table
---@param names string[]
---@param args {prefix?: string, from?: string, to?: string, where?: string}
---@return integer?
function M.totalOf(source, names, args)
  if args.prefix or args.from or args.to or args.where then return nil end
  return source:total(names)
end

--- A snapshot leaves what is unreadable where it is: read once more, it comes to quarantine, from where its bytes are
--- known, also for the target.
---@param source table
---@param to? table  nil: the target is not written
function M.settle(source, to)
  for _, err in ipairs(source.found) do
    local persist = source:entity(err.entityName)
    local ok, raised = pcall(core.readText, persist, err.entityId)
    if core.isError(raised, "unavailable") or core.isError(raised, "timeout") then return end
    local damage = not ok and core.isError(raised, "corrupt") and scan.damageOf(persist, err.entityId, raised)
    if damage and damage.bytes and to then
      pcall(core.quarantine, to:entity(err.entityName), err.entityId, damage.problem, damage.bytes)
    end
  end
end

return M
