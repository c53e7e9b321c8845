-- SPDX-License-Identifier: MIT
--
-- verify: the store itself looked at, then every entity checked, and what is unreadable set aside.  Collections that
-- are not what was written are told of, and read all the same.

local core = require "holdfast.core"
local indexCheck = require "holdfast.cli.store.index_check"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local refuse = require "holdfast.cli.console.refuse"
local scan = require "holdfast.cli.store.scan"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function summary(report, args, incomplete)
  local checked = string.format("%s checked, %s", text.plural(report.entities, "entity", "entities"),
    text.bytes(report.bytes))
  if report.corrupt == 0 and report.quarantined == 0 then
    return checked .. ": all are readable" .. (#incomplete > 0 and ", but not all that was written is there" or "")
  end
  local parts = {}
  if report.corrupt > 0 then parts[1] = text.count(report.corrupt) .. " corrupt" end
  if report.quarantined > 0 then parts[#parts + 1] = text.count(report.quarantined) .. " in quarantine" end
  return checked .. ": " .. table.concat(parts, ", ") .. (args.dry_run and " (dry run: nothing was moved)" or "")
end

-- What is in quarantine now, but for what this run has just told as corrupt.
local function listQuarantined(store, args, problems)
  local told, list = {}, {}
  for _, p in ipairs(problems) do told[p.entityName .. "\0" .. p.entityId] = true end
  for _, name in ipairs(args.entity and { args.entity } or store:names()) do
    for id, damage in scan.quarantined(store:entity(name)) do
      if not told[name .. "\0" .. id] then
        list[#list + 1] = { entityName = name, entityId = id, problem = damage.problem }
      end
    end
  end
  return list
end

local function problemTexts(problems)
  local list = {}
  for i, p in ipairs(problems) do
    list[i] = text.object("entity", p.entityName, "id", text.utf8(p.entityId), "problem", text.utf8(p.problem))
  end
  return text.list(list)
end

-- What is wrong with the store itself, empty where it can be opened, and for a store of another kind; and the
-- collections that are not what was written.
local function damageOf(args)
  local ok, report = pcall(core.checkStore, args.url)
  if not ok then
    -- Who opens it says that it is missing, and what can be done.
    if core.isError(report, "unsupported") or core.isError(report, "not_found") then return {}, {} end
    error(report, 0)
  end
  local problems, incomplete = { count = report.damaged }, {}
  for _, finding in ipairs(report.findings) do
    if finding.damage then
      local list = finding.incomplete and incomplete or problems
      list[#list + 1] = finding
    end
  end
  return problems, incomplete
end

local function findingTexts(findings)
  local list = {}
  for i, finding in ipairs(findings) do
    local name = text.utf8(finding.entityName or "")
    list[i] = text.object("entity", name, "page", finding.page, "problem", finding.problem)
  end
  return text.list(list)
end

local function tellDamage(problems, args)
  if args.json then
    output.line(text.object("damaged", problems.count, "structure", findingTexts(problems)))
    return
  end
  for _, finding in ipairs(problems) do
    output.line(string.format("damaged\t%s\t%s", finding.entityName or "", finding.problem))
  end
  output.line(string.format("The store itself is damaged in %s, so no entity was read.  Put a backup in its place, or",
    text.plural(problems.count, "place")))
  output.line("take out what is left: holdfast rescue STORE NEW")
end

local function verify(args)
  if args.repair and (args.dry_run or args.readonly) then
    refuse.call "--repair builds damaged indexes again: it goes with neither --dry-run nor --readonly"
  end
  local damage, incomplete = damageOf(args)
  if #damage > 0 then
    tellDamage(damage, args)
    return 1
  end
  local store = target.open(args)
  local problems = {}
  local total = store:total(args.entity and { args.entity } or store:names())
  local bar = progress.start { label = "Verifying", unit = "entities", total = total }
  local report = store.store:verify {
    entityName = args.entity,
    dryRun = args.dry_run or args.readonly or false,
    onEvent = function(event)
      if event.entityId then problems[#problems + 1] = event end
      bar:step(event.report.entities)
      return true
    end,
  }
  bar:finish()
  if args.entity and report.entities == 0 then store:requireName(args.entity) end
  local quarantined = listQuarantined(store, args, problems)
  local indexes = indexCheck.check(store, args, args.entity and { args.entity } or store:names())
  if args.json then
    output.line(text.object("entities", report.entities, "bytes", report.bytes, "corrupt", report.corrupt,
      "quarantined", report.quarantined, "dryRun", args.dry_run or args.readonly or false,
      "problems", problemTexts(problems), "inQuarantine", problemTexts(quarantined),
      "incomplete", findingTexts(incomplete), unpack(indexes:members(), 1, indexCheck.MEMBERS)))
  else
    for _, finding in ipairs(incomplete) do
      output.line(string.format("incomplete\t%s\t%s", finding.entityName or "", finding.problem))
    end
    for _, p in ipairs(problems) do
      output.line(string.format("corrupt\t%s\t%s\t%s", p.entityName, p.entityId, p.problem))
    end
    for _, p in ipairs(quarantined) do
      output.line(string.format("quarantined\t%s\t%s\t%s", p.entityName, p.entityId, p.problem))
    end
    indexes:tellProblems()
    output.line(summary(report, args, incomplete))
    indexes:tell()
    if report.quarantined > 0 then
      output.line("An entity in quarantine is out of use until it is written again (put, import) or removed (rm).")
    end
    if #incomplete > 0 then
      output.line("What is missing is not known.  Put a backup in the place of the store, or go on with what is")
      output.line("there in a new one: holdfast copy STORE NEW")
    end
  end
  return (report.corrupt > 0 or report.quarantined > 0 or #incomplete > 0 or indexes.left > 0) and 1 or 0
end

return {
  summary = "Check every entity, and set aside what is unreadable.",
  description = "Looks at all pages of an LMDB store, trusting no byte of them.  If they are damaged, it says where\n"
    .. "(one line each: damaged, entity name, what is wrong) and stops.  In a store of format 2 it compares\n"
    .. "how many entities are there, and a hash over them, with what was written (one line each: incomplete,\n"
    .. "entity name, what is wrong).  Then it\n"
    .. "reads every entity and checks its header, checksum, key and JSON.  What is unreadable is moved to\n"
    .. "quarantine inside the store, where its bytes are kept.  One line per problem: corrupt (found now) or\n"
    .. "quarantined (found before), entity name, id and what is wrong, by tabs.  Last it compares each\n"
    .. "index with the entities, in both directions (one line for each difference: index, entity name,\n"
    .. "index, id, what is wrong); --repair builds those again that do not agree.  Exit code 1 if anything\n"
    .. "is corrupt, incomplete or in quarantine, or an index is not what it should be in the end.",
  examples = { "holdfast verify ./data", "holdfast verify ./data signal --dry-run", "holdfast verify ./data --repair" },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    command:flag("--dry-run"):description("Only look; move nothing to quarantine.")
    command:flag("--repair"):description("Build indexes again that do not agree with the entities.")
    options.readonly(command)
  end,
  run = verify,
}
