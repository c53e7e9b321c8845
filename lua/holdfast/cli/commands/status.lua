-- SPDX-License-Identifier: MIT
--
-- status: how the strategy hosts of a store are, and what they hold.

local clock = require "holdfast.util.clock"
local interruption = require "holdfast.cli.console.interruption"
local look = require "holdfast.cli.status.look"
local machine = require "holdfast.cli.status.machine"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local screens = require "holdfast.cli.console.screen"
local show = require "holdfast.cli.status.show"
local verdict = require "holdfast.cli.status.verdict"

local STANDARD_SECONDS = 2
local SLICE = 0.2 -- seconds: how long at most a signal waits that comes just before a sleep

-- Looks, and says what there is to say: the lines or the JSON object, and the exit code.
local function once(args)
  local seen, now = look.at(args), clock.wall()
  local verdicts, code = {}, 0
  seen.pauses = verdict.holding(seen.pauses, now)
  for i, run in ipairs(seen.runs) do
    verdicts[i] = verdict.of(run, seen.pauses, now)
    if verdicts[i].level ~= "ok" then code = 1 end
  end
  if seen.problems[1] then code = 3 end
  if args.json then return machine.object(seen, verdicts, args.url, now), code, seen.problems end
  return show.lines(seen, verdicts, args.url, now), code, seen.problems
end

-- ------------------------------------------------------------------ watching

local function sleep(seconds)
  local till = clock.now() + seconds
  while not interruption.signal() do
    local left = till - clock.now()
    if left <= 0 then return end
    clock.sleep(math.min(left, SLICE))
  end
end

-- Below what is seen, since a screen has no other place for it.
local function withProblems(lines, problems)
  for _, problem in ipairs(problems) do
    lines[#lines + 1] = { style = "alarm", text = "cannot be read: " .. problem.message:gsub("%c", " ") }
  end
  return lines
end

local function refresh(args, screen)
  local ok, said, _, problems = xpcall(once, interruption.handler, args)
  if args.json then
    if ok then output.line(said) else output.complain(said, true) end
    return output.flush()
  end
  -- A store that is down may come back.
  if not ok then said, problems = {}, { said } end
  screen:draw(withProblems(said, problems))
end

local function watch(args, every)
  local screen = screens.new()
  once(args) -- raises where there is nothing to watch
  interruption.listen()
  while not interruption.signal() do
    refresh(args, screen)
    collectgarbage() -- handles on the store
    sleep(every)
  end
  interruption.unwatch()
  return 0
end

local function status(args)
  if args.watch then return watch(args, args.watch[1] or STANDARD_SECONDS) end
  local said, code, problems = once(args)
  if args.json then output.line(said) else screens.new():write(said) end
  for _, problem in ipairs(problems) do output.complain(problem, args.json) end
  return code
end

local function seconds(value)
  local n = tonumber(value)
  if not n or n ~= n or n < 0.1 or n > 86400 then
    return nil, string.format("--watch: '%s' is no number of seconds from 0.1 to 86400; URL stands before --watch",
      value)
  end
  return n
end

return {
  summary = "Show how strategy hosts are, and what they hold.",
  description = "A line for each strategy and symbol: whether its host lives, the last minute that it has\n"
    .. "lived, the open position or the waiting signal at the last price; what failed of late, and\n"
    .. "which process has the lock.  Reads only, also while hosts run.\n\n"
    .. "Exit code 1 if something is wrong: a host that is late, silent or gone, or one that has ended\n"
    .. "with something open; 3 if something could not be read.  With --watch 0, after Ctrl-C.",
  examples = {
    "holdfast status ./dump/data",
    "holdfast status ./dump/data --watch 10",
    "holdfast status ./dump/data --json | jq '.runs[] | select(.level != \"ok\")'",
  },
  arguments = function(command)
    options.url(command)
    command:option("--watch"):argname("SECONDS"):args("?"):convert(seconds)
      :description(("Again and again, every %d seconds or so many, until Ctrl-C."):format(STANDARD_SECONDS))
  end,
  run = status,
}
