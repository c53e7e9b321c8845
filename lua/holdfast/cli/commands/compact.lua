-- SPDX-License-Identifier: MIT
--
-- compact: room that is free in a store, given back to the disk.

local core = require "holdfast.core"
local locks = require "holdfast.cli.store.locks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local text = require "holdfast.cli.console.text"

local function tell(report, args)
  if args.json then
    return output.line(text.object("url", text.url(args.url), "before", report.before, "after", report.after,
      "exchanged", report.exchanged, "reason", report.reason))
  end
  output.line(string.format("%s on the disk, %s before", text.bytes(report.after), text.bytes(report.before)))
  if report.reason then
    output.line(string.format("Free pages were given back where they are, since %s.", report.reason))
  end
end

local function compact(args)
  locks.refuseHosts("its file", args.url, args)
  local said = progress.say "Compacting ..."
  local ok, report = pcall(core.compactStore, args.url)
  said:finish()
  if not ok then error(report, 0) end
  tell(report, args)
  return 0
end

return {
  summary = "Give free room in a store back to the disk.",
  description = "What is removed from an LMDB store leaves room in its file, which later writes use.  This gives\n"
    .. "it back: where nobody else has the store open, a compact copy takes the place of the file;\n"
    .. "otherwise its free pages are given back where they are, as far as nobody reads them, and the\n"
    .. "file's length stays.  Nobody need stop for it.  A store on which a strategy host runs is left\n"
    .. "alone unless --force is given.",
  examples = { "holdfast compact ./data" },
  arguments = function(command)
    options.url(command)
    options.force(command, "Also while a strategy host runs on it.")
  end,
  run = compact,
}
