-- SPDX-License-Identifier: MIT
--
-- promote: makes a store that follows another one a store of its own.

local clock = require "holdfast.util.clock"
local core = require "holdfast.core"
local follows = require "holdfast.follows"
local holding = require "holdfast.cli.following.holding"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function refuse(code, hint, message, ...)
  local err = core.error(code, message:format(...))
  err.hint = hint
  error(err, 0)
end

local function readNote(args, note)
  local ok, says = pcall(note.read, note)
  if ok then return says end
  if not args.force or not core.isError(says, "corrupt") then error(says, 0) end
  return { source = "another store", state = "following", revision = 0, at = 0, isDamaged = true }
end

local function tell(args, says)
  local age = says.at > 0 and math.max(0, clock.wall() - says.at) or nil
  if args.json then
    output.line(text.object("source", says.source, "state", says.state, "revision", says.revision, "exact", says.exact,
      "at", says.at > 0 and says.at or nil, "age", age))
    return
  end
  output.line(("%s is a store of its own.  It has followed %s until revision %s%s"):format(text.url(args.url),
    says.source, text.whole(says.revision), age and (", whose newest change is of %s, %s ago"):format(
      text.time(says.at), text.span(age)) or ""))
end

local function run(args)
  local store = target.open(args)
  local holder = holding.holder(store)
  if holder and not args.force then
    refuse("busy", "end that first; --force promotes all the same, and it will end",
      "%s is followed into by %s", text.url(args.url), holder)
  end
  local note = follows.of(function(name) return store:entity(name) end)
  local says = readNote(args, note)
  if not says then refuse("not_found", nil, "%s follows no store", text.url(args.url)) end
  if says.state == "copying" and not args.force then
    refuse("conflict", "'holdfast follow' copies it to its end; --force promotes what is there",
      "%s does not have all of %s yet: the copy was broken off", text.url(args.url), says.source)
  end
  note:write(nil)
  tell(args, says)
  return 0
end

return {
  summary = "Make a store that follows another one a store of its own.",
  description = "From then on hosts and other programs can write to it, and 'holdfast follow' does not any more.\n"
    .. "End what writes to the store that it followed first: two hosts on two copies open positions twice.\n\n"
    .. "Prints until which revision of that store it has everything, and how old that is.",
  examples = { "holdfast promote ./standby" },
  arguments = function(command)
    options.url(command)
    options.force(command, "Promote also while it is followed into, or a store whose first copy was broken off.")
  end,
  run = run,
}
