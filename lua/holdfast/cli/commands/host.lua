-- SPDX-License-Identifier: MIT
--
-- host: a strategy host taken in hand, which runs in another process, or does not run just now.  What is wanted is
-- stored, and whoever runs the strategy obeys: host/state/requests.lua and pauses.lua have the rules.

local calendar = require "holdfast.host.calendar"
local clock = require "holdfast.util.clock"
local core = require "holdfast.core"
local glyphs = require "holdfast.cli.console.glyphs"
local hands = require "holdfast.cli.store.hands"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local pauses = require "holdfast.host.state.pauses"
local process = require "holdfast.util.process"
local refuse = require "holdfast.cli.console.refuse"
local requests = require "holdfast.host.state.requests"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local UNITS = { s = 1000, m = 60000, h = 3600000, d = 86400000 }

-- "10m" in milliseconds; nil: it is no duration.
local function duration(words)
  local number, unit = words:match "^(%d+)([smhd])$"
  return number and tonumber(number) * UNITS[unit]
end

local function durationOption(words)
  local ms = duration(words)
  if ms and ms > 0 then return ms end
  return nil, string.format("'%s' is no time: write 90s, 10m, 2h or 1d", words)
end

local function priceOption(words)
  local price = tonumber(words)
  if price then return price end
  return nil, string.format("--price: '%s' is no number: write it as 44152.25", words)
end

-- A moment from now on ("2h"), or a date.
local function momentOf(words, now)
  local ms = duration(words)
  if ms then return now + ms end
  local ok, time = pcall(calendar.toTime, "--till", words)
  if ok then return time end
  return refuse.call("--till: '%s' is no time: write 90s, 10m, 2h or 1d for how long from now on, or a date such as "
    .. "2026-12-01 or 2026-12-01T08:00:00Z", words)
end

-- A name that was given; nil: any.
local function given(name) return name ~= "*" and name or nil end

local function by(action)
  local user = os.getenv "USER" or os.getenv "LOGNAME"
  return ("holdfast host %s%s, process %d"):format(action, user and " by " .. user or "", process.id())
end

local function nothingFor(args, name, value)
  if value ~= nil then refuse.call("%s is not for '%s'", name, args.action) end
end

-- ------------------------------------------------------- closing, cancelling

-- What is to end: strategies and symbols.
local function targetsOf(args)
  if args.symbol then return { { strategyName = args.strategy, symbol = args.symbol } } end
  local list = hands.rows(args.action, args.strategy)
  if args.all then return list end
  local all = list[1] and list or hands.rows(args.action)
  return refuse.call("give STRATEGY and SYMBOL, or --all for every one; %s: %s",
    args.action == "close" and "there are open" or "there wait", hands.describe(all))
end

-- That there is no such signal: says which there are.
local function explainMissing(args, err)
  local ok, list = pcall(hands.rows, args.action)
  if ok and list[1] then
    err.hint = (args.action == "close" and "open are: " or "waiting are: ") .. hands.describe(list)
  end
  return err
end

-- Asks for all ends.  Where there is one, that it is not there is an error.
local function ask(args, targets)
  local list, now = {}, clock.wall()
  for _, each in ipairs(targets) do
    local ok, made = pcall(requests.ask, "host " .. args.action, args.action, each.symbol, {
      strategyName = each.strategyName, price = args.price, note = args.reason, valid = args.valid,
    }, by(args.action), now)
    if ok then
      list[#list + 1] = made
    elseif not core.isError(made, "not_found") then
      error(made, 0)
    elseif #targets == 1 then
      error(explainMissing(args, made), 0)
    end
  end
  return list
end

-- A line for people.  What others have stored says nothing to the terminal.
local function tell(...) output.line(glyphs.harmless(string.format(...))) end

local function tellAnswer(args, answer)
  if args.json then
    output.line(text.object("id", answer.id, "kind", answer.kind, "strategyName", answer.strategyName, "symbol",
      answer.symbol, "outcome", answer.outcome, "message", answer.message, "at", answer.at, "eventId", answer.eventId))
    return
  end
  tell("'%s' on %s: %s: %s", answer.strategyName, answer.symbol, answer.outcome, answer.message)
end

local function tellRequest(args, request)
  if args.json then
    output.line(text.object("id", request.id, "kind", request.kind, "strategyName", request.strategyName, "symbol",
      request.symbol, "outcome", "waiting", "validTill", request.validTill, "signalId", request.signalId, "price",
      request.price, "by", request.by, "at", request.at, "note", request.note))
    return
  end
  tell("%s  %s '%s' on %s%s, until %s, by %s", request.id, request.kind, request.strategyName, request.symbol,
    request.price and (" at %s"):format(request.price) or "", text.time(request.validTill), tostring(request.by))
end

local function finish(args)
  if #hands.rows(args.action, args.strategy) == 0 and args.all then
    if not args.json then output.line(args.action == "close" and "Nothing is open." or "Nothing waits.") end
    return 0
  end
  local list = ask(args, targetsOf(args))
  hands.warnOfNone(list, args.json)
  if args.noWait then
    for _, request in ipairs(list) do tellRequest(args, request) end
    return 0
  end
  output.flush()
  return hands.await(list, args, function(answer) tellAnswer(args, answer) end)
end

-- ----------------------------------------------------------------- pausing

local function tellPause(args, pause)
  if args.json then
    output.line(text.object("kind", "pause", "strategyName", pause.strategyName, "symbol", pause.symbol, "reason",
      pause.reason, "by", pause.by, "since", pause.since, "till", pause.till))
    return
  end
  local over = pause.till and pause.till <= clock.wall()
  tell("%s %s since %s%s%s, by %s", pauses.describe(pause), over and "was paused" or "is paused",
    text.time(pause.since), pause.till and " until " .. text.time(pause.till) or "",
    pause.reason and (" (%s)"):format(tostring(pause.reason)) or "", tostring(pause.by))
end

local function pause(args)
  local now = clock.wall()
  local made = pauses.write("host pause", {
    strategyName = args.strategy, symbol = args.symbol, reason = args.reason,
    till = args.till and momentOf(args.till, now),
  }, by "pause", now)
  tellPause(args, made)
  local strategyName, symbol = given(args.strategy), given(args.symbol)
  if strategyName or symbol then hands.warnOfUnknown(strategyName, symbol, args.json) end
  return 0
end

-- That nothing was within the scope: says what is paused.
local function warnOfNoPause(args)
  local names = {}
  for i, each in ipairs((pauses.list())) do names[i] = glyphs.harmless(pauses.describe(each)) end
  if names[1] then output.warn("there are pauses of: " .. table.concat(names, "; "), args.json) end
end

local function resume(args)
  local scope = { strategyName = args.strategy, symbol = args.symbol }
  local removed, others = pauses.remove("host resume", scope, clock.wall())
  if args.json then
    output.line(text.object("removed", removed, "others", #others))
  else
    output.line(("%s: %s removed"):format(pauses.describe(scope), text.plural(removed, "pause", "pauses")))
  end
  for _, other in ipairs(others) do
    output.warn(("%s is still paused, by a pause of its own"):format(pauses.describe(other)), args.json)
  end
  if removed == 0 and not others[1] then warnOfNoPause(args) end
  return removed == 0 and 1 or 0
end

local function list(args)
  local damaged = false
  local function report(damage)
    if damage then output.complain(damage, args.json) end
    damaged = damaged or damage ~= nil
  end
  local waiting, damage = requests.list()
  report(damage)
  for _, request in ipairs(waiting) do tellRequest(args, request) end
  local paused
  paused, damage = pauses.list()
  report(damage)
  for _, each in ipairs(paused) do tellPause(args, each) end
  return damaged and 3 or 0
end

local function takeBack(args)
  if not args.strategy or args.symbol then refuse.call "give the id of one request, as 'host requests' shows it" end
  if requests.takeBack(args.strategy) then
    if args.json then output.line(text.object("id", args.strategy, "outcome", "taken back")) end
    return 0
  end
  local answer = requests.answer(args.strategy)
  if answer then
    tellAnswer(args, answer)
    return 1
  end
  error(core.error("not_found", ("there is no request '%s'"):format(args.strategy)), 0)
end

local ACTIONS = { close = finish, cancel = finish, pause = pause, resume = resume, requests = list,
  ["take-back"] = takeBack }

local ONLY_ENDS = { price = "--price", valid = "--valid", all = "--all", noWait = "--no-wait" }

local function checkArguments(args)
  local isEnd = args.action == "close" or args.action == "cancel"
  for field, name in pairs(ONLY_ENDS) do
    if not isEnd then nothingFor(args, name, args[field]) end
  end
  if args.symbol and args.all then refuse.call "give SYMBOL or --all, not both: one of them only" end
  if args.action ~= "pause" then
    nothingFor(args, "--till", args.till)
    if not isEnd then nothingFor(args, "--reason", args.reason) end
  end
  if args.price and not (args.price > 0 and args.price < math.huge) then
    refuse.call("--price must be a positive number, not %s", tostring(args.price))
  end
  if args.action == "requests" then nothingFor(args, "STRATEGY", args.strategy) end
end

local function host(args)
  checkArguments(args)
  local store = target.open(args)
  hands.use(store)
  return ACTIONS[args.action](args)
end

return {
  summary = "Take a strategy host in hand: close, cancel, pause.",
  description = "close ends the open signal of STRATEGY on SYMBOL, cancel one that waits for its price: at the\n"
    .. "average price of the minute in which the host takes it up, or at --price.  Its event says 'manual'.\n"
    .. "What is asked for is stored; the host takes it up in its next minute, also one that starts\n"
    .. "later, once, until its validity ends.  The command waits for that: exit code 0 done, 1 refused or\n"
    .. "expired.\n\n"
    .. "pause keeps new signals from opening, from the moment on that it returns, until resume or --till,\n"
    .. "over restarts.  What is open is watched and closed as ever.  Names that are left out, or *, are\n"
    .. "any.  resume removes the pauses within what is named.\n\n"
    .. "requests lists what waits and what is paused; take-back ID removes a request that nobody has\n"
    .. "taken up.\n\n"
    .. "A host of an earlier version takes nothing up and heeds no pause: requests to it expire.",
  examples = { "holdfast host close ./dump/data main BTCUSDT", "holdfast host close ./dump/data --all --valid 1h",
    "holdfast host pause ./dump/data main --till 2026-12-01 --reason 'looking into it'",
    "holdfast host resume ./dump/data", "holdfast host requests ./dump/data --json" },
  arguments = function(command)
    command:argument("ACTION"):argname("ACTION"):target("action")
      :choices { "close", "cancel", "pause", "resume", "requests", "take-back" }
      :description("close, cancel, pause, resume, requests or take-back.")
    options.url(command)
    command:argument("STRATEGY"):argname("STRATEGY"):target("strategy"):args("?")
      :description("The strategy's name; of take-back the id of a request.")
    command:argument("SYMBOL"):argname("SYMBOL"):target("symbol"):args("?"):description("The symbol.")
    command:option("--price"):argname("P"):convert(priceOption):description("The price at which it ends.")
    command:option("--valid"):argname("TIME"):convert(durationOption)
      :description("For how long a request stands: 90s, 10m (the default), 2h, 1d.")
    command:flag("--all"):description("Every open or waiting signal, of STRATEGY if that is given.")
    command:flag("--no-wait"):target("noWait"):description("Return when the request is stored.")
    command:option("--till"):argname("TIME"):description("Until when it is paused: 2h, or 2026-12-01T08:00:00Z.")
    command:option("--reason"):argname("TEXT"):description("A note for whoever reads it.")
  end,
  run = host,
}
