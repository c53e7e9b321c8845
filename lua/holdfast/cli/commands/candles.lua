-- SPDX-License-Identifier: MIT
--
-- candles: those that a store keeps packed (host.candleStore): from and to CSV files, and where some are missing.

local calendar = require "holdfast.host.calendar"
local candleStore = require "holdfast.host.market.candle_store"
local core = require "holdfast.core"
local destination = require "holdfast.cli.lines.destination"
local files = require "holdfast.cli.system.files"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local times = require "holdfast.cli.console.times"

local COLUMNS = { "timestamp", "open", "high", "low", "close", "volume" }
local PIECE = 7 * 86400000 -- ms that are read at once

local function plural(n) return text.plural(n, "candle", "candles") end

local function needSymbol(args)
  if not args.symbol then refuse.call("candles %s: say of which SYMBOL", args.action) end
  return args.symbol
end

local function list(args, store)
  for _, row in ipairs(store:list()) do
    if not args.symbol or row.symbol == args.symbol then
      output.line(args.json and text.object("symbol", row.symbol, "interval", row.interval, "candles", row.count,
        "first", row.first, "last", row.last, "gaps", row.gaps, "missing", row.missing, "bytes", row.bytes)
        or ("%s %s  %s  %s to %s  %s, %s missing  %s"):format(row.symbol, row.interval, plural(row.count),
          calendar.date(row.first), calendar.date(row.last), text.plural(row.gaps, "gap", "gaps"),
          text.count(row.missing), text.bytes(row.bytes)))
    end
  end
end

-- When the first and the last candle of the symbol are that is named.
local function spanOf(args, store)
  local first, last = store:span(needSymbol(args), args.interval)
  if first then return first, last end
  error(core.error("not_found", ("the store has no candles of %s (%s): holdfast candles ls %s lists those that it has")
    :format(args.symbol, args.interval or "1m", text.url(args.url))), 0)
end

local function gaps(args, store)
  spanOf(args, store)
  local found = store:gaps(needSymbol(args), { interval = args.interval, from = args.from, to = args.to })
  for _, gap in ipairs(found) do
    output.line(args.json and text.object("from", gap.from, "to", gap.to, "candles", gap.count)
      or ("%s to %s  %s"):format(calendar.date(gap.from), calendar.date(gap.to), plural(gap.count)))
  end
end

-- That what stands where the symbol is to be is a file: the symbol was left out, or stands after it.
local function refuseFileAsSymbol(args)
  local found = args.file ~= "-" and not files.look(args.file or "") and files.look(args.symbol)
  if found and found.kind == "file" then
    refuse.call("%s is a file: give its symbol before it: holdfast candles import %s %s %s", args.symbol,
      text.url(args.url), args.file or "SYMBOL", args.symbol)
  end
end

local function import(args, store)
  local path = (args.file == nil or args.file == "-") and "/dev/stdin" or args.file
  local file, problem, number = io.open(path)
  if not file then refuse.path("cannot open " .. problem, nil, number) end
  file:close()
  local result = store:readCsv(path, { symbol = args.symbol, interval = args.interval })
  output.line(args.json and text.object("imported", result.candles, "notOver", result.notOver)
    or plural(result.candles) .. " imported")
  if result.notOver > 0 then
    output.note(args, "%s not over yet and left out", text.plural(result.notOver, "candle is", "candles are"))
  end
end

-- Writes the candles from a time on as lines of a CSV file.
local function write(args, store, to, from, till)
  local count, of = 0, { interval = args.interval }
  to:write(table.concat(COLUMNS, ","))
  while from < till do
    for _, candle in ipairs(store:candles(args.symbol, from, math.min(till, from + PIECE), of)) do
      local fields = {}
      for i, column in ipairs(COLUMNS) do fields[i] = core.json.encode(candle[column]) end
      to:write(table.concat(fields, ","))
      count = count + 1
    end
    from = from + PIECE
  end
  return count
end

local function export(args, store, whole)
  local first, last = spanOf(args, store)
  local from, till = args.from or first, args.to or last + 1
  local to = destination.open(args.file, whole, { store.persist })
  local ok, count = xpcall(write, core.traceback, args, store, to, math.max(from, first), math.min(till, last + 1))
  if not ok then
    to:abandon()
    error(count, 0)
  end
  to:finish()
  if to.isStandard then return end
  output.line(args.json and text.object("exported", count, "file", args.file)
    or plural(count) .. " exported to " .. args.file)
end

local ACTIONS = { ls = list, gaps = gaps, import = import, export = export }

local function candles(args)
  if args.file and args.action ~= "import" and args.action ~= "export" then
    refuse.call("candles %s takes no FILE", args.action)
  end
  if args.action == "import" then
    needSymbol(args)
    refuseFileAsSymbol(args)
  end
  local whole = target.open(args, args.action == "import")
  ACTIONS[args.action](args, candleStore.new(whole:entity(args.name)), whole)
  return 0
end

return {
  summary = "Packed candles: list, gaps, CSV in and out.",
  description = "ls lists what is kept: symbols, intervals, how many candles, from when until when, how many are\n"
    .. "missing in between.  gaps says where those of SYMBOL are missing, between the first and the last or\n"
    .. "in --from to --to.  import keeps the candles of a CSV file with the columns\n"
    .. "timestamp,open,high,low,close,volume; one of a time that there is already takes its place.  export\n"
    .. "writes such a file.  Scripts: host.candleStore.",
  examples = { "holdfast candles import ./candles BTCUSDT btcusdt.csv", "holdfast candles ls ./candles",
    "holdfast candles gaps ./candles BTCUSDT --from 2024-01-01 --to 2024-02-01",
    "holdfast candles export ./candles BTCUSDT january.csv --from 2024-01-01 --to 2024-02-01" },
  arguments = function(command)
    command:argument("ACTION"):argname("ACTION"):target("action"):choices { "ls", "gaps", "import", "export" }
      :description("ls, gaps, import or export.")
    options.url(command)
    command:argument("SYMBOL"):argname("SYMBOL"):target("symbol"):args("?"):description("The symbol.")
    command:argument("FILE"):argname("FILE"):target("file"):args("?")
      :description("The CSV file; standard input or output if left out or '-'.")
    command:option("--interval"):argname("I"):description("Of which interval; 1m if left out.")
    command:option("--from"):argname("TIME"):convert(times.convert)
      :description("The first: 2024-02-07, 2024-02-07T22:03:00Z, milliseconds, or how\nlong ago: 90m, 24h, 7d, 4w.")
    command:option("--to"):argname("TIME"):convert(times.convert)
      :description("Up to this time, which is not included.")
    command:option("--entity"):target("name"):argname("NAME"):default("candles"):description("The entity name.")
    options.durability(command)
  end,
  run = candles,
}
