-- SPDX-License-Identifier: MIT
--
-- Arguments and options that several subcommands share, so that they are spelt,
-- checked and explained the same everywhere.

local core = require "holdfast.core"
local times = require "holdfast.cli.console.times"

local M = {}

-- For argparse: turns the text of a count into a number, or says what is wrong with it.
local function wholeNumber(value)
  local n = value:match("^%d+$") and tonumber(value)
  if not n then return nil, string.format("'%s' is no whole number from 0 on", value) end
  return n
end
M.wholeNumber = wholeNumber

-- What every subcommand has.
function M.common(command)
  command:flag("--json"):description("Machine-readable output, errors too (on stderr).")
end

function M.url(command)
  command:argument("URL"):argname("URL"):target("url"):description("The store: a directory (LMDB) or a store URL.")
end

function M.entity(command, optional)
  local argument = command:argument("ENTITY"):argname("ENTITY"):target("entity")
  if optional then
    argument:args("?"):description("Only this entity name.")
  else
    argument:description("The entity name, such as signal.")
  end
end

function M.readonly(command)
  command:flag("--readonly"):description("Open the store for reading only: not even quarantine is written.")
end

-- The names of the modes of durability, the default first.
local function durabilities()
  for _, option in ipairs(core.options()) do
    if option.type == "durability" then return option.values end
  end
end

function M.durability(command)
  local modes = durabilities()
  command:option("--durability"):argname("MODE"):choices(modes)
    :description(("What a power cut may take: %s (nothing, the default), %s."):format(modes[1],
      table.concat(modes, " or ", 2)))
end

-- For subcommands that change what a strategy host may be running on.
function M.force(command, description)
  command:flag("--force"):description(description or "Write also to a store on which a strategy host runs.")
end

-- What becomes of what expires in a store without expiry: --drop-expiry.
function M.dropExpiry(command)
  command:flag("--drop-expiry"):description("Where the store has no expiry: what expires stays in it for ever.")
end

-- Which entities: --prefix, --from, --to.
function M.part(command)
  command:option("--prefix"):argname("TEXT"):description("Only ids that begin so.")
  command:option("--from"):argname("ID"):description("The first id, inclusive; need not exist.")
  command:option("--to"):argname("ID"):description("The last id, inclusive; need not exist.")
end

-- Which entities, in which order: those, and --reverse, --limit.
function M.range(command, withoutLimit)
  M.part(command)
  command:flag("-r --reverse"):description("From the last to the first.")
  if not withoutLimit then
    command:option("--limit"):hidden_name("-n"):argname("N"):convert(wholeNumber):description("At most N; also -n N.")
  end
end

-- Which entities, by what they are: --where, and --explain.
function M.where(command)
  command:option("--where"):argname("EXPR")
    :description("Only entities for which this Lua expression is true; `v` is the value, `id` its id.")
  M.explain(command, "--where")
end

function M.explain(command, of)
  command:flag("--explain")
    :description(("Do nothing but tell what is made of %s, and where it is evaluated."):format(of))
end

-- For argparse: a moment of the store's past.
local function moment(word)
  if word:find "^%d+$" then
    local revision = tonumber(word)
    if revision > 0 then return revision end
  end
  local time, problem = times.convert(word)
  if time and time > 0 and not word:find "^%d+$" then return { time = time } end
  return nil, problem or ("'%s' is no revision"):format(word)
end

-- As it was: --at.
function M.at(command)
  command:option("--at"):argname("MOMENT"):convert(moment)
    :description("As it was after a revision (4711), at a time (2026-11-27T12:00:00Z), or so long ago (90m, 7d).")
end

-- As a table for people: --table, --columns.
function M.table(command)
  command:flag("--table"):description("Aligned columns for people, dates readable: id, then keys as they are stored.")
  command:option("--columns"):argname("A,B.C")
    :description("A table of these: id, keys, and keys of what is inside (exit.price).")
end

--- The range that the options ask for.  Its `where` is the predicate of --where, once that is compiled.
---@param args table
---@return table
function M.rangeOf(args)
  return { prefix = args.prefix, from = args.from, to = args.to, reverse = args.reverse, limit = args.limit,
    where = args.predicate }
end

return M
