-- SPDX-License-Identifier: MIT
--
-- restore: a store of a backup, where there is none.

local core = require "holdfast.core"
local interruption = require "holdfast.cli.console.interruption"
local locks = require "holdfast.cli.store.locks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local text = require "holdfast.cli.console.text"

local function tell(report, args)
  if args.json then
    return output.line(text.object("url", text.url(args.url), "revision", report.revision, "at", report.at,
      "bytes", report.bytes))
  end
  output.line(string.format("%s restored from the backup of %s; it is at revision %s", text.url(args.url),
    text.time(report.at), text.whole(report.revision)))
end

local function restore(args)
  local bar
  local function onProgress(done, total)
    bar = bar or progress.start { label = "Restoring", total = total, bytes = true }
    bar:step(done)
    return interruption.signal() == nil
  end
  locks.refuseHosts("what is there", args.url, args)
  interruption.listen()
  local ok, report = pcall(core.restoreStore, args.file, args.url, args.at, onProgress)
  interruption.unwatch()
  if bar then bar:finish() end
  if not ok and core.isError(report, "busy") and interruption.signal() then
    return interruption.complain(args, { hint = "no store was made" })
  end
  if not ok then error(report, 0) end
  tell(report, args)
  return 0
end

return {
  summary = "Make a store of a backup.",
  description = "Makes an LMDB store of a file that `backup` wrote, in a place where there is none.  The file is\n"
    .. "compared with its checksums first: one that was cut off or changed is refused.  Until the store\n"
    .. "is whole there is nothing; then revisions go on where those of the backup end.\n\n"
    .. "With --at it is as it was at an earlier moment, as far as the history in the backup reaches: what\n"
    .. "has changed since is put back in one commit.",
  examples = { "holdfast restore /backup/bot.hfb ./data",
    "holdfast restore /backup/bot.hfb ./data --at 2026-11-27T12:00:00Z" },
  arguments = function(command)
    command:argument("FILE"):argname("FILE"):target("file"):description("A backup.")
    command:argument("URL"):argname("URL"):target("url")
      :description("Where to: a directory in which there is no store.")
    options.at(command)
    options.force(command, "Also where a strategy host holds a lock.")
  end,
  run = restore,
}
