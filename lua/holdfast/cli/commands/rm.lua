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

local function checkArguments(args)
  local ways = (args.all and 1 or 0) + (#args.id > 0 and 1 or 0) + (args.where and 1 or 0)
  if ways > 1 then refuse.call "give ids, --all or --where, not both: one of them only" end
  where.prepare(args)
  if ways == 0 then
    refuse.call("give the ids to remove, --where EXPR for those that it is true of, or --all for every entity of "
      .. "that name")
  end
end

-- Removes those that the expression is true of.  Each is asked of again in the transaction that removes it.
local function removeWhere(persist, args)
  local ok, removed = pcall(persist.removeWhere, persist, args.predicate, { race = args.race or nil })
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
  local guard = locks.guard(store, args)
  guard:claim(args.entity, #args.id > 0 and args.id or nil)
  local missing, removed = {}
  if args.where then
    removed = removeWhere(persist, args)
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
    "holdfast rm ./data signal --where 'v.closed and v.pnl < 0'" },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("ID"):argname("ID"):target("id"):args("*"):description("Ids of entities.")
    command:flag("--all"):description("All entities of this name, and nothing else.")
    options.where(command)
    command:flag("--race"):description("With --where, also where a store cannot tell what others change meanwhile.")
    options.durability(command)
    options.force(command)
  end,
  run = rm,
}
