-- SPDX-License-Identifier: MIT
--
-- watch: changes as they are committed, a line each, until a signal or --timeout ends it.

local core = require "holdfast.core"
local interruption = require "holdfast.cli.console.interruption"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local watching = require "holdfast.watching"
local where = require "holdfast.cli.code.where"

local PIECE_MS = 250 -- how long a signal may have to wait

-- What --json prints of a change.
local function object(change)
  return text.object("revision", change.revision, "at", change.at, "what", change.what,
    "entityName", change.entityName, "id", change.id, "value", change.value and text.raw(change.value) or nil,
    "current", change.current, "expiresAt", change.expiresAt, "last", change.last)
end

-- The line of a change for people.
local function line(change)
  local words = { text.time(change.at), text.whole(change.revision), change.what,
    change.entityName .. (change.id and ":" .. change.id or "") }
  if change.value then words[#words + 1] = text.oneLine(change.value) end
  if change.current then
    words[#words + 1] = change.value and "(as it is now)" or change.what == "write" and "(gone by now)" or nil
  end
  return table.concat(words, " ")
end

local function open(args, from)
  local wanted = { from = from, prefix = args.prefix, where = args.predicate }
  if args.entity then return watching.open(args.store:entity(args.entity), wanted, true) end
  return watching.open(args.store.store, wanted, true, args.store.url)
end

-- The next change; nil where none comes in time.  Where what was to come next went meanwhile, that is said, and it goes
-- on with what is left: whoever said where to begin wants to know that it cannot.
local function next(args, watch, timeout)
  local ok, change = pcall(watch.next, watch, timeout)
  if ok then return change, watch end
  if args.from or not core.isError(change, "compacted") or not change.revision then error(change, 0) end
  output.warn(("changes are missing here: %s; going on with revision %s"):format(change.message,
    text.whole(change.revision)), args.json)
  watch:close()
  return nil, open(args, change.revision)
end

local function follow(args, watch)
  local limit = args.timeout and args.timeout * 1000 or math.huge
  local waited, any = 0, false
  while not interruption.signal() do
    local change
    change, watch = next(args, watch, 0)
    if not change then
      output.flush() -- before it waits
      if waited >= limit then break end
      local piece = math.min(PIECE_MS, limit - waited)
      change, watch = next(args, watch, piece)
      waited = waited + piece
    end
    if change then
      output.line(args.json and object(change) or line(change))
      waited, any = 0, true
    end
  end
  return watch, any
end

local function run(args)
  where.prepare(args)
  args.store = target.open(args)
  local watch = open(args, args.from)
  interruption.listen()
  local ok, ended, any = xpcall(follow, interruption.handler, args, watch)
  interruption.unwatch()
  if not ok then error(ended, 0) end
  ended:close()
  output.flush()
  return (any or interruption.signal()) and 0 or 1
end

return {
  summary = "Print changes as they are committed.",
  description = "Prints a line for each change of a store that keeps a log of them ('holdfast set URL\n"
    .. "changes=7d'), as it is committed by whatever process, until Ctrl-C: when, its revision, what,\n"
    .. "whose, and the value that was written.  With --from what the log has since then comes first.",
  examples = {
    "holdfast watch ./data",
    "holdfast watch ./data signal --where 'v.pnl < 0' --json",
    "holdfast watch ./data signal --from 1207 --timeout 0",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    command:option("--from"):argname("REV"):convert(options.wholeNumber)
      :description("Begin with the changes of this revision; left out: with the next commit.")
    command:option("--prefix"):argname("TEXT"):description("Only ids that begin so.")
    command:option("--where"):argname("EXPR")
      :description("Writes only of values for which this Lua expression is true; `v` is the value, `id` its id.")
    command:option("--timeout"):argname("S"):convert(options.wholeNumber)
      :description("End after so many seconds without a change; without any the exit code is 1.")
    options.readonly(command)
  end,
  run = run,
}
