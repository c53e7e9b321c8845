-- SPDX-License-Identifier: MIT
--
-- rm: entities removed.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local locks = require "holdfast.cli.store.locks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local scan = require "holdfast.cli.store.scan"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local times = require "holdfast.cli.console.times"
local where = require "holdfast.cli.code.where"

local function removeIds(persist, ids)
  local function remove()
    local missing = scan.missing(persist, ids) -- one in quarantine is settled by removing it
    return missing, persist:removeMany(ids)
  end
  if not persist.supports.transaction then return remove() end
  local ok, missing, removed = pcall(holdfast.transaction, remove)
  if ok then return missing, removed end
  if core.isError(missing, "full") then return remove() end -- outside of one, which may write, removing finds room
  error(missing, 0)
end

-- Whether some are looked for.
local function isSearch(args)
  return args.where or args.prefix or args.from or args.to or args.older_than
end

local function checkArguments(args)
  local ways = (args.all and 1 or 0) + (#args.id > 0 and 1 or 0) + (isSearch(args) and 1 or 0)
  if ways > 1 then
    refuse.call("give ids, --all, or what to look for (--where, --prefix, --from, --to, --older-than), not both: one "
      .. "of them only")
  end
  where.prepare(args)
  if ways == 0 then
    refuse.call("give the ids to remove, --where EXPR for those that it is true of, --prefix, --from, --to or "
      .. "--older-than, or --all for every entity of that name")
  end
  if args.dry_run and not isSearch(args) then refuse.call "--dry-run tells what --where, --prefix and the like find" end
end

-- What is known of an entity; nil where it has gone meanwhile.
local function entryOf(persist, id)
  local ok, entry = pcall(core.readEntry, persist, id)
  if ok then return entry end
  if core.isError(entry, "not_found") then return nil end
  error(entry, 0)
end

-- What an entity has to be like: what --where says, and written before a time.
local function predicateOf(persist, args)
  local asked, before = args.predicate, args.older_than
  if not before then return asked or function() return true end end
  return function(value, id)
    if asked and not asked(value, id) then return false end
    local entry = entryOf(persist, id)
    if entry and entry.updatedAt == 0 then
      error(core.error("unsupported", "--older-than: this store does not know when its entities were written"), 0)
    end
    return entry ~= nil and entry.updatedAt < before
  end
end

local function rangeOf(args) return { prefix = args.prefix, from = args.from, to = args.to } end

-- Tells which would be removed, and how many.
local function tellWhich(persist, args)
  local range, found = rangeOf(args), 0
  range.where = predicateOf(persist, args)
  for id in persist:keys(range) do
    found = found + 1
    output.line(args.json and text.object("id", id) or id)
  end
  return found
end

-- Removes those that are looked for.  Each is asked of again in the transaction that removes it.
local function removeSome(persist, args)
  local choice = rangeOf(args)
  choice.race = args.race or nil
  local ok, removed = pcall(persist.removeWhere, persist, predicateOf(persist, args), choice)
  if ok then return removed end
  if core.isError(removed, "unsupported") and not args.race then
    removed.hint = "--race removes all the same, if nobody else writes meanwhile"
  end
  error(removed, 0)
end

local function rm(args)
  checkArguments(args)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  if where.explain(args, persist) then return 0 end
  if args.dry_run then
    store:requireAsked(tellWhich(persist, args) > 0, persist)
    return 0
  end
  local guard = locks.guard(store, args)
  guard:claim(args.entity, #args.id > 0 and args.id or nil)
  local missing, removed = {}
  if isSearch(args) then
    removed = removeSome(persist, args)
    store:requireAsked(removed > 0, persist)
  elseif args.all then
    removed = persist:count()
    if removed == 0 then store:requireName(args.entity) end
    persist:removeAll()
  else
    missing, removed = removeIds(persist, args.id)
  end
  guard:release()
  for _, id in ipairs(missing) do
    output.complain(core.error("not_found", string.format("Entity %s:%s not found for deletion", args.entity, id),
      { entityName = args.entity, entityId = id }), args.json)
  end
  if args.json then output.line(text.object("removed", removed)) end
  return #missing > 0 and 1 or 0
end

return {
  summary = "Remove entities.",
  description = "Removes entities by their ids, in one commit where the store can.  Exit code 1 if one of them did\n"
    .. "not exist; the others are gone all the same.\n\n"
    .. "Refused under an adapter's entity name (" .. locks.names() .. ") while a strategy host runs\n"
    .. "on the store, but for rows of signals that it does not run; --force removes all the same.\n"
    .. "'holdfast host close' ends a position while the host runs, with an event.",
  examples = { "holdfast rm ./data signal BTC ETH", "holdfast rm ./data signal --all",
    "holdfast rm ./data signal --where 'v.closed and v.pnl < 0'",
    "holdfast rm ./data log --older-than 7d --dry-run" },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("ID"):argname("ID"):target("id"):args("*"):description("Ids of entities.")
    command:flag("--all"):description("All entities of this name, and nothing else.")
    options.where(command)
    options.part(command)
    command:option("--older-than"):argname("TIME"):convert(times.convert)
      :description("Only what was written last before this time: 7d (a week ago), 2024-02-07, 2024-02-07T22:03:00Z.")
    command:flag("--dry-run"):description("Remove nothing: print the ids of what would be removed.")
    command:flag("--race"):description("With these, also where a store cannot tell what others change meanwhile.")
    options.durability(command)
    options.force(command)
  end,
  run = rm,
}
