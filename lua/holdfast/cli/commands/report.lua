-- SPDX-License-Identifier: MIT
--
-- report: what strategies have earned, from the trades that a strategy host has stored.

local candleStore = require "holdfast.host.market.candle_store"
local candles = require "holdfast.host.market.candles"
local chartCandles = require "holdfast.host.runs.chart_candles"
local core = require "holdfast.core"
local destination = require "holdfast.cli.lines.destination"
local files = require "holdfast.cli.system.files"
local interruption = require "holdfast.cli.console.interruption"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local times = require "holdfast.cli.console.times"
local trades = require "holdfast.cli.store.trades"

local CANDLES = "candles" -- the entity name under which they are kept

-- Whether a word names a store, and no file.
local function isStore(word)
  local found = files.look(word)
  if found then return found.kind == "folder" end
  return word:find("^%a[%w+.-]*:") ~= nil
end

-- The symbol and the file that one --candles names; a file alone has those of the one symbol that there is.
local function candlesOf(word)
  local symbol, path = word:match("^([^=]+)=(.+)$")
  if not symbol or files.look(word) then symbol, path = nil, word end
  local ok, list = pcall(candles.read, path)
  if ok then return symbol, list end
  list = core.toError(list)
  if list.code == "io" then refuse.path(list.message) end
  error(list, 0)
end

-- The candles of a store, which must be there and have some.
local function keptCandles(args, url)
  local store = target.open { url = url, readonly = args.readonly, json = args.json }
  store:requireName(CANDLES)
  return chartCandles.of(candleStore.new(store:entity(CANDLES)))
end

-- All candles that were given: a store of them, a list, or lists by symbol.
local function allCandles(args)
  local words, bySymbol = args.candles, {}
  for _, word in ipairs(words) do
    if isStore(word) then
      if #words > 1 then refuse.call("--candles %s is a store, which has all symbols: give no other", word) end
      return keptCandles(args, word)
    end
    local symbol, list = candlesOf(word)
    if not symbol and #words > 1 then refuse.call("--candles %s: of which symbol? write SYMBOL=%s", word, word) end
    if not symbol then return list end
    if bySymbol[symbol] then refuse.call("--candles of %s are given twice", symbol) end
    bySymbol[symbol] = list
  end
  return bySymbol
end

-- Writes a text to a file, which is replaced whole or not at all.  Returns an exit code where a signal ended it.
local function write(args, path, content, store)
  local to = destination.open(path, store, { store:entity "trade" })
  local ok, raised = xpcall(function()
    to:write(content:sub(1, -2)) -- without its last line break, which write() adds
    to:finish()
  end, interruption.handler)
  if ok then return end
  to:abandon()
  if interruption.is(raised) then return interruption.complain(args, { hint = path .. " is as it was" }) end
  error(raised, 0)
end

local FORMS = { "html", "svg" } -- what is written to files

local function checkCall(args)
  local prints = (args.json and 1 or 0) + (args.markdown and 1 or 0)
  for _, form in ipairs(FORMS) do prints = prints + (args[form] == "-" and 1 or 0) end
  if prints > 1 then refuse.call "the standard output is for one of --json, --markdown, --html -, --svg -" end
  if args.html and args.html == args.svg then refuse.call "--html and --svg are to be two files" end
  if args.since and args.till and args.since >= args.till then refuse.call "--since must be before --till" end
end

local function tell(args, made, written)
  if args.json then return output.line(made:json():sub(1, -2)) end
  if args.markdown then return output.line(made:markdown():sub(1, -2)) end
  if #written == 0 then return output.line(made:table():sub(1, -2)) end
  if args.html == "-" or args.svg == "-" then return end
  output.line(("%s reported to %s"):format(text.plural(made.stats.closed, "trade", "trades"),
    table.concat(written, " and ")))
end

local function report(args)
  checkCall(args)
  local store = target.open(args)
  local query = { since = args.since, till = args.till, strategyName = args.strategy, symbol = args.symbol,
    frameName = args.frame }
  local made = trades.report(store, query, args.candles[1] and allCandles(args) or nil)
  if made.stats.signals == 0 and store.unreadable == 0 then trades.explainNothing(store, query) end
  local written = {}
  for _, form in ipairs(FORMS) do
    if args[form] then
      local code = write(args, args[form], made[form](made), store)
      if code then return code end
      written[#written + 1] = args[form]
    end
  end
  tell(args, made, written)
  return store:exitCode()
end

return {
  summary = "Report what strategies have earned.",
  description = "Reports the trades that a strategy host has stored, of all its strategies and symbols together,\n"
    .. "by strategy and by symbol, and one by one.  Of live runs, or with --frame of a backtest.\n\n"
    .. "TIME is 2024-02-07, 2024-02-07T22:03:00Z, milliseconds, or how long ago: 90m, 24h, 7d, 4w.",
  examples = {
    "holdfast report ./data --since 7d",
    "holdfast report ./data --symbol BTCUSDT --candles btc.csv --html report.html",
    "holdfast report ./data --frame february --strategy main --json",
  },
  arguments = function(command)
    options.url(command)
    command:option("--since"):argname("TIME"):convert(times.convert):description("Only what ended then or later.")
    command:option("--till"):argname("TIME"):convert(times.convert):description("Only what ended before.")
    command:option("--strategy"):argname("NAME"):description("Only this strategy.")
    command:option("--symbol"):argname("NAME"):description("Only this symbol.")
    command:option("--frame"):argname("NAME"):description("A backtest of this frame, and not live runs.")
    command:option("--candles"):argname("[SYMBOL=]FILE"):count("*"):target("candles")
      :description("Candles for the charts: a CSV file with the columns\n"
        .. "timestamp,open,high,low,close,volume, once for each symbol;\n"
        .. "or the URL of a store in which candles are kept.")
    command:option("--html"):argname("FILE"):description("Write a page with charts, which needs nothing else.")
    command:option("--svg"):argname("FILE"):description("Write the chart alone.")
    command:flag("--markdown"):description("Print Markdown.")
    options.readonly(command)
  end,
  run = report,
}
