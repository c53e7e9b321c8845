-- SPDX-License-Identifier: MIT
--
-- `holdfast host`: a host that runs in another process, or in none, taken in hand from the command line.

local holdfast = require "holdfast"
local process = require "support.process"
local stores = require "support.stores"
local temp = require "support.temp"

local json = require "cjson"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")

-- A host whose minutes pass in 30 ms, from now on: it writes its events to standard output.
local HOST = [[
local holdfast = require "holdfast"
local host = require "holdfast.host"
local sleep = require("holdfast.util.clock").sleep
local url, name, priceOpen = arg[1], arg[2], tonumber(arg[3])
holdfast.adapters.useAll(url)
io.stdout:setvbuf "no"
host.addExchange {
  exchangeName = "flat",
  getCandles = function(_, _, since, limit)
    local list = {}
    for i = 1, limit do
      list[i] = { timestamp = since + (i - 1) * 60000, open = 100, high = 100, low = 100, close = 100, volume = 1 }
    end
    return list
  end,
}
host.addStrategy {
  strategyName = name,
  getSignal = function()
    return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, priceOpen = priceOpen }
  end,
}
host.setConfig { CC_SCHEDULE_AWAIT_MINUTES = 1e6 }
host.listenSignalLive(function(e)
  if e.id then print(e.action, e.closeReason or e.reason or "-", e.currentPrice, e.note or "-", e.id) end
end)
host.listenError(function(e) print("error", e.source, e.message) end)
local clock = host.manualClock(math.floor(os.time() / 60) * 60000)
host.setClock(clock)
host.Live.background("BTCUSDT", { strategyName = name, exchangeName = "flat" })
for _ = 1, 3000 do
  clock:advance(60000)
  sleep(0.03)
end
]]

for _, kind in ipairs { "lmdb", "file" } do describe("holdfast host, over " .. kind, function()
  local dir, url, pids

  before_each(function()
    dir, pids = temp.quickDirectory(), {}
    url = kind .. ":" .. dir .. "/data"
    temp.writeFile(dir .. "/host.lua", HOST)
  end)

  local function kill(name)
    os.execute(("kill -9 %s 2>/dev/null"):format(pids[name]))
    while os.execute(("kill -0 %s 2>/dev/null"):format(pids[name])) == 0 do os.execute "sleep 0.02" end
    pids[name] = nil
  end

  after_each(function()
    for name in pairs(pids) do kill(name) end
    stores.leaveNothing()
  end)

  local function events(name) return temp.readFile(dir .. "/" .. name) end

  -- Waits until the host has told of something so often.
  local function await(name, what, times)
    for _ = 1, 1000 do
      if select(2, events(name):gsub(what, "")) >= (times or 1) then return end
      os.execute "sleep 0.02"
    end
    error(name .. " has not told of " .. what .. ": " .. events(name), 2)
  end

  local function start(name, priceOpen)
    temp.writeFile(dir .. "/" .. name, "") -- what the one before has told is not of interest
    os.execute(("cd %s && { exec %s run host.lua %s %s %s >>%s 2>&1 </dev/null & echo $! >pid; }"):format(
      temp.quote(dir), temp.quote(BIN), temp.quote(url), name, priceOpen or "", name))
    pids[name] = temp.readFile(dir .. "/pid"):match "%d+"
    await(name, priceOpen and "scheduled" or "opened")
  end

  local function run(action, ...)
    local words = { BIN, "host", action, url }
    for _, word in ipairs { ... } do words[#words + 1] = word end
    return process.run(words)
  end

  local function ok(...)
    local result = run(...)
    assert.same({ "", 0 }, { result.stderr, result.code })
    return result.stdout
  end

  local function answersFor(...)
    local list = {}
    for line in ok(...):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
    return list
  end

  it("closes, waits for the answer, and says what became of it", function()
    start "main"
    assert.equal("'main' on BTCUSDT: done: closed at 100\n",
      ok("close", "main", "BTCUSDT", "--valid", "1d", "--reason", "too hot"))
    await("main", "closed\tmanual\t100\ttoo hot")
    await("main", "opened\t", 2)
    local answer = answersFor("close", "main", "BTCUSDT", "--valid", "1d", "--price", "99.5", "--json")[1]
    assert.same({ "close", "done", "main", "BTCUSDT" },
      { answer.kind, answer.outcome, answer.strategyName, answer.symbol })
    assert.is_truthy(events "main":find("closed\tmanual\t99.5\t-\t" .. answer.eventId, 1, true), events "main")
    assert.is_nil(events "main":find "error")
  end)

  it("cancels what waits", function()
    start("main", 95)
    assert.equal("'main' on BTCUSDT: done: cancelled at 100\n", ok("cancel", "main", "BTCUSDT", "--valid", "1d"))
    await("main", "cancelled\tmanual")
    await("main", "scheduled\t", 2)
    local result = run("close", "main", "BTCUSDT")
    assert.equal(1, result.code)
    assert.matches("nothing is open of 'main' on BTCUSDT: a signal waits", result.stderr)
  end)

  it("asks the host that runs the signal, of two on one store", function()
    start "one"
    start "two"
    ok("close", "two", "BTCUSDT", "--valid", "1d")
    await("two", "closed\tmanual")
    assert.is_nil(events "one":find "closed")
    local names = {}
    for _, answer in ipairs(answersFor("close", "--all", "--valid", "1d", "--json")) do
      assert.equal("done", answer.outcome)
      names[#names + 1] = answer.strategyName
    end
    table.sort(names)
    assert.equal("one two", table.concat(names, " "))
    assert.is_nil((events "one" .. events "two"):find "error")
  end)

  it("says what there is where a name may be misspelt", function()
    start "main"
    local function says(code, pattern, ...)
      local result = run(...)
      assert.equal(code, result.code, result.stderr)
      assert.matches(pattern, result.stderr)
    end
    says(1, "nothing is open of 'mian' on BTCUSDT\n  open are: 'main' on BTCUSDT\n", "close", "mian", "BTCUSDT")
    says(2, "there are open: 'main' on BTCUSDT\n", "close", "BTCUSDT")
    says(0, "^holdfast: warning: the store has nothing open, and no host, of that name; it has 'main' on BTCUSDT\n$",
      "pause", "mian")
    says(0, "'BTCUSDT' is a symbol: write '%*' BTCUSDT for every strategy on it\n$", "pause", "BTCUSDT")
    says(0, "it has 'main' on BTCUSDT\n$", "pause", "main", "BTC")
    says(0, "^$", "pause", "*", "BTCUSDT")
    says(0, "^$", "pause", "main")
    says(0, "^$", "pause")
    assert.matches("^everything: 6 pauses removed\n$", ok "resume")
    ok("pause", "main", "--till", "1h")
    says(1, "^holdfast: warning: there are pauses of: 'main' on every symbol\n$", "resume", "mein")
    ok "resume"
    holdfast.PersistBase("signal", url):writeValue("x/Y", { strategyName = "\27[2Jx", symbol = "Y" })
    says(0, "it has '\\u001b%[2Jx' on Y, 'main' on BTCUSDT\n$", "pause", "mian")
  end)

  it("says where no host runs, and has one that starts later take it up", function()
    start "main"
    kill "main"
    local result = run("close", "main", "BTCUSDT", "--valid", "1d", "--no-wait", "--json")
    assert.equal(0, result.code)
    assert.matches("^no host runs 'main' on BTCUSDT now: one that starts before .* takes the request up$",
      json.decode(result.stderr).warning)
    local request = json.decode(result.stdout)
    assert.equal("waiting", request.outcome)
    assert.equal(request.id, json.decode(ok("requests", "--json")).id)
    os.execute "sleep 1"
    start "main"
    await("main", "closed\tmanual")
    assert.equal("", ok "requests")
    result = run("take-back", request.id)
    assert.same({ "'main' on BTCUSDT: done: closed at 100\n", 1 }, { result.stdout, result.code })
  end)

  it("gives up when the validity ends", function()
    start "main"
    kill "main"
    local result = run("close", "main", "BTCUSDT", "--valid", "1s")
    assert.equal(1, result.code)
    assert.matches("expired: nobody took it up in the 1 seconds", result.stdout)
    assert.equal("", ok "requests")
  end)

  it("leaves the request standing when it is interrupted, and takes it back", function()
    start "main"
    kill "main"
    local result = process.shell(("timeout --signal=INT 1 %s host close %s main BTCUSDT"):format(BIN, url))
    assert.matches("interrupted: what was asked for stands until [^\n]*Z: %d+%-%x+\n", result.stderr)
    local id = result.stderr:match "take%-back %S+ (%S+)'"
    assert.is_truthy(ok "requests":find(id, 1, true))
    assert.equal("", ok("take-back", id))
    assert.equal("", ok "requests")
    result = run("take-back", id)
    assert.equal(1, result.code)
    assert.matches("there is no request", result.stderr)
  end)

  it("pauses, until it resumes, over a restart", function()
    start "main"
    assert.matches("^'main' on every symbol is paused since [^\n]* %(look at it%), by holdfast host pause",
      ok("pause", "main", "--reason", "look at it"))
    ok("close", "main", "BTCUSDT", "--valid", "1d")
    os.execute "sleep 0.5"
    local _, count = events "main":gsub("opened\t", "")
    assert.equal(1, count)
    kill "main"
    assert.matches("^'main' on every symbol is paused", ok "requests")
    assert.equal("'main' on BTCUSDT: 0 pauses removed\n", run("resume", "main", "BTCUSDT").stdout)
    assert.equal("everything: 1 pause removed\n", ok "resume")
    start "main"
    assert.same({ "everything: 0 pauses removed\n", 1 }, { run("resume").stdout, run("resume").code })
  end)

  it("shows what somebody has stored, and obeys nothing of it", function()
    holdfast.PersistBase("host", url):writeValue("pause/x",
      { version = 1, strategyName = "\27[2Jmain", symbol = "BTCUSDT", since = 1707343380000, by = "me\7" })
    assert.equal("'\\u001b[2Jmain' on BTCUSDT is paused since 2024-02-07T22:03:00.000Z, by me\\u0007\n", ok "requests")
  end)

  it("refuses what is wrong, and makes no store", function()
    local function refused(code, pattern, ...)
      local result = run(...)
      assert.equal(code, result.code, result.stderr)
      assert.matches(pattern, result.stderr)
    end
    refused(3, "this command never creates a store", "pause")
    holdfast.PersistBase("candle", url):writeValue("a", 1)
    refused(1, "nothing is open of 'main' on BTCUSDT", "close", "main", "BTCUSDT")
    refused(2, "give STRATEGY and SYMBOL, or %-%-all for every one; there are open: none", "close", "main")
    refused(2, "'10' is no time: write 90s", "close", "main", "BTCUSDT", "--valid", "10")
    refused(2, "%-%-price: 'x' is no number", "close", "main", "BTCUSDT", "--price", "x")
    refused(2, "%-%-price must be a positive number", "close", "main", "BTCUSDT", "--price", "0")
    refused(2, "%-%-price is not for 'pause'", "pause", "--price", "1")
    refused(2, "%-%-till is not for 'close'", "close", "main", "BTCUSDT", "--till", "1h")
    refused(2, "give SYMBOL or %-%-all, not both", "close", "main", "BTCUSDT", "--all")
    refused(2, "%-%-till: 'tomorrow' is no time: write 90s, 10m, 2h or 1d", "pause", "--till", "tomorrow")
    refused(2, "%-%-till: '2' is no time: write 90s", "pause", "--till", "2")
    refused(2, "which is over", "pause", "--till", "2020-01-01")
    refused(2, "give the id of one request", "take-back")
    refused(2, "", "burn")
    assert.equal("", ok "requests")
    assert.equal("Nothing is open.\n", ok("close", "--all"))
  end)
end) end
