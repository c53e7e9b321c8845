-- SPDX-License-Identifier: MIT
--
-- rescue: what is left of a damaged LMDB store, into a new one.  Restored is what is present: what the
-- store's newest commit reaches, and what the damage cut off from it.  What lies on room that was given back, older
-- versions and entities that were removed, is listed and never restored: a closed position must not come back.

local core = require "holdfast.core"
local batch = require "holdfast.cli.store.batch"
local indexes = require "holdfast.cli.store.indexes"
local kept = require "holdfast.cli.store.kept"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

-- Entity names for what has none: those of one page, or of one damaged name, together, where no id is twice.
local APART = "rescued-page-%d"

local function nameOf(record) return record.apart and APART:format(record.apart) or record.entityName or "" end

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
  local name = nameOf(record)
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
      full = writing:addDamaged(nameOf(record), record.id,
        { problem = "it was unreadable in the store that it was rescued from", bytes = record.text })
    elseif record.kind ~= "old" then
      full = writing:add(nameOf(record), record.id, record.text)
    end
    if full then writer.flush() end
  end
  function writer.flush() writer.restored = writer.restored + writing:write() end
  return writer
end

-- Collects what is no record, and the damaged names.
local function collector()
  local found = { kept = kept.new(), written = {}, damagedNames = {} }
  local byNumber = {}
  function found.take(record)
    if record.kind == "kept" then
      found.kept:take(record)
    elseif record.kind == "written" then
      found.written[#found.written + 1] = record
    elseif record.apart and record.entityName then
      local name = byNumber[record.apart]
      if not name then
        name = { apart = nameOf(record), name = record.entityName, count = 0 }
        byNumber[record.apart] = name
        found.damagedNames[#found.damagedNames + 1] = name
      end
      name.count = name.count + 1
    end
    return record.kind == "kept" or record.kind == "written"
  end
  return found
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

local KEPT_LOST = "What the store has kept of itself is damaged: settings may be missing, and are standard ones then."
local WRITTEN_LOST = "How many entities were written cannot be told%s, and so not whether all are back."

-- The bytes of a damaged name, for a person.
local function quoted(name)
  return '"' .. name:gsub('[%c"\\\128-\255]', function(c) return string.format("\\x%02x", c:byte()) end) .. '"'
end

-- What there is to say of a collection beside "99 of 100"; nil: all is as it was written.
local function oddity(record)
  if record.isRenamed then return "they were written under another name: this one is damaged" end
  if not record.entityName then return "the name is not left" end
  if record.written == 0 then return "none was written under this name: it is damaged" end
  if record.back > record.written then return "one that was removed may be among them" end
  if record.isOther then return "and not the same: one is an older version, or damaged" end
end

local function isRight(record) return record.back == record.written and not record.apart and not oddity(record) end

local function writtenLine(record)
  local name = record.apart and nameOf(record) or record.entityName or "(a name)"
  local odd = oddity(record)
  return string.format("%s: %s of %s%s", name, text.count(record.back), text.count(record.written),
    odd and ": " .. odd or "")
end

local function shown(value) return type(value) == "number" and text.whole(value) or tostring(value) end

-- What was taken over of what the store kept of itself.
local function settingsLines(own, report, lines)
  local parts = { own.format > 1 and "format=" .. own.format or nil }
  for _, setting in ipairs(own.settings) do parts[#parts + 1] = setting.name .. "=" .. shown(setting.value) end
  if #parts > 0 then lines[#lines + 1] = "Settings: " .. table.concat(parts, ", ") end
  local named = {}
  for i, one in ipairs(own.indexes) do
    named[i] = one.entity .. " " .. indexes.nameOf(one) .. (one.unique and " (unique)" or "")
  end
  if #named > 0 then lines[#lines + 1] = "Indexes: " .. table.concat(named, "; ") end
  for _, one in ipairs(own.refused) do
    lines[#lines + 1] = string.format("Not taken over: %s: %s", one.what, one.problem)
  end
  if report.keptLost then lines[#lines + 1] = KEPT_LOST end
end

local function foundLines(report, found)
  local lines = {}
  for _, name in ipairs(found.damagedNames) do
    lines[#lines + 1] = string.format("An entity name is damaged: %s are apart, as %s; what is left of it is %s",
      text.plural(name.count, "entity", "entities"), name.apart, quoted(name.name))
  end
  for _, record in ipairs(found.written) do lines[#lines + 1] = writtenLine(record) end
  if report.writtenLost then lines[#lines + 1] = WRITTEN_LOST:format(#found.written > 0 and " of all names" or "") end
  settingsLines(found.kept, report, lines)
  return lines
end

local function foundObjects(found)
  local written, refused, settings = {}, {}, { "format", found.kept.format }
  for i, record in ipairs(found.written) do
    local name = record.apart and nameOf(record) or record.entityName
    written[i] = text.object("entity", name or text.raw("null"), "written", record.written, "back", record.back,
      "note", oddity(record))
  end
  for i, one in ipairs(found.kept.refused) do refused[i] = text.object("what", one.what, "problem", one.problem) end
  for _, setting in ipairs(found.kept.settings) do
    settings[#settings + 1] = text.utf8(setting.name)
    settings[#settings + 1] = type(setting.value) == "string" and text.utf8(setting.value) or setting.value
  end
  return text.list(written), text.raw(text.object(unpack(settings))), text.list(refused)
end

local function summarize(report, restored, found, args)
  if args.json then
    local written, settings, refused = foundObjects(found)
    output.line(text.object("commit", report.commit, "restored", restored, "present", report.present,
      "cutOff", report.cutOff, "apart", report.apart, "damaged", report.damaged, "old", report.old,
      "lost", report.lost or text.raw("null"), "newestLost", report.newestLost, "freeListLost", report.freeListLost,
      "keptLost", report.keptLost, "writtenLost", report.writtenLost, "entities", written, "settings", settings,
      "indexes", indexes.json(found.kept.indexes), "notTakenOver", refused))
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
  for _, line in ipairs(foundLines(report, found)) do output.line(line) end
end

-- Whether something is missing or in doubt.
local function isDoubtful(report, found)
  for _, record in ipairs(found.written) do
    if not isRight(record) then return true end
  end
  return report.lost ~= 0 or report.apart + report.damaged + #found.kept.refused > 0 or report.newestLost
    or report.freeListLost or report.keptLost or report.writtenLost
end

local function rescue(args)
  if not args.dry_run and not args.target then refuse.call("give a place for the new store, or --dry-run") end
  core.checkStore(args.url) -- says that there is none, or that it is of another kind, before one is made
  local new = not args.dry_run and openNew(args)
  local writer, found = new and writerOf(new), collector()
  local report = core.rescueStore(args.url, function(record)
    if found.take(record) then return end
    if record.kind ~= "present" then output.line(lineOf(record, args)) end
    if writer then writer.take(record) end
  end)
  if writer then
    writer.flush()
    found.kept:give(new)
  end
  summarize(report, writer and writer.restored or 0, found, args)
  return isDoubtful(report, found) and 3 or 0
end

return {
  summary = "Take what is left of a damaged store into a new one.",
  description = "Reads the pages of a damaged LMDB store, without opening it, and writes what is present into a\n"
    .. "new store: what the newest commit reaches, and what the damage has cut off from it.  Where the\n"
    .. "entity name of such a page cannot be told, or a name is damaged, its entities are put apart, as\n"
    .. "rescued-page-N.\n"
    .. "One line, by tabs, for all that are not simply present: cut-off or apart, with name, id and\n"
    .. "revision; damaged (in quarantine in the new store); old, which is on room that was given back:\n"
    .. "a version of before, or something that was removed.  What is old is never restored.\n"
    .. "At the end, of each name how many entities came back of those that were written (format 2), and\n"
    .. "the settings and indexes, which the new store gets as far as they are sound.\n"
    .. "Exit code 3 if something is lost, unreadable or apart, or if the newest state or a setting is in\n"
    .. "doubt.",
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
