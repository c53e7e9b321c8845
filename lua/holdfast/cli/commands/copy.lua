-- SPDX-License-Identifier: MIT
--
-- copy: everything of a store, or part of it, into another.  All of it, from the first entity to the comparison, sees
-- one moment of the source where that has snapshots.

local core = require "holdfast.core"
local comparing = require "holdfast.cli.copying.comparison"
local copying = require "holdfast.cli.copying.copier"
local indexes = require "holdfast.cli.store.indexes"
local interruption = require "holdfast.cli.console.interruption"
local locks = require "holdfast.cli.store.locks"
local mirror = require "holdfast.cli.copying.mirror"
local moments = require "holdfast.cli.copying.moment"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local pair = require "holdfast.cli.copying.pair"
local refuse = require "holdfast.cli.console.refuse"
local report = require "holdfast.cli.copying.report"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local where = require "holdfast.cli.code.where"

-- No host may run on the target: neither where something is written nor where something is removed.
local function claimTarget(args, to, names)
  local guard = locks.guard(to, args)
  for _, name in ipairs(names) do guard:claim(name) end
  for _, name in ipairs(args.delete and mirror.namesOf(to, args, names) or {}) do guard:claim(name) end
  return guard
end

local function checkArguments(args)
  if args.entity and #args.entity == 0 then args.entity = nil end
  if args.verify_only and args.resume then refuse.call "--verify-only copies nothing: there is nothing to --resume" end
  if args.verify_only and args.delete then refuse.call "--verify-only changes nothing: there is nothing to --delete" end
  args.verify = args.verify or args.verify_only
  where.prepare(args)
end

-- What is done at one moment of the source.
local function copyAndCompare(args, source, to, names, now)
  local copier, results
  if not args.verify_only then copier = copying.copy(args, source, to, names, now) end
  if copier and not args.json then
    report.copied(copier)
    if copier.mirror then report.deleted(copier.mirror) end
  end
  if args.verify then results = comparing.compare(args, source, to, names, now) end
  if results and not args.json then report.compared(results) end
  return copier, results
end

-- Says what only the copy before this one has told: it may be sound by now, and not in the target.  The exit code for
-- that, or 0.
local function complainEarlier(args, source, copier)
  local earlier = copier and copier.resumed and copier.resumed.unreadable or 0
  if earlier == 0 or source.unreadable > 0 then return 0 end
  output.complain({ code = "corrupt", message = string.format("%s could not be read before this copy went on",
    text.plural(earlier, "entity", "entities")), hint = "a copy without --resume reads all of them again" }, args.json)
  return 3
end

-- Says why nothing was deleted.  The exit code for that, or 0.
local function complainKept(args, source, copier)
  local refusal = copier and copier.mirror and copier.mirror.refusal
  if not refusal then return 0 end
  output.complain({ code = copier:unreadable() > 0 and "corrupt" or "not_found", message = refusal,
    hint = "a mirror of it would have lost what the target still has" }, args.json)
  return 3
end

-- The indexes of what was copied are made when all of it is there, which is faster.
local function copyIndexes(args, source, to, names)
  if args.no_indexes then return {}, 0 end
  local made, exit = indexes.makeAll(to, args, indexes.definitions(source, names))
  if not args.json then indexes.tell(made) end
  return made, exit
end

local function work(args)
  checkArguments(args)
  local source = target.open { url = args.source, readonly = args.readonly, json = args.json }
  local names = pair.namesOf(source, args)
  if where.explainFor(args, source, names) then return 0 end
  local to = pair.openTarget(args, source, not args.verify_only)
  source.hint, to.hint = "in " .. text.url(args.source), "in " .. text.url(args.target)
  local guard
  if not args.verify_only then
    if names[1] then pair.refuseSameWrapped(args, source, to, names[1]) end
    guard = claimTarget(args, to, names)
  end
  local copier, results
  local function atTheMoment(now, present)
    for _, name in ipairs(guard and present or {}) do now:outside(guard.claim, guard, name) end
    copier, results = copyAndCompare(args, source, to, present, now)
  end
  local ok, raised = xpcall(moments.run, interruption.handler, source, names, not args.entity, args.json, atTheMoment)
  pair.settle(source, not args.verify_only and to or nil)
  local made, exit = {}, 0
  if ok and copier then made, exit = copyIndexes(args, source, to, names) end
  if guard then guard:release() end
  if not ok then error(raised, 0) end
  if args.json then output.line(report.json(copier, results, source.unreadable + to.unreadable, made)) end
  local code = math.max(exit, source:exitCode(), to:exitCode(), complainEarlier(args, source, copier),
    complainKept(args, source, copier))
  return code == 0 and results and comparing.sum(results).found > 0 and 1 or code
end

-- Whether a signal ended the work: at its next good moment, or by ending a wait for a server.
local function wasInterrupted(raised, signal)
  if interruption.is(raised) then return true end
  return signal and (core.isError(raised, "unavailable") or core.isError(raised, "timeout"))
end

local function copy(args)
  interruption.listen()
  local ok, result = xpcall(work, interruption.handler, args)
  local signal = interruption.signal()
  interruption.unwatch()
  if ok then return result end
  if not wasInterrupted(result, signal) then error(result, 0) end
  return interruption.complain(args, { hint = result.hint, copied = result.copied, cause = result.message })
end

return {
  summary = "Copy entities from one store into another.",
  description = "Copies everything, or the entity names given, between stores of any kinds, and creates TO where\n"
    .. "there is none.  What TO has under the same ids is replaced, what it has beside them stays, unless\n"
    .. "--delete makes TO a mirror.  The text of a value comes over as it is, where both keep texts.\n"
    .. "Prints how many entities of each name were copied, and deleted.  Indexes of FROM are made in TO at\n"
    .. "the end, where it can have them (a line each: index, entity name, index), unless --no-indexes is\n"
    .. "given.\n\n"
    .. "A copy that ends early (Ctrl-C, a crash, a full disk) is continued by the same command with\n"
    .. "--resume.  Its position is kept in $XDG_STATE_HOME/holdfast (~/.local/state/holdfast).\n\n"
    .. "What is damaged in FROM, found now or in quarantine already, is reported, and the exit code is 3.\n"
    .. "It goes into TO's quarantine where TO has one (lmdb, file, memory); a line in the output says what\n"
    .. "became of each.  A sound entity of TO stays.  FROM is not locked: it is read at one moment where it\n"
    .. "has snapshots, and may change meanwhile where it has none; --verify tells, by exit code 1.\n\n"
    .. "With --delete indexes that only TO has are dropped, and a unique one that refuses what FROM has\n"
    .. "makes way until the end (a line each: dropped, entity name, index).\n\n"
    .. "After a FROM that is empty, damaged or was not read to its end, --delete deletes nothing.  A store\n"
    .. "on which a strategy host runs is not written to.  --force does both all the same.",
  examples = {
    "holdfast copy ./data file:./plain",
    "holdfast copy ./data redis://localhost/0 --entity signal --entity risk --verify",
    "holdfast copy ./data ./backup --resume",
    "holdfast copy ./data ./backup --delete --verify",
    "holdfast copy ./data ./backup --verify-only",
    "holdfast copy ./data ./open --where 'not v.closed'",
  },
  arguments = function(command)
    command:argument("FROM"):argname("FROM"):target("source")
      :description("The store to read: a directory (LMDB) or a store URL.")
    command:argument("TO"):argname("TO"):target("target"):description("The store to write.")
    command:option("--entity"):argname("NAME"):count("*"):description("Only this entity name; may be repeated.")
    options.where(command)
    options.part(command)
    command:flag("--no-indexes"):description("Make none of FROM's indexes in TO.")
    command:flag("--delete"):description("Then remove from TO what FROM does not have, within what is copied.")
    command:flag("--verify"):description("Then read both stores and compare counts, hashes and every entity.")
    command:flag("--verify-only"):description("Copy nothing: only compare.")
    command:flag("--resume"):description("Go on where the same copy ended early.")
    command:flag("--readonly"):description("Open FROM for reading only: not even quarantine is written.")
    options.dropExpiry(command)
    options.durability(command)
    options.force(command, "Write to a store on which a host runs; with --delete, after an empty or damaged FROM.")
  end,
  run = copy,
}
