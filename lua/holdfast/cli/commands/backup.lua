-- SPDX-License-Identifier: MIT
--
-- backup: all of a store as of one moment, in a file.

local core = require "holdfast.core"
local interruption = require "holdfast.cli.console.interruption"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function tell(report, args)
  if args.json then
    return output.line(text.object("file", args.file, "revision", report.revision, "at", report.at,
      "bytes", report.bytes, "grown", report.grown))
  end
  output.line(string.format("revision %s of %s: %s in %s", text.whole(report.revision), text.time(report.at),
    text.bytes(report.bytes), args.file))
  if report.grown > 0 then
    output.line(string.format("The store grew by %s meanwhile, which it uses again.", text.bytes(report.grown)))
  end
end

local function backup(args)
  local store = target.open(args)
  local bar
  local function onProgress(done, total)
    bar = bar or progress.start { label = "Backing up", total = total, bytes = true }
    bar:step(done)
    return interruption.signal() == nil
  end
  interruption.listen()
  local ok, report = pcall(store.store.backup, store.store, args.file, onProgress)
  interruption.unwatch()
  if bar then bar:finish() end
  if not ok and core.isError(report, "busy") and interruption.signal() then
    return interruption.complain(args, { hint = args.file .. " is as it was" })
  end
  if not ok then error(report, 0) end
  tell(report, args)
  return 0
end

return {
  summary = "Write all of a store, as of one moment, to a file.",
  description = "Writes an LMDB store to FILE while others go on writing: all entity names, quarantine, settings,\n"
    .. "indexes and the log of changes, without free room.  A FILE that is there is replaced once the new\n"
    .. "one is whole and flushed.  `restore` makes a store of it, and tells one that was cut off or\n"
    .. "changed.  A damaged store is not backed up: FILE stays as it was.  For other stores there is\n"
    .. "`export`.",
  examples = { "holdfast backup ./data /backup/bot.hfb" },
  arguments = function(command)
    options.url(command)
    command:argument("FILE"):argname("FILE"):target("file"):description("The file, which is made or replaced.")
    options.readonly(command)
  end,
  run = backup,
}
