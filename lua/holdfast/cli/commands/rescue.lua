-- SPDX-License-Identifier: MIT
--
-- rescue: what is left of a damaged LMDB store, into a new one.  Restored is what is present: what the
-- store's newest commit reaches, and what the damage cut off from it.  What lies on room that was given back, older
-- versions and entities that were removed, is listed and never restored: a closed position must not come back.

local core = require "holdfast.core"
local batch = require "holdfast.cli.store.batch"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

-- Entity names for what was cut off and has none: those of one page together, where no id is twice.
local APART = "rescued-page-%d"

local function openNew(args)
  local new = target.open({ url = args.target, durability = args.durability, json = args.json }, true)
  for _, name in ipairs(new:names()) do
    if new:entity(name):count() > 0 then
      refuse.call("%s has entities: give a place where there is no store", args.target)
    end
  end
  return new
end

-- What is told of each record that is not simply restored under its name.
local function lineOf(record, args)
  local name = record.entityName or ""
  if record.kind == "apart" then name = APART:format(record.page) end
  if args.json then
    return text.object("kind", record.kind, "entity", name, "id", text.utf8(record.id), "revision", record.revision,
      "page", record.page)
  end
  return string.format("%s\t%s\t%s\t%s", record.kind == "cutOff" and "cut-off" or record.kind, name, record.id,
    record.kind == "damaged" and "it is unreadable" or text.whole(record.revision))
end

local function writerOf(new)
  local writing = batch.new(function(name) return new:entity(name) end)
  local writer = { restored = 0 }
  function writer.take(record)
    local full
    if record.kind == "damaged" then
      if not record.entityName then return end
      full = writing:addDamaged(record.entityName, record.id,
        { problem = "it was unreadable in the store that it was rescued from", bytes = record.text })
    elseif record.kind ~= "old" then
      full = writing:add(record.entityName or APART:format(record.page), record.id, record.text)
    end
    if full then writer.flush() end
  end
  function writer.flush() writer.restored = writer.restored + writing:write() end
  return writer
end

local NO_HEADER = "No header of the store is left, so nothing can be said to be present: all is listed as old."
local HEADER_LOST = "A header is damaged.  This is the state of commit %s; if there was one after it, what it changed\n"
  .. "is among the old."
local FREE_LIST_LOST = "The list of free pages is damaged: what was cut off cannot be told from what was removed, and\n"
  .. "is among the old."

-- What puts the state itself in doubt.
local function warnings(report)
  if report.commit == 0 then return { NO_HEADER } end
  local list = {}
  if report.newestLost then list[1] = HEADER_LOST:format(text.whole(report.commit)) end
  if report.freeListLost then list[#list + 1] = FREE_LIST_LOST end
  return list
end

local function summarize(report, restored, args)
  if args.json then
    output.line(text.object("commit", report.commit, "restored", restored, "present", report.present,
      "cutOff", report.cutOff, "apart", report.apart, "damaged", report.damaged, "old", report.old,
      "lost", report.lost or text.raw("null"), "newestLost", report.newestLost, "freeListLost", report.freeListLost))
    return
  end
  for _, warning in ipairs(warnings(report)) do output.line(warning) end
  output.line(string.format("%s restored: %s present, %s cut off by the damage, %s apart; %s unreadable",
    text.plural(restored, "entity", "entities"), text.count(report.present), text.count(report.cutOff),
    text.count(report.apart), text.count(report.damaged)))
  if not report.lost then
    output.line("How many entities are lost cannot be told.")
  elseif report.lost > 0 then
    output.line(text.plural(report.lost, "entity", "entities") .. " lost: nothing of the present state is left of "
      .. (report.lost == 1 and "it" or "them"))
  end
  if report.old > 0 then
    output.line(text.count(report.old) .. " old, not restored: versions of before, and what was removed")
  end
end

local function rescue(args)
  if not args.dry_run and not args.target then refuse.call("give a place for the new store, or --dry-run") end
  core.checkStore(args.url) -- says that there is none, or that it is of another kind, before one is made
  local writer = not args.dry_run and writerOf(openNew(args))
  local report = core.rescueStore(args.url, function(record)
    if record.kind ~= "present" then output.line(lineOf(record, args)) end
    if writer then writer.take(record) end
  end)
  if writer then writer.flush() end
  summarize(report, writer and writer.restored or 0, args)
  local missing = report.lost ~= 0 or report.apart + report.damaged > 0
  return (missing or report.newestLost or report.freeListLost) and 3 or 0
end

return {
  summary = "Take what is left of a damaged store into a new one.",
  description = "Reads the pages of a damaged LMDB store, without opening it, and writes what is present into a\n"
    .. "new store: what the newest commit reaches, and what the damage has cut off from it.  Where the\n"
    .. "entity name of such a page cannot be told, its entities are put apart, as rescued-page-N.\n"
    .. "One line, by tabs, for all that are not simply present: cut-off or apart, with name, id and\n"
    .. "revision; damaged (in quarantine in the new store); old, which is on room that was given back:\n"
    .. "a version of before, or something that was removed.  What is old is never restored.\n"
    .. "Exit code 3 if something is lost, unreadable or apart, or if the newest state itself is in doubt.",
  examples = { "holdfast rescue ./data ./new", "holdfast rescue ./data --dry-run" },
  arguments = function(command)
    options.url(command)
    command:argument("NEW"):argname("NEW"):target("target"):args("?")
      :description("Where to: a store that has no entities yet.")
    command:flag("--dry-run"):description("Only list what there is; write nothing.")
    options.durability(command)
  end,
  run = rescue,
}
