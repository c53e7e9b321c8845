-- SPDX-License-Identifier: MIT
--
-- index: the indexes of a store listed, made and dropped.

local core = require "holdfast.core"
local indexes = require "holdfast.cli.store.indexes"
local locks = require "holdfast.cli.store.locks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local UNFINISHED = "unfinished"

-- A list of paths as JSON keeps its order, and stays a list.
local function asObject(name, index)
  return text.object("entity", name, "name", index.name, "paths", core.json.array { unpack(index.paths) },
    "unique", index.unique, "ready", index.ready ~= false, "entries", index.entries)
end

local function asLine(name, index)
  local parts = { name, index.name, index.entries and text.whole(index.entries) or "-" }
  if index.unique then parts[#parts + 1] = "unique" end
  if index.ready == false then parts[#parts + 1] = UNFINISHED end
  return table.concat(parts, "\t")
end

local function show(args, name, index) output.line((args.json and asObject or asLine)(name, index)) end

local function list(store, args)
  local found = false
  for _, name in ipairs(args.entity and { args.entity } or store:names()) do
    for _, index in ipairs(indexes.of(store:entity(name))) do
      found = true
      show(args, name, index)
    end
  end
  if found or not args.entity then return 0 end
  local persist = store:entity(args.entity)
  if not persist.supports.index then core.indexes(persist) end -- says that the store keeps none
  store:requireAsked(false, persist)
  return 0
end

local function drop(store, args, paths)
  local persist = store:entity(args.entity)
  local index = indexes.find(persist, paths)
  local ok, raised = pcall(core.dropIndex, persist, paths)
  if not ok then
    if core.isError(raised, "not_found") then
      raised.hint = string.format("holdfast index %s %s lists those that there are", text.url(args.url), args.entity)
    end
    error(raised, 0)
  end
  local name = index and index.name or table.concat(paths, ",")
  output.line(args.json and text.object("entity", args.entity, "name", name, "dropped", true)
    or string.format("%s\t%s\tdropped", args.entity, name))
  return 0
end

-- A unique index makes writes fail that were fine: under a host that runs, only by force.
local function makeGuarded(store, args, persist, paths)
  local guard = locks.guard(store, args)
  if args.unique then guard:claimWrites(args.entity) end
  local ok, raised = xpcall(indexes.make, core.traceback, persist, paths, args.unique or false)
  guard:release()
  if ok then return end
  if core.isError(raised, "duplicate") and raised.entityId then
    raised.hint = string.format("%s is the other one: change one of them, or leave out --unique", raised.entityId)
  end
  error(raised, 0)
end

local function make(store, args, paths)
  local persist = store:entity(args.entity)
  local isNew = persist:count() == 0 and not pcall(store.requireName, store, args.entity)
  local before = indexes.find(persist, paths)
  makeGuarded(store, args, persist, paths)
  local found = indexes.find(persist, paths) -- nil: the paths are spelt in an odd way
  local index = found or { name = table.concat(paths, ","), paths = paths, unique = args.unique }
  show(args, args.entity, index)
  if before and before.ready ~= false then
    output.note(args, "it was there already")
  elseif isNew then
    output.note(args, "there are no entities named '%s' yet: it is kept from the first one on", args.entity)
  elseif found and not indexes.hasValues(persist, index) then
    output.note(args, "no entity has a value at %s, tables aside: if that is misspelt, --drop it", index.paths[1])
  end
  return 0
end

local function index(args)
  local paths = indexes.paths(args.paths or {})
  if not paths[1] and args.drop then refuse.call "name the index that is to go: index URL ENTITY PATH --drop" end
  if not paths[1] and args.unique then refuse.call "name what is to be unique: index URL ENTITY PATH --unique" end
  if args.drop and args.unique then refuse.call "give --drop or --unique, not both" end
  local store = target.open(args)
  if not paths[1] then return list(store, args) end
  return (args.drop and drop or make)(store, args, paths)
end

return {
  summary = "Show, make or drop indexes.",
  description = "An index keeps the entities of a name in the order of what they have at a path, such as\n"
    .. "metadata.symbol.  Expressions (--where, filter) use it by themselves; filter --explain tells whether\n"
    .. "they do.  It is built while others read and write, and then kept with each write of every process.\n"
    .. "Several PATHs make one index over them all.\n\n"
    .. "Without PATH those that there are: entity name, paths, entries, by tabs; then 'unique', and\n"
    .. "'unfinished' while it is being built, or where its building was broken off: the same command again\n"
    .. "goes on with it.\n\n"
    .. "With --unique no two entities may have the same there: the write of a second one fails.  Where two\n"
    .. "have it already they are named, and no index is made.",
  examples = {
    "holdfast index ./data",
    "holdfast index ./data signal metadata.symbol",
    "holdfast index ./data trade strategyName symbol",
    "holdfast index ./data order clientId --unique",
    "holdfast index ./data signal metadata.symbol --drop",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    command:argument("PATH"):argname("PATH"):target("paths"):args("*")
      :description("A path as in expressions, without v.: symbol, exit.price, tags[1], v[\"any key\"].")
    command:flag("--unique"):description("No two entities may have the same there.")
    command:flag("--drop"):description("Forget the index.")
    options.force(command, "With --unique, also on a store on which a strategy host runs.")
  end,
  run = index,
}
