-- SPDX-License-Identifier: MIT
--
-- Subcommand that moves a whole store, or part of it, into another: copy.  Entities go
-- over as texts, in natural order and in batches, so that memory stays flat; after each
-- batch the position is saved (position.lua), so that a copy that ends early, however it
-- does, can be taken up again.  Writing is an upsert: doing some of it twice is harmless.
-- All of it, from the first entity to the comparison, sees one moment of the source where
-- that has snapshots (moment.lua).

local core = require "holdfast.core"
local holdfast = require "holdfast"
local batch = require "holdfast.cli.store.batch"
local compare = require "holdfast.cli.copying.compare"
local interrupt = require "holdfast.cli.interrupt" -- in src/main.c
local leases = require "holdfast.cli.store.leases"
local mirror = require "holdfast.cli.copying.mirror"
local moments = require "holdfast.cli.copying.moment"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local position = require "holdfast.cli.copying.position"
local progress = require "holdfast.cli.console.progress"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local walk = require "holdfast.cli.store.walk"

local SIGNAL_STRIDE = 256 -- entities between two looks at whether a signal has come

local Interruption = {} -- raised where a signal ends the work

local function checkSignal()
  if interrupt.signal() then error(setmetatable({}, Interruption), 0) end
end

-- For xpcall: an error object with a traceback, but for what is none.
local function handler(raised)
  if getmetatable(raised) == Interruption or raised == output.nobodyReads then return raised end
  return core.traceback(raised)
end

local function say(args, ...)
  if not args.json then io.stderr:write("holdfast: ", string.format(...), "\n") end
end

-- ---------------------------------------------------------------- two stores

local function has(names, wanted)
  for _, name in ipairs(names) do
    if name == wanted then return true end
  end
  return false
end

-- Names in natural order, each once.
local function sorted(...)
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

-- The names to copy.  Raises not_found for one that the source does not have, before anything is made for it.
local function namesOf(source, args)
  local known, why = moments.known(source)
  if not args.entity then
    if known then return known end
    why.hint = "name what is to be copied: --entity NAME, as often as needed"
    error(why, 0)
  end
  for _, name in ipairs(args.entity) do
    source:entity(name) -- raises for what can be no name
    if known and not has(known, name) then source:requireName(name) end
  end
  args.entity = sorted(args.entity)
  return args.entity
end

local function refuseSame(args)
  error(core.error("invalid_argument", string.format("%s and %s are the same store: a copy needs two",
    text.url(args.source), text.url(args.target))), 0)
end

-- Opens the target.  A store that cannot be shared because it is open with other options is the source itself.
local function openTarget(args, source, creates)
  local ok, opened = pcall(target.open, { url = args.target, durability = args.durability, json = args.json }, creates)
  if not ok and core.isError(opened, "conflict") then refuseSame(args) end
  if not ok then error(opened, 0) end
  if core.isSameStore(source.store, opened.store) then refuseSame(args) end
  return opened
end

-- Scripts may keep their entities in stores below: whether those are one is known only once both are open.
local function refuseSameBelow(args, source, to, name)
  local one, other = source:entity(name), to:entity(name)
  one:waitForInit()
  local ok, raised = pcall(other.waitForInit, other)
  if ok and core.isSameStore(one, other) or core.isError(raised, "conflict") then refuseSame(args) end
  if not ok then error(raised, 0) end
end

-- ------------------------------------------------------------------- copying

local Copier = {}
Copier.__index = Copier

-- Whether the target has what the position says: one that was made anew since then does not.
local function hasPosition(to, saved)
  local ok, found = pcall(function() return to:entity(saved.entity):hasValue(saved.id) end)
  if not ok and not core.isError(found, "corrupt") then error(found, 0) end
  return found and true
end

-- Where an earlier copy stopped, if we are to go on there; and says what is done about it.
local function resumePoint(args, to, where, now)
  local saved = where:load()
  if not saved then
    if args.resume then say(args, "there is nothing to resume: copying from the start") end
    return nil
  end
  local at = string.format("%s:%s", saved.entity, saved.id)
  if not args.resume then
    say(args, "an earlier copy stopped behind %s; this one begins anew (--resume would go on there)", at)
    return nil, saved
  end
  if not now:outside(hasPosition, to, saved) then
    say(args, "the target does not have %s, behind which an earlier copy stopped: copying from the start", at)
    return nil, saved
  end
  say(args, "going on behind %s; %s copied before", at, text.plural(saved.copied, "entity was", "entities were"))
  return saved
end

-- How many entities could not be read since the copy began.
function Copier:unreadable() return (self.resumed and self.resumed.unreadable or 0) + self.source.unreadable end

-- One batch reaches the target, and the position says so.
function Copier:flush()
  local count, damaged = self.now:outside(self.batch.write, self.batch)
  for _, one in ipairs(damaged) do self.damaged[#self.damaged + 1] = one end
  if count > 0 then
    self.copied = self.copied + count
    self.last = { entity = self.name, id = self.id }
    local ok, problem = self.where:save(self.name, self.id, self.before + self.copied, self:unreadable())
    if not ok and not self.warned then
      self.bar:finish()
      say(self.args, "this copy cannot be resumed if it is interrupted: %s", problem)
      self.warned = true
    end
  end
  checkSignal()
end

function Copier:copyName(name, range)
  local persist, begin = self.source:entity(name), self.resumed
  self.counts[#self.counts + 1] = { entity = name, copied = 0 }
  local counter = self.counts[#self.counts]
  local behind
  if begin and begin.entity == name then behind, range.from = begin.id, begin.id end
  for id, json, damage in self.source:items(persist, range) do
    if damage then
      if self.batch:addDamaged(name, id, damage) then self:flush() end
    elseif id ~= behind then
      counter.copied = counter.copied + 1
      self.name, self.id = name, id
      if self.batch:add(name, id, json) then self:flush() end
      self.bar:step(self.before + self.copied + self.batch.count)
    end
  end
end

-- What is damaged before the place where a copy goes on: it was told then, but this run's exit code speaks for all.
-- Where something was found unreadable then, it may not have come to quarantine, and is looked for again.
function Copier:copyDamaged(name, upTo)
  local range = options.rangeOf(self.args)
  range.to = upTo or range.to
  local persist = self.source:entity(name)
  local function add(id, damage)
    if self.batch:addDamaged(name, id, damage) then self:flush() end
  end
  if (self.resumed.unreadable or 0) > 0 then
    for id, _, damage in self.source:items(persist, range) do
      if damage then add(id, damage) end
    end
    return
  end
  for id, damage in walk.quarantined(persist, range) do
    self.source:report(damage.err)
    add(id, damage)
  end
end

function Copier:run(names)
  local begin = self.resumed
  for _, name in ipairs(names) do
    local isBefore = begin and holdfast.naturalOrder(name, begin.entity)
    if begin and (isBefore or name == begin.entity) then self:copyDamaged(name, not isBefore and begin.id or nil) end
    if not isBefore then self:copyName(name, options.rangeOf(self.args)) end
  end
  self:flush()
  if self.args.delete then self:delete(names) end
  self.where:remove()
end

-- Removes what only the target has; a position that is left says that there is nothing more to copy.
function Copier:delete(names)
  self.bar:finish()
  local bar = progress.start { label = "Deleting", unit = "entities" }
  local ok, result = xpcall(mirror.delete, handler, {
    args = self.args, source = self.source, target = self.to, now = self.now, names = names,
    unreadable = self:unreadable(),
    step = function(done)
      bar:step(done)
      self.deleted = done
      checkSignal()
    end,
  })
  bar:finish()
  if not ok then error(result, 0) end
  self.mirror = result
end

-- Says in what ended the copy how far it came.
function Copier:explain(raised)
  if not core.isError(raised) and getmetatable(raised) ~= Interruption then return raised end
  local last = self.last
  raised.copied = self.copied
  raised.hint = last and string.format("copied so far: %s, up to %s:%s; the same command with --resume goes on there",
    text.plural(self.before + self.copied, "entity", "entities"), last.entity, last.id) or "nothing was copied"
  local deleted = self.deleted or 0
  if deleted > 0 then
    raised.hint = string.format("%s (%s deleted)", raised.hint, text.plural(deleted, "entity was", "entities were"))
  end
  return raised
end

-- How many entities there are; nil where only part of them is asked for.
local function totalOf(source, names, args)
  if args.prefix or args.from or args.to then return nil end
  local total = 0
  for _, name in ipairs(names) do total = total + source:entity(name):count() end
  return total
end

-- No host may run on the target: neither where something is written nor where something is removed.
local function claimTarget(args, to, names)
  local guard = leases.guard(to, args)
  for _, name in ipairs(names) do guard:claim(name) end
  for _, name in ipairs(args.delete and mirror.namesOf(to, args, names) or {}) do guard:claim(name) end
  return guard
end

local function copyAll(args, source, to, names, now)
  local where = position.of(args)
  local resumed, leftover = resumePoint(args, to, where, now)
  local self = setmetatable({
    args = args, source = source, to = to, now = now, where = where, resumed = resumed, leftover = leftover,
    batch = batch.new(function(name) return to:entity(name) end),
    before = resumed and resumed.copied or 0, copied = 0, counts = {}, damaged = {}, last = resumed,
    bar = progress.start { label = "Copying", unit = "entities", total = totalOf(source, names, args), stride = 64 },
  }, Copier)
  local ok, raised = xpcall(self.run, handler, self, names)
  self.bar:finish()
  if ok then return self end
  error(self:explain(raised), 0)
end

-- ----------------------------------------------------------------- comparing

local function nothing() end

-- An iterator over what a store has under a name; nothing is opened for a name that it does not have.
local function textsOf(store, known, name, args)
  if known and not has(known, name) then return nothing end
  return store:items(store:entity(name), options.rangeOf(args))
end

-- Compares what was asked for; without names, everything that either store has.
local function compareAll(args, source, to, names, now)
  local ours, theirs = now.names, now:outside(moments.known, to)
  local total, done = totalOf(source, names, args), 0 -- before there are names that only the target has
  if not args.entity then names = sorted(names, theirs or {}) end
  local bar = progress.start { label = "Comparing", unit = "entities", total = total, stride = 64 }
  local function step()
    done = done + 1
    if done % SIGNAL_STRIDE == 0 then checkSignal() end
    bar:step(done)
  end
  local ok, results = pcall(function()
    local list = {}
    for i, name in ipairs(names) do
      local nextTarget = now:outsideEach(now:outside(textsOf, to, theirs, name, args))
      list[i] = compare.compare(textsOf(source, ours, name, args), nextTarget, step)
      list[i].entity = name
    end
    return list
  end)
  bar:finish()
  if not ok then error(results, 0) end
  return results
end

local PROBLEMS = { "missing", "different", "extra", "damaged" }

-- What all comparisons found: how many of each problem.
local function sum(results)
  local all = { found = 0, entities = 0 }
  for _, problem in ipairs(PROBLEMS) do
    all[problem] = 0
    for _, result in ipairs(results) do all[problem] = all[problem] + result[problem] end
    all.found = all.found + all[problem]
  end
  for _, result in ipairs(results) do all.entities = all.entities + result.source.count end
  return all
end

-- -------------------------------------------------------------------- results

-- What became of something that is damaged in the source.
local OUTCOMES = {
  quarantined = "in quarantine in the target too",
  kept = "the target keeps the sound one that it has",
  missing = "not in the target, which cannot keep it as damaged",
}

local function printCopied(copier)
  for _, one in ipairs(copier.damaged) do
    output.line(table.concat({ "damaged", one.name, one.id, OUTCOMES[one.outcome] }, "\t"))
  end
  for _, counter in ipairs(copier.counts) do output.line(string.format("%s\t%.0f", counter.entity, counter.copied)) end
  local earlier = copier.before > 0 and ", " .. text.count(copier.before) .. " before that" or ""
  local damaged = #copier.damaged > 0 and ", " .. text.count(#copier.damaged) .. " damaged in the source" or ""
  output.line(text.plural(copier.copied, "entity", "entities") .. " copied" .. earlier .. damaged)
end

local function printDeleted(result)
  for _, counter in ipairs(result.counts) do
    output.line(string.format("deleted\t%s\t%.0f", counter.entity, counter.deleted))
  end
  output.line(text.plural(result.deleted, "entity", "entities") .. " deleted")
end

local function printComparison(results)
  for _, result in ipairs(results) do
    local source, to = result.source, result.target
    for _, one in ipairs(result.first) do
      output.line(table.concat({ one.problem, result.entity, one.id, one.where }, "\t"))
    end
    local more = result.missing + result.extra + result.different + result.damaged - #result.first
    if more > 0 then output.line("more\t" .. result.entity .. "\t" .. string.format("%.0f", more)) end
    output.line(result.equal and string.format("equal\t%s\t%.0f\t%s", result.entity, source.count, source.hash)
      or string.format("differs\t%s\t%.0f\t%s\t%.0f\t%s", result.entity, source.count, source.hash, to.count, to.hash))
  end
  local all, parts = sum(results), {}
  for _, problem in ipairs(PROBLEMS) do
    if all[problem] > 0 then parts[#parts + 1] = text.count(all[problem]) .. " " .. problem end
  end
  output.line(string.format("%s compared: %s", text.plural(all.entities, "entity", "entities"),
    all.found == 0 and "equal" or table.concat(parts, ", ")))
end

local function list(items)
  return text.raw("[" .. table.concat(items, ",") .. "]")
end

local function positionText(saved)
  return saved and text.raw(text.object("entity", saved.entity, "id", saved.id, "copied", saved.copied)) or nil
end

local function sideText(side) return text.raw(text.object("count", side.count, "hash", side.hash)) end

local function deletedTexts(result)
  local deleted = {}
  for i, counter in ipairs(result and result.counts or {}) do
    deleted[i] = text.object("entity", counter.entity, "deleted", counter.deleted)
  end
  return deleted
end

local function damagedTexts(all)
  local damaged = {}
  for i, one in ipairs(all) do
    damaged[i] = text.object("entity", one.name, "id", text.utf8(one.id), "problem", text.utf8(one.problem),
      "outcome", one.outcome)
  end
  return damaged
end

local function machineText(copier, results, unreadable)
  local copied, compared = {}, {}
  local mirrored = copier and copier.mirror
  for i, counter in ipairs(copier and copier.counts or {}) do
    copied[i] = text.object("entity", counter.entity, "copied", counter.copied)
  end
  for i, result in ipairs(results or {}) do
    local first = {}
    for k, one in ipairs(result.first) do
      first[k] = text.object("problem", one.problem, "id", text.utf8(one.id), "where", one.where)
    end
    compared[i] = text.object("entity", result.entity, "equal", result.equal, "source", sideText(result.source),
      "target", sideText(result.target), "missing", result.missing, "different", result.different,
      "extra", result.extra, "damaged", result.damaged, "first", list(first))
  end
  return text.object("copied", copier and copier.copied, "entities", copier and list(copied),
    "deleted", mirrored and mirrored.deleted, "deletedEntities", mirrored and list(deletedTexts(mirrored)),
    "notDeleted", mirrored and mirrored.kept, "unreadable", unreadable,
    "damaged", copier and list(damagedTexts(copier.damaged)), "resumedBehind", copier and positionText(copier.resumed),
    "leftover", copier and positionText(copier.leftover),
    "equal", results and sum(results).found == 0, "compared", results and list(compared))
end

-- ------------------------------------------------------------------- command

local function checkArguments(args)
  local function refuse(message) error(core.error("invalid_argument", message), 0) end
  if args.entity and #args.entity == 0 then args.entity = nil end
  if args.verify_only and args.resume then refuse("--verify-only copies nothing: there is nothing to --resume") end
  if args.verify_only and args.delete then refuse("--verify-only changes nothing: there is nothing to --delete") end
  args.verify = args.verify or args.verify_only
end

-- What is done at one moment of the source.
local function copyAndCompare(args, source, to, names, now)
  local copier, results
  if not args.verify_only then copier = copyAll(args, source, to, names, now) end
  if copier and not args.json then
    printCopied(copier)
    if copier.mirror then printDeleted(copier.mirror) end
  end
  if args.verify then results = compareAll(args, source, to, names, now) end
  if results and not args.json then printComparison(results) end
  return copier, results
end

-- A snapshot leaves what is unreadable where it is: read once more, it comes to quarantine, from where its bytes are
-- known, also for the target.
local function settle(source, to)
  for _, err in ipairs(source.found) do
    local persist = source:entity(err.entityName)
    local ok, raised = pcall(core.readText, persist, err.entityId)
    if core.isError(raised, "unavailable") or core.isError(raised, "timeout") then return end
    local damage = not ok and core.isError(raised, "corrupt") and walk.damageOf(persist, err.entityId, raised)
    if damage and damage.bytes and to then
      pcall(core.quarantine, to:entity(err.entityName), err.entityId, damage.problem, damage.bytes)
    end
  end
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

local function work(args)
  checkArguments(args)
  local source = target.open { url = args.source, readonly = args.readonly, json = args.json }
  local names = namesOf(source, args)
  local to = openTarget(args, source, not args.verify_only)
  source.hint, to.hint = "in " .. text.url(args.source), "in " .. text.url(args.target)
  local guard
  if not args.verify_only then
    if names[1] then refuseSameBelow(args, source, to, names[1]) end
    guard = claimTarget(args, to, names)
  end
  local copier, results
  local ok, raised = xpcall(moments.run, handler, source, names, not args.entity, args.json, function(now, present)
    for _, name in ipairs(guard and present or {}) do now:outside(guard.claim, guard, name) end
    copier, results = copyAndCompare(args, source, to, present, now)
  end)
  settle(source, not args.verify_only and to or nil)
  if guard then guard:release() end
  if not ok then error(raised, 0) end
  if args.json then output.line(machineText(copier, results, source.unreadable + to.unreadable)) end
  local code = math.max(source:exitCode(), to:exitCode(), complainEarlier(args, source, copier),
    complainKept(args, source, copier))
  return code == 0 and results and sum(results).found > 0 and 1 or code
end

-- Whether a signal ended the work: at its next good moment, or by ending a wait for a server.
local function wasInterrupted(raised, signal)
  if getmetatable(raised) == Interruption then return true end
  return signal and (core.isError(raised, "unavailable") or core.isError(raised, "timeout"))
end

local function copy(args)
  interrupt.watch()
  local ok, result = xpcall(work, handler, args)
  local signal = interrupt.signal()
  interrupt.unwatch()
  if ok then return result end
  if not wasInterrupted(result, signal) then error(result, 0) end
  output.complain({ code = "interrupted", message = "interrupted", hint = result.hint, copied = result.copied,
    cause = result.message }, args.json)
  return 128 + signal
end

return {
  summary = "Copy entities from one store into another.",
  description = "Copies everything, or the entity names given, between stores of any kinds, and creates TO where\n"
    .. "there is none.  What TO has under the same ids is replaced, what it has beside them stays, unless\n"
    .. "--delete makes TO a mirror.  The text of a value comes over as it is, where both keep texts.\n"
    .. "Prints how many entities of each name were copied, and deleted.\n\n"
    .. "A copy that ends early (Ctrl-C, a crash, a full disk) is continued by the same command with\n"
    .. "--resume.  Its position is kept in $XDG_STATE_HOME/holdfast (~/.local/state/holdfast).\n\n"
    .. "What is damaged in FROM, found now or in quarantine already, is reported, and the exit code is 3.\n"
    .. "It goes into TO's quarantine where TO has one (lmdb, file, memory); a line in the output says what\n"
    .. "became of each.  A sound entity of TO stays.  FROM is not locked: it is read at one moment where it\n"
    .. "has snapshots, and may change meanwhile where it has none; --verify tells, by exit code 1.\n\n"
    .. "After a FROM that is empty, damaged or was not read to its end, --delete deletes nothing.  A store\n"
    .. "on which a strategy host runs is not written to.  --force does both all the same.",
  examples = {
    "holdfast copy ./data file:./plain",
    "holdfast copy ./data redis://localhost/0 --entity signal --entity risk --verify",
    "holdfast copy ./data ./backup --resume",
    "holdfast copy ./data ./backup --delete --verify",
    "holdfast copy ./data ./backup --verify-only",
  },
  arguments = function(command)
    command:argument("FROM"):argname("FROM"):target("source")
      :description("The store to read: a directory (LMDB) or a store URL.")
    command:argument("TO"):argname("TO"):target("target"):description("The store to write.")
    command:option("--entity"):argname("NAME"):count("*"):description("Only this entity name; may be repeated.")
    options.part(command)
    command:flag("--delete"):description("Then remove from TO what FROM does not have, within what is copied.")
    command:flag("--verify"):description("Then read both stores and compare counts, hashes and every entity.")
    command:flag("--verify-only"):description("Copy nothing: only compare.")
    command:flag("--resume"):description("Go on where the same copy ended early.")
    command:flag("--readonly"):description("Open FROM for reading only: not even quarantine is written.")
    options.durability(command)
    options.force(command, "Write to a store on which a host runs; with --delete, after an empty or damaged FROM.")
  end,
  run = copy,
}
