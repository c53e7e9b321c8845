-- SPDX-License-Identifier: MIT
--
-- The demo: stores candles and signals, asks questions of them, is killed with
-- `kill -9` in the middle of writing, comes back, and compares everything that was
-- acknowledged before the kill with what is there after it.
--
--     holdfast run examples/demo.lua [--candles FILE.csv] [--signals FILE.jsonl] [--dir DIR]
--
-- The process that is killed is this script again, with --writer.  Exit status 0 only
-- if nothing was lost.

local holdfast = require "holdfast"
local ffi = require "ffi"

local script = arg[0]
package.path = (script:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local market = require "market"

local ACKNOWLEDGED = 300    -- kill the writer after so many acknowledgements,
local PATIENCE = 6          -- or after so many seconds, on a slow disk
local GENERATED = { candles = 1981, signals = 5000 }

-- ------------------------------------------------------------------- options

local function usage(problem)
  io.stderr:write("demo: ", problem, "\n",
    "usage: holdfast run examples/demo.lua [--candles FILE.csv] [--signals FILE.jsonl] [--dir DIR]\n")
  os.exit(2)
end

local options = {}
do
  local takes = { ["--candles"] = true, ["--signals"] = true, ["--dir"] = true, ["--writer"] = true }
  local i = 1
  while arg[i] do
    local name, value = arg[i]:match("^(%-%-%w+)=(.*)$")
    if not name then name, value, i = arg[i], arg[i + 1], i + 1 end
    if not takes[name] then usage("unknown option " .. name) end
    if not value then usage(name .. " needs a value") end
    options[name:sub(3)] = value
    i = i + 1
  end
end

local function load()
  local candles = options.candles and market.readCandles(options.candles) or market.candles(GENERATED.candles)
  local signals = options.signals and market.readSignals(options.signals) or market.signals(GENERATED.signals)
  if #candles == 0 then error("there are no candles in " .. options.candles, 0) end
  if #signals == 0 then error("there are no signals in " .. options.signals, 0) end
  -- A candle file does not say of what: take it from the name, as in btcusdt_1m_2024-02-07.csv.
  local symbol = options.candles and options.candles:match("([%a]+)_1m[^/]*$") or "BTCUSDT"
  return candles, signals, symbol:upper()
end

-- -------------------------------------------------------------------- writer

-- What is written while the kill comes: a position that follows the price, and a journal
-- entry for each change of it.  Both processes work out the same content from `n`.
local function change(n, candles, symbol)
  local candle = candles[(n - 1) % #candles + 1]
  local quantity = n % 7 - 3
  local position = { symbol = symbol, quantity = quantity, price = candle.close, change = n }
  local entry = { n = n, symbol = symbol, quantity = quantity, candle = candle, note = ("change %d"):format(n) }
  return position, entry
end

-- Writes until it is killed.  Each line is an acknowledgement: that change is durable.
local function writer(dir)
  local candles, _, symbol = load()
  local positions = holdfast.PersistBase("position", dir)
  local journal = holdfast.PersistBase("journal", dir)
  io.write(io.open("/proc/self/stat"):read("*n"), "\n")
  io.flush()
  for n = 1, 1e6 do
    local position, entry = change(n, candles, symbol)
    holdfast.transaction(function()
      journal:writeValue(n, entry)
      positions:writeValue(symbol, position)
    end)
    io.write(n, "\n")
    if not io.flush() then return end
  end
end

if options.writer then return writer(options.writer) end

-- -------------------------------------------------------------------- output

local coloured = os.getenv("TERM") ~= "dumb" and not os.getenv("NO_COLOR") and os.execute("test -t 1") == 0

local function style(code, text) return coloured and ("\27[%sm%s\27[0m"):format(code, text) or text end

local function heading(text) print("\n" .. style("1", text)) end

-- 1234567 -> "1,234,567"
local function thousands(n)
  local text = ("%d"):format(n)
  return (text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

local function size(bytes)
  return bytes < 1e6 and ("%.0f kB"):format(bytes / 1e3) or ("%.1f MB"):format(bytes / 1e6)
end

local function line(what, count, ms, remark)
  local text = ("  %-48s %9s  %9s   %s"):format(what, count, ms and ("%.2f ms"):format(ms) or "", remark or "")
  print((text:gsub("%s+$", "")))
end

local problems = 0
local function check(ok, what)
  print(("  %s  %s"):format(ok and style("32", "ok  ") or style("31;1", "FAIL"), what))
  if not ok then problems = problems + 1 end
end

ffi.cdef [[
typedef struct { long s, ns; } demo_time;
int demo_clock(int, demo_time *) __asm__("clock_gettime");
]]
local instant = ffi.new("demo_time")
local function now()
  ffi.C.demo_clock(1, instant)
  return tonumber(instant.s) * 1e3 + tonumber(instant.ns) / 1e6
end

-- Runs the function; returns the milliseconds it took, and its results.
local function timed(fn)
  local start = now()
  local a, b = fn()
  return now() - start, a, b
end

-- --------------------------------------------------------------------- chapters

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("%s+$", ""))
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

local function store(dir, candles, signals, symbol)
  heading("Storing")
  local byTime, byId = {}, {}
  for _, c in ipairs(candles) do byTime[symbol .. "/" .. c.timestamp] = c end
  for _, s in ipairs(signals) do byId[s.id] = s end
  local stored = { candle = holdfast.PersistBase("candle", dir), signal = holdfast.PersistBase("signal", dir) }
  line("open a new store", "", timed(function() stored.candle:waitForInit(true) end))
  local first, last = candles[1].timestamp / 1000, candles[#candles].timestamp / 1000
  line(symbol .. " candles, one commit", thousands(#candles), timed(function() stored.candle:writeMany(byTime) end),
    os.date("!%Y-%m-%d %H:%M", first) .. " to " .. os.date("!%Y-%m-%d %H:%M UTC", last))
  line("signals, one commit", thousands(#signals), timed(function() stored.signal:writeMany(byId) end))
  return stored
end

-- Prints the answer to one question; `iterate` returns an iterator.
local function ask(what, iterate)
  local ms, count = timed(function()
    local n = 0
    for _ in iterate() do n = n + 1 end
    return n
  end)
  line(what, thousands(count), ms)
end

local function questions(stored, candles, symbol)
  heading("Asking")
  local candle, signal = stored.candle, stored.signal
  ask("signals of ETHUSDT", function()
    return signal:filter(function(s) return s.symbol == "ETHUSDT" end)
  end)
  ask("long positions that won more than 2 %", function()
    return signal:filter(function(s) return s.position == "long" and s.pnl.pnlPercentage > 2 end)
  end)
  ask("minutes that moved the price by more than 0.15 %", function()
    return candle:filter(function(c) return math.abs(c.close - c.open) / c.open > 0.0015 end)
  end)
  local middle = candles[math.floor(#candles / 2) + 1].timestamp
  local hour = middle - middle % 3600000
  ask(os.date("!candles from %H:%M to %H:59, by id", hour / 1000), function()
    return candle:values { from = symbol .. "/" .. hour, to = symbol .. "/" .. hour + 59 * 60000 }
  end)
  local highest = 0
  line("the ten latest candles", "10", timed(function()
    for c in candle:values { reverse = true, limit = 10 } do highest = math.max(highest, c.high) end
  end), ("highest price %.2f"):format(highest))
  ask("the first five signals", function() return signal:take(5) end)
  line("how many signals there are", thousands(signal:count()), (timed(function() signal:count() end)))
end

-- Starts the writer, kills it, and returns the last change that it acknowledged.
local function crash(dir)
  heading("Killing")
  local command = { quote(shell("readlink /proc/$PPID/exe")), "run", quote(script), "--writer", quote(dir) }
  for _, name in ipairs { "candles", "signals" } do
    if options[name] then table.insert(command, ("--%s %s"):format(name, quote(options[name]))) end
  end
  -- A shell tells how the writer ended.  Its own remark ("Killed") is not wanted, the writer's complaints are.
  local pipe = assert(io.popen([[exec sh -c '(exec "$@" 2>&3); echo status $?' sh ]] .. table.concat(command, " ")
    .. " 3>&2 2>/dev/null"))
  local pid = pipe:read("*n", "*l")
  if not pid then error("the writer did not start", 0) end
  line("start a writer: two entities a change, one commit", "", nil, "process " .. pid)
  local start, last, killed = now(), 0, nil
  local status
  for text in pipe:lines() do
    status = text:match("^status (%d+)$")
    last = tonumber(text) or last
    if not killed and (last >= ACKNOWLEDGED or now() - start > PATIENCE * 1000) then
      killed = now() - start
      os.execute("kill -9 " .. pid)
    end
  end
  pipe:close()
  line("changes acknowledged, each after its own flush", thousands(last), killed or 0,
    ("%.2f ms each"):format((killed or 0) / math.max(last, 1)))
  check(status == "137", "kill -9 ended the writer in the middle of its work")
  return last
end

-- Whether every candle and signal is what was stored before the kill.
local function untouched(stored, candles, signals, symbol)
  for _, c in ipairs(candles) do
    if not same(stored.candle:readValue(symbol .. "/" .. c.timestamp), c) then return false end
  end
  local byId = {}
  for _, s in ipairs(signals) do byId[s.id] = s end
  for id, s in stored.signal:entries() do
    if not same(s, byId[id]) then return false end
    byId[id] = nil
  end
  return next(byId) == nil
end

local function comeBack(dir, stored, acknowledged, candles, signals, symbol)
  heading("Coming back")
  local journal = holdfast.PersistBase("journal", dir)
  local positions = holdfast.PersistBase("position", dir)
  local missing, different, present = 0, 0, 0
  local ms = timed(function()
    for n = 1, acknowledged do
      local _, entry = change(n, candles, symbol)
      if not journal:hasValue(n) then
        missing = missing + 1
      elseif not same(journal:readValue(n), entry) then
        different = different + 1
      end
    end
    present = journal:count()
  end)
  line("acknowledged changes compared with the store", thousands(acknowledged), ms)
  check(missing == 0 and different == 0,
    missing == 0 and different == 0 and "every acknowledged change is there, as it was written"
    or ("%d of the acknowledged changes are missing, %d differ"):format(missing, different))
  check(present == acknowledged or present == acknowledged + 1,
    present == acknowledged and "and nothing beyond them"
    or present == acknowledged + 1 and "and one more: committed, and killed before it was acknowledged"
    or ("there are %d changes"):format(present))
  local position = change(present, candles, symbol)
  check(same(positions:readValue(symbol), position), "the position agrees with the journal: both or neither")
  check(untouched(stored, candles, signals, symbol), "the candles and signals are as they were stored")
  line("write the next change", "", timed(function() journal:writeValue(present + 1, { n = present + 1 }) end))
end

local function verify(dir)
  local whole = holdfast.openStore(dir)
  local ms, report = timed(function() return whole:verify() end)
  line("verify every record's checksum", thousands(report.entities), ms, size(report.bytes) .. " of JSON")
  check(report.corrupt == 0 and report.quarantined == 0, "no damaged record")
  local stat = whole:stat()
  whole:close()
  return stat
end

-- ---------------------------------------------------------------------- main

local function main(dir)
  local candles, signals, symbol = load()
  local wall = now()
  print(style("1", "Holdfast " .. holdfast.version) .. ": a store in " .. dir)
  if options.dir then
    local whole = holdfast.openStore(dir)
    local names = whole:entities()
    whole:close()
    if #names > 0 then error("there is data in " .. dir .. " already: give a new directory", 0) end
  end
  local stored = store(dir, candles, signals, symbol)
  questions(stored, candles, symbol)
  local acknowledged = crash(dir)
  comeBack(dir, stored, acknowledged, candles, signals, symbol)
  local stat = verify(dir)
  print(("\n%s  %s in %.1f s; the store takes %s."):format(
    problems == 0 and style("32;1", "Nothing that was acknowledged is lost.") or style("31;1", "Something is wrong."),
    problems == 0 and "All checks passed" or problems .. " checks failed", (now() - wall) / 1000, size(stat.usedBytes)))
end

local dir = options.dir or shell("mktemp -d")
local ok, failure = xpcall(main, function(e)
  return options.debug and debug.traceback(tostring(e)) or tostring(e)
end, dir)
if not options.dir then os.execute("rm -rf " .. quote(dir)) end
if not ok then io.stderr:write("demo: ", failure, "\n") end
if not ok or problems > 0 then os.exit(1) end
