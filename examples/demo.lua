-- SPDX-License-Identifier: MIT
--
-- The demo: a host trades live, by a clock that makes hours into seconds.  It is killed with `kill -9` again and again,
-- comes back each time, and in the end all have been told of everything exactly once, as if nothing had happened.
-- Then its store is asked questions, and its trades are reported.
--
--     holdfast run examples/demo.lua [--candles FILE.csv] [--seed N] [--dir DIR] [--report DIR]
--
--     --candles  one-minute candles of one symbol, instead of made-up ones of three
--     --seed     other made-up ones: the same seed, the same trades, wherever the kills fall
--     --dir      a new folder, in which all stays: store, journal, chart and report
--     --report   without --dir, the folder for chart and report, if not the present one
--
-- Exit status 0 only if all checks pass.  demo/host.lua has the strategies, demo/process.lua the process that is
-- killed, and demo/live.lua kills it.

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local demoHost = require "demo.host"
local demoLive = require "demo.live"
local demoProcess = require "demo.process"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local screen = require "demo.screen"

local style, heading, check = screen.style, screen.heading, screen.check

local MINUTE = 60000
local LIVE = 480          -- minutes that are traded live
local HISTORY = 30 * 1440 -- and in the backtest

-- ------------------------------------------------------------------- options

local function usage(problem)
  io.stderr:write("demo: ", problem, "\n",
    "usage: holdfast run examples/demo.lua [--candles FILE.csv] [--seed N] [--dir DIR] [--report DIR]\n")
  os.exit(2)
end

-- The second line is for the process that is killed.
local TAKES = { ["--candles"] = true, ["--seed"] = true, ["--dir"] = true, ["--report"] = true,
  ["--serve"] = true, ["--from"] = true, ["--till"] = true, ["--pace"] = true }
local options = { seed = "1" }
do
  local i = 1
  while arg[i] do
    local name, value = arg[i]:match("^(%-%-%w+)=(.*)$")
    if not name then name, value, i = arg[i], arg[i + 1], i + 1 end
    if not TAKES[name] then usage("unknown option " .. name) end
    if not value then usage(name .. " needs a value") end
    options[name:sub(3)] = value
    i = i + 1
  end
  if not options.seed:find("^%d%d?%d?%d?$") then usage("--seed must be a number from 0 to 9999") end
end

local function makeWorld(minutes)
  if options.candles then return demoHost.fromFile(options.candles) end
  return demoHost.madeUp(minutes, tonumber(options.seed))
end

if options.serve then
  local status = demoProcess.serve(makeWorld(LIVE), {
    store = options.serve .. "/store", journal = options.serve .. "/journal.jsonl", from = tonumber(options.from),
    till = tonumber(options.till), pace = tonumber(options.pace),
  })
  os.exit(status, true) -- and closes what is open
end

-- Runs the function; returns the milliseconds it took, and its result.
local function timed(fn)
  local start = demoProcess.now()
  local result = fn()
  return demoProcess.now() - start, result
end

-- -------------------------------------------------------- chapter: comparing

-- Events by position, in order; and how often there is each.
local function arrange(events)
  local lists, times = {}, {}
  for _, event in ipairs(events) do
    local key = event.symbol .. " " .. event.strategyName
    lists[key] = lists[key] or {}
    local copy = holdfast.json.decode(holdfast.json.encode(event))
    copy.redelivered = nil
    table.insert(lists[key], copy)
    times[event.id] = (times[event.id] or 0) + 1
  end
  return lists, times
end

-- Compares the live run with one in memory, and in this process.
local function compare(live, world)
  heading("Comparing", "the same minutes in memory, and nobody is killed")
  holdfast.adapters.useAll "memory:demo"
  local events = {}
  local function hear(event) if event.id then table.insert(events, event) end end
  local stop, stopLevels = host.listenSignalLive(hear), host.listenPartial(hear)
  local ms = timed(function() demoHost.replay(world, live.from, live.till) end)
  stop()
  stopLevels()

  local expected, wanted = arrange(events)
  local heard, times = arrange(live.events)
  local missing, wrong, late = 0, 0, 0
  for id in pairs(wanted) do if not times[id] then missing = missing + 1 end end
  for id, n in pairs(times) do if not wanted[id] or n > 1 then wrong = wrong + 1 end end
  for _, event in ipairs(live.events) do if event.redelivered then late = late + 1 end end
  print(("  %d events, in %.0f ms"):format(#events, ms))
  print(("  told again after kills: %d known by their ids and dropped, %d that nobody had heard before"):format(
    live.again, late))
  check(missing == 0, missing == 0 and "no event is missing" or missing .. " events are missing")
  check(wrong == 0, wrong == 0 and "none was heard twice, or should not be there"
    or wrong .. " were heard twice, or should not be there")
  check(demoLive.same(expected, heard), "each position had the same events, in this order, at the same prices")
  local open = {}
  demoHost.each(world, function(symbol, strategyName)
    open[strategyName .. "/" .. symbol] = holdfast.PersistSignalAdapter.readSignalData(strategyName, symbol)
  end)
  check(demoLive.same(open, (live:open())), "the same positions are open")
end

-- ----------------------------------------------------------- chapter: asking

-- Prints a question, as a script would ask it, and its answer.
local function ask(question, environment)
  local chunk = setfenv(assert(loadstring("return " .. question)), environment)
  local ms, rows = timed(function()
    local list = {}
    for row in chunk() do table.insert(list, row.symbol .. " " .. row.strategyName) end
    return list
  end)
  print(("  %s\n    %s"):format(style("36", question), #rows > 0 and table.concat(rows, ", ") or "none")
    .. style("2", ("  (%.2f ms)"):format(ms)))
end

local function askAll(live)
  heading("Asking", "the store, as any program can, also while the host runs")
  local signals = live:stored "signal"
  local environment = { signals = signals, now = live.till, HOUR = 60 * MINUTE }
  ask("signals:values()", environment)
  ask("signals:filter(function(s) return s.position == 'long' end)", environment)
  ask("signals:filter(function(s) return now - s.pendingAt > HOUR end)", environment)

  local slots = live:stored("risk"):readValue(demoHost.risk .. "/positions")
  local bySlot, count = {}, 0
  for id, row in signals:entries() do bySlot[row.id], count = id, count + 1 end
  local agree = #slots == count
  for _, slot in ipairs(slots) do agree = agree and bySlot[slot.signalId] ~= nil end
  check(agree, ("%d of the %d slots of the risk profile are taken, by just these positions"):format(#slots,
    demoHost.slots))

  local store = holdfast.openStore(live.dir .. "/store")
  local ms, found = timed(function() return store:verify() end)
  store:close()
  check(found.corrupt == 0 and found.quarantined == 0,
    ("all %d records agree with their checksums (%.2f ms)"):format(found.entities, ms))
end

-- -------------------------------------------------------- chapter: reporting

-- One line for each position, and one for all.
local function overview(reports)
  local trades, wins, pnl = 0, 0, 0
  local function line(symbol, strategyName, n, won, sum)
    print(("  %-8s  %-9s %5d trades  %5s won  %s"):format(symbol, strategyName, n,
      n > 0 and ("%.0f%%"):format(100 * won / n) or "-", screen.percent(sum)))
  end
  for _, report in ipairs(reports) do
    local stats = report.stats
    line(report.symbol, report.strategyName, stats.closed, stats.wins, stats.totalPnl)
    trades, wins, pnl = trades + stats.closed, wins + stats.wins, pnl + stats.totalPnl
  end
  line("all", "", trades, wins, pnl)
end

local function mostTrades(reports)
  local most = reports[1]
  for _, report in ipairs(reports) do
    if report.stats.closed > most.stats.closed then most = report end
  end
  return most
end

local function reportLive(live, world)
  heading("Reporting", "what was traded live")
  local reports = {}
  demoHost.each(world, function(symbol, strategyName)
    local events, candles = {}, {}
    for _, event in ipairs(live.events) do
      if event.symbol == symbol and event.strategyName == strategyName and event.action ~= "partial" then
        table.insert(events, event)
      end
    end
    for _, candle in ipairs(world.candles[symbol]) do
      if candle.timestamp >= live.from and candle.timestamp < live.till then table.insert(candles, candle) end
    end
    table.insert(reports, host.report {
      symbol = symbol, strategyName = strategyName, exchangeName = demoHost.exchange, events = events,
      candles = candles,
    })
  end)
  overview(reports)
  print((("\n" .. mostTrades(reports):table()):gsub("\n(%C)", "\n  %1"):gsub("\n$", "")))
  return reports
end

local function backtest(world)
  local days = (world.till - world.from) / MINUTE / 1440
  heading("Backtesting", ("the same strategies over %.1f days"):format(days))
  local reports, candles = {}, 0
  local ms = timed(function()
    demoHost.each(world, function(symbol, strategyName)
      table.insert(reports, host.Backtest.report(symbol,
        { strategyName = strategyName, exchangeName = demoHost.exchange, frameName = demoHost.frame }))
      candles = candles + (world.till - world.from) / MINUTE
    end)
  end)
  overview(reports)
  print(("  %s candles in %.2f s: %s candles/s"):format(screen.thousands(candles), ms / 1000,
    screen.thousands(candles / ms * 1000)))
  return reports
end

-- Writes the files that are to be looked at.
local function writeFiles(liveReports, backtestReports)
  local folder = options.dir or options.report or "."
  local function write(name, text)
    local path = folder == "." and name or folder .. "/" .. name
    local file, reason = io.open(path, "w")
    if not file then error("cannot write " .. reason, 0) end
    file:write(text)
    file:close()
    return path
  end
  heading("Files")
  local shown = mostTrades(liveReports)
  print("  chart   " .. write("holdfast-demo.svg", shown:svg()))
  local parts = { "![chart](holdfast-demo.svg)\n" }
  for _, list in ipairs { liveReports, backtestReports } do
    for _, report in ipairs(list) do table.insert(parts, report:markdown()) end
  end
  print("  report  " .. write("holdfast-demo.md", table.concat(parts, "\n")))
end

-- ---------------------------------------------------------------------- main

local function main(dir)
  local started = demoProcess.now()
  for _, folder in ipairs { options.dir or options.report } do
    if os.execute("mkdir -p " .. demoProcess.quote(folder)) ~= 0 then
      error("give another folder than " .. folder, 0)
    end
  end
  if options.dir and demoProcess.shell("ls -A " .. demoProcess.quote(dir)) ~= "" then
    error("there is something in " .. dir .. " already: give a new folder", 0)
  end
  local world = makeWorld(HISTORY)
  local words = { "--seed", options.seed }
  if options.candles then words = { "--candles", options.candles } end
  print(style("1", "Holdfast " .. holdfast.version) .. ": a host of trading strategies, with its store in " .. dir)
  local till = math.min(world.till, world.from + LIVE * MINUTE)
  heading("Trading live", ("two strategies on %s, %d minutes of %s"):format(table.concat(world.symbols, ", "),
    (till - world.from) / MINUTE, os.date("!%Y-%m-%d, UTC", world.from / 1000)))
  local live = demoLive.run(dir, words, world.from, till)
  demoHost.define(world)
  compare(live, world)
  askAll(live)
  local liveReports = reportLive(live, world)
  writeFiles(liveReports, backtest(world))
  local good = screen.failed == 0
  print(("\n%s  %s in %.1f s."):format(
    good and style("32;1", "Nothing is lost, and nothing happened twice.") or style("31;1", "Something is wrong."),
    good and "All checks passed" or screen.failed .. " checks failed", (demoProcess.now() - started) / 1000))
end

math.randomseed(os.time() * 1000 + demoProcess.now() % 1000)
local dir = options.dir or demoProcess.shell("mktemp -d")
local ok, failure = xpcall(main, function(raised) return tostring(raised) end, dir)
if not options.dir then os.execute("rm -rf " .. demoProcess.quote(dir)) end
if not ok then io.stderr:write("demo: ", failure, "\n") end
if not ok or screen.failed > 0 then os.exit(1) end
