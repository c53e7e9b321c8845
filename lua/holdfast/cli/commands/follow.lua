-- SPDX-License-Identifier: MIT
--
-- follow: a store that gets whatever changes in another one: what is there, and then every commit as it comes.

local beginning = require "holdfast.cli.following.beginning"
local checking = require "holdfast.cli.following.checking"
local comparing = require "holdfast.cli.copying.comparison"
local core = require "holdfast.core"
local followers = require "holdfast.cli.following.follower"
local follows = require "holdfast.follows"
local holding = require "holdfast.cli.following.holding"
local interruption = require "holdfast.cli.console.interruption"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local pair = require "holdfast.cli.copying.pair"
local report = require "holdfast.cli.copying.report"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function untilOption(word)
  if word == "caught-up" then return word end
  local n = options.wholeNumber(word)
  if n and n > 0 then return n end
  return nil, ("--until: '%s' is neither a revision nor 'caught-up'"):format(word)
end

local function checkArguments(args)
  if args.entity and #args.entity == 0 then args.entity = nil end
  if args.entity then args.entity = pair.sorted(args.entity) end
  if args.verify and args["until"] == nil then args["until"] = "caught-up" end
end

-- The note is none of the entities.
local function hideNote(to)
  local names = to.names
  function to:names() -- luacheck: ignore 212
    local list = {}
    for _, name in ipairs(names(to)) do
      if name ~= follows.ENTITY then list[#list + 1] = name end
    end
    return list
  end
end

-- Says where it is: to a person in words, to a program as an object.
local function tell(args, event, follower, copied)
  local says = follower.says
  if args.json then
    output.line(text.object("event", event, "revision", follower:revision(), "newest", follower.newest, "exact",
      says.exact, "at", says.at > 0 and says.at or nil, "changes", follower.brought, "copied", copied,
      "state", says.state))
  else
    output.line(("%s at revision %s of %s: %s%s"):format(event, text.whole(follower:revision()), says.source,
      text.plural(follower.brought, "change", "changes"),
      says.state == "copying" and ", and not all of what was there at first" or ""))
  end
  output.flush()
end

-- Whether it has come as far as is asked for.
local function isDone(args, follower)
  local till = args["until"]
  if not till then return false end
  if follower.says.state == "copying" then return false end
  if till == "caught-up" then return follower:isAtTip() end
  return follower:revision() >= till
end

local function followOn(args, follower, begun)
  local told = false
  follower:run(function()
    if not told and follower:isAtTip() then
      told = true
      tell(args, "caught up", follower, begun.copied)
    end
    return isDone(args, follower)
  end)
end

-- The exit code: 1 where they differ.
local function compare(args, follower)
  local results = checking.compare(args, follower)
  if args.json then
    output.line(report.json(nil, results, 0, {}))
  else
    report.compared(results)
  end
  return comparing.sum(results).found > 0 and 1 or 0
end

local function complainDamaged(args, follower)
  if follower.damaged == 0 then return 0 end
  output.complain({ code = "corrupt", message = ("%s found unreadable in %s"):format(
    text.plural(follower.damaged, "entity was", "entities were"), follower.says.source),
    hint = follower.kept > 0 and ("%s keeps sound ones of %s"):format(text.url(follower.to.url),
      text.count(follower.kept)) or nil }, args.json)
  return 3
end

-- What a source that does not go back far enough means.
local function explain(args, raised)
  if core.isError(raised, "compacted") then
    raised.hint = ("what %s does not have is not kept any more: --recopy copies all of it again, or keep more, by "
      .. "holdfast set %s changes=30d"):format(text.url(args.target), text.url(args.source))
  end
  return raised
end

local function follow(args, source, to, held)
  local note = follows.of(function(name) return to:entity(name) end)
  local begun = beginning.begin(args, source, to, note, held.who)
  local follower = followers.new { source = source, to = to, note = note, says = begun.says,
    sure = begun.sure }
  follower.hold = held
  local ok, raised = xpcall(followOn, interruption.handler, args, follower, begun)
  if ok or interruption.is(raised) then
    follower:finish()
    tell(args, "ended", follower)
  end
  if not ok then error(raised, 0) end
  local code = args.verify and compare(args, follower) or 0
  return math.max(code, begun.exit, complainDamaged(args, follower), source:exitCode(), to:exitCode())
end

-- Copies again once where that is asked for and needed.
local function followAgain(args, source, to, held)
  local ok, result = xpcall(follow, interruption.handler, args, source, to, held)
  if ok then return result end
  if not args.recopyIfNeeded or not core.isError(result, "compacted") then error(explain(args, result), 0) end
  output.note(args, "%s; copying all of it again", result.message)
  args.recopy, args.recopyIfNeeded = true, false
  return followAgain(args, source, to, held)
end

local function work(args)
  checkArguments(args)
  local source = target.open { url = args.source, json = args.json }
  local to = pair.openTarget(args, source, true)
  hideNote(to)
  source.hint, to.hint = "in " .. text.url(args.source), "in " .. text.url(args.target)
  args.recopyIfNeeded, args.recopy = args.recopy, false
  local held = holding.take(to, args)
  local ok, result = xpcall(followAgain, interruption.handler, args, source, to, held)
  held:release()
  if not ok then error(result, 0) end
  return result
end

local function run(args)
  interruption.listen()
  local ok, result = xpcall(work, interruption.handler, args)
  local signal = interruption.signal()
  interruption.unwatch()
  if ok then return result end
  if not interruption.is(result) and not (signal and (core.isError(result, "unavailable")
    or core.isError(result, "timeout"))) then
    error(result, 0)
  end
  return interruption.complain(args, { hint = "the same command goes on", cause = result.message })
end

return {
  summary = "Have one store follow another, change by change.",
  description = "Copies what is in FROM into TO, which is empty and is created where there is none, and then\n"
    .. "brings every change as it comes, until Ctrl-C or as --until says.  FROM keeps a log of its changes\n"
    .. "(holdfast set FROM changes=7d); with history=true as well, TO is at each moment what FROM was at one\n"
    .. "revision, and otherwise whenever it has caught up.  The same command goes on where it ended, however\n"
    .. "it did.\n\n"
    .. "While it follows, TO takes no other changes: hosts and other programs are refused until\n"
    .. "'holdfast promote TO' makes it a store of its own.  Commits come over whole where TO has\n"
    .. "transactions; in other stores after a crash some come twice, which changes nothing.\n\n"
    .. "Where FROM has forgotten what TO does not have yet, it ends (compacted); with --recopy it copies\n"
    .. "all of it again, and goes on.",
  examples = {
    "holdfast follow ./data /mnt/other/data",
    "holdfast follow ./data postgres://localhost/bot --entity signal --entity risk",
    "holdfast follow ./data ./standby --until caught-up --verify",
  },
  arguments = function(command)
    command:argument("FROM"):argname("FROM"):target("source")
      :description("The store to follow: a directory (LMDB) or a store URL.")
    command:argument("TO"):argname("TO"):target("target"):description("The store that follows it.")
    command:option("--entity"):argname("NAME"):count("*"):description("Only this entity name; may be repeated.")
    command:option("--until"):argname("REVISION"):convert(untilOption)
      :description("End there, or at 'caught-up': once there is nothing more.")
    command:flag("--verify"):description("Then compare both; without --until at 'caught-up'.")
    command:flag("--recopy"):description("Copy all of it again where changes are missing in between.")
    options.durability(command)
    options.force(command, "Follow into a store that is not empty, follows another one, or on which a host runs.")
  end,
  run = run,
}
