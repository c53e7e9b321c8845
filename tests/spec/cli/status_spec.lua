-- SPDX-License-Identifier: MIT
--
-- `status`: what it says of hosts that run, are killed, stopped, ended, started again, and of stores that have rows and
-- nothing else; and that it only reads.

local clock = require "holdfast.util.clock"
local holder = require "support.holder"
local holdfast = require "holdfast"
local process = require "support.process"
local redis = require "support.redis"
local stores = require "support.stores"
local temp = require "support.temp"

local json = require "cjson"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")
local BUILD = assert(os.getenv("HOLDFAST_BUILD"), "HOLDFAST_BUILD must name the build folder")
local MINUTE = 60000
local WRONG_CLOCK = ("LD_PRELOAD=%s/tests/fault/file/clock_preload.so CLOCK_SHIFT="):format(temp.quote(BUILD))

-- A host that lives by the machine's clock, or, with minutes to play, by one of its own; SIGUSR1 ends it.
local BOT = [[
local holdfast, host, uv = require "holdfast", require "holdfast.host", require "luv"
local store, play = arg[1], tonumber(arg[2])
holdfast.adapters.useAll(store)
local fails = false
host.addExchange { exchangeName = "flat", getCandles = function(_, _, since, limit)
  if fails then error("the exchange is down", 0) end
  local list = {}
  for i = 1, limit do
    list[i] = { timestamp = since + (i - 1) * 60000, open = 100, high = 101, low = 99, close = 100, volume = 1 }
  end
  return list
end }
host.addRisk { riskName = "two", validations = { function(p) return p.activePositionCount < 2 end } }
host.addStrategy { strategyName = "main", riskName = "two", interval = "1d", getSignal = function(symbol)
  if symbol == "NONE" then error("no idea\27[2J", 0) end
  return { position = "long", priceOpen = symbol == "SOLUSDT" and 95 or nil, priceTakeProfit = 110,
    priceStopLoss = 90, minuteEstimatedTime = 60 }
end }
host.listenError(function() end)
local clock
if play then
  clock = host.manualClock(1707343380000)
  host.setClock(clock)
end
for _, symbol in ipairs { "BTCUSDT", "SOLUSDT", "NONE" } do
  host.Live.background(symbol, { strategyName = "main", exchangeName = "flat" })
end
local signal = uv.new_signal()
signal:start("sigusr1", function()
  host.Live.stop()
  signal:stop()
  signal:close()
end)
if play then
  host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
  for minute = 1, play do
    fails = minute > 2
    clock:advance(60000)
    uv.sleep(110)
  end
  assert(io.open(store:match("[^:]*$") .. ".played", "w")):close()
  while true do uv.run("once") end
end
host.run()
]]

local function shell(...) return process.shell(string.format(...)) end

-- The command, with `seconds` added to its clock.
local function status(url, options, seconds)
  local shift = seconds and WRONG_CLOCK .. seconds .. " " or ""
  return shell("%s %s status %s %s", shift, temp.quote(BIN), temp.quote(url), options or "")
end

local function ok(...)
  local result = status(...)
  assert.same({ "", 0 }, { result.stderr, result.code })
  return result.stdout
end

local function seen(...)
  local result = status(...)
  assert.equal("", result.stderr)
  return json.decode(result.stdout), result.code
end

-- The line of the table that begins so, its columns apart by one blank.
local function lineOf(text, start)
  for line in text:gmatch "[^\n]+" do
    if line:sub(1, #start) == start then return (line:gsub("  +", " ")) end
  end
  error("no line begins with " .. start .. " in\n" .. text, 2)
end

local function has(text, part) assert.is_truthy(text:find(part, 1, true), part .. " is not in\n" .. text) end

local Bot = {}
Bot.__index = Bot

local function waitFor(isDone, what, log)
  for _ = 1, 400 do
    if isDone() then return end
    clock.sleep(0.05)
  end
  error("waited too long for " .. what .. (log and ", which said: " .. temp.readFile(log) or ""), 2)
end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- Starts the bot, and returns once its runs have noted how they are.
local function start(dir, url, play)
  temp.writeFile(dir .. "/bot.lua", BOT)
  os.execute(("cd %s; %s run bot.lua %s %s </dev/null >out 2>err & echo $! >%s/pid"):format(temp.quote(dir),
    temp.quote(BIN), temp.quote(url), play or "", temp.quote(dir)))
  local bot = setmetatable({ pid = tonumber(temp.readFile(dir .. "/pid")), dir = dir }, Bot)
  waitFor(function()
    if play then return exists(url:match "[^:]*$" .. ".played") end
    local result = status(url, "--json")
    if result.code ~= 0 or result.stdout == "" then return false end
    local count = 0
    for _, run in ipairs(json.decode(result.stdout).runs) do
      if run.noteIsCurrent and run.note.pid == bot.pid then count = count + 1 end
    end
    return count == 3
  end, "the bot", dir .. "/err")
  return bot
end

function Bot:signal(name) os.execute(("kill -%s %d"):format(name, self.pid)) end

function Bot:isAlive() return os.execute(("kill -0 %d 2>/dev/null"):format(self.pid)) == 0 end

function Bot:kill()
  self:signal "KILL"
  waitFor(function() return not self:isAlive() end, "its end")
end

-- What is in a folder: names and contents, but for LMDB's table of readers.
local function contentOf(folder)
  return shell("cd %s && find . ! -name lock.mdb | sort && find . -type f ! -name lock.mdb | sort | xargs -r md5sum",
    temp.quote(folder)).stdout
end

describe("status", function()
  local dir, url, bot

  before_each(function()
    dir = temp.directory()
    url = "lmdb:" .. dir .. "/data"
  end)
  after_each(function()
    if bot and bot:isAlive() then bot:kill() end
    bot = nil
    stores.leaveNothing {}
  end)

  it("makes no store", function()
    local result = status(url)
    assert.equal(3, result.code)
    has(result.stderr, "never creates a store")
    assert.is_false(exists(dir .. "/data"))
    assert.equal(2, status(url, "--watch 0").code)
    assert.equal(2, status(url, "--watch soon").code)
    assert.equal(3, status(url, "--watch").code)
    has(shell("%s status --watch %s", BIN, url).stderr, "URL stands before --watch")
  end)

  for _, kind in ipairs { "lmdb", "file", "redis" } do describe("of a store of kind " .. kind, function()
    local server
    before_each(function()
      if kind == "redis" then
        if not redis.isInstalled then return pending "there is no redis-server" end
        server = redis.start "--appendonly yes --appendfsync always"
        url = "redis://127.0.0.1:" .. server.port
      else
        url = kind .. ":" .. dir .. "/data"
      end
    end)
    after_each(function()
      if bot and bot:isAlive() then bot:kill() end
      bot = nil
      if server then server:stop() end
      server = nil
    end)

    it("sees a host that lives, is killed, started again, stopped, let go on, and ended", function()
      bot = start(dir, url)
      local text = ok(url)
      assert.matches("^main BTCUSDT running %d%d:%d%d %(%d+ s ago%) long %d%d:%d%d %(%d+ s ago%) 59 min 100%.000 "
        .. "100%.000 %-0%.40%% 10%.00%% 10%.00%%$", lineOf(text, "main      BTCUSDT"))
      assert.matches("^main SOLUSDT running .* long waits .* 1 h 59 min 95%.0000 100%.000 5%.00%%$",
        lineOf(text, "main      SOLUSDT"))
      has(text, "two: 1 slot (main BTCUSDT)")
      has(text, "process " .. bot.pid .. " on host ")
      has(text, ": main BTCUSDT, main NONE, main SOLUSDT")
      has(text, "1 time: getSignal: no idea [2J")
      assert.is_nil(text:find("\27", 1, true))
      bot:kill()
      local result = status(url)
      assert.same({ "", 1 }, { result.stderr, result.code })
      has(lineOf(result.stdout, "main      BTCUSDT"), "BTCUSDT gone")
      has(result.stdout, "! main BTCUSDT is gone, and its open position NOT WATCHED: its process has ended without a "
        .. "word")
      has(result.stdout, "! main SOLUSDT is gone, and its waiting signal NOT WATCHED")
      has(result.stdout, "\nmain NONE is gone: ")
      assert.is_nil(result.stdout:find("locks", 1, true))

      bot = start(dir, url)
      has(lineOf(ok(url), "main      BTCUSDT"), "BTCUSDT running")
      bot:signal "STOP"
      has(lineOf(ok(url), "main      BTCUSDT"), "BTCUSDT running") -- for so long it may have nothing to say
      result = status(url, "", 300)
      assert.same({ "", 1 }, { result.stderr, result.code })
      has(result.stdout, "! main BTCUSDT is silent, and its open position NOT WATCHED: its process has the lock, and "
        .. "was last heard of 5 min ago")
      bot:signal "CONT"
      has(lineOf(ok(url), "main      BTCUSDT"), "BTCUSDT running")
      result = status(url, "", -300)
      assert.equal(1, result.code)
      has(result.stdout, "main NONE is late: its last note is 4 min ahead of this machine's clock")

      bot:signal "USR1"
      waitFor(function() return not bot:isAlive() end, "its end")
      local object, code = seen(url, "--json")
      assert.equal(1, code)
      assert.is_false(object.isFine)
      assert.equal(2, #object.runs) -- NONE has nothing open, and took its note along
      assert.same({ "BTCUSDT", "ended", "alarm" },
        { object.runs[1].symbol, object.runs[1].state, object.runs[1].level })
      assert.same({ 100, 95 }, { object.runs[1].signal.priceOpen, object.runs[2].scheduled.priceOpen })
      bot = nil
    end)
  end) end

  it("only reads", function()
    for _, kind in ipairs { "lmdb", "file" } do
      local store = ("%s:%s/%s"):format(kind, dir, kind)
      bot = start(dir, store)
      bot:kill()
      local before = contentOf(dir .. "/" .. kind)
      for _ = 1, 3 do assert.equal(1, status(store).code) end
      assert.equal(before, contentOf(dir .. "/" .. kind))
    end
  end)

  it("has nothing to say of a store on which no host ever ran", function()
    holdfast.PersistBase("candle", url):writeValue("a", 1)
    has(ok(url), "\n\nno strategy host runs on it, and nothing is open or waits\n")
    local object = seen(url, "--json")
    assert.same({ true, 0, 0 }, { object.isFine, #object.runs, #object.pauses })
  end)

  -- A row as a host writes it.
  local function row(symbol)
    return {
      id = "main/" .. symbol .. "/1", symbol = symbol, strategyName = "main", exchangeName = "x", position = "short",
      priceOpen = 100, priceTakeProfit = 90, priceStopLoss = 110, minuteEstimatedTime = math.huge,
      scheduledAt = clock.wall() - 90 * MINUTE, pendingAt = clock.wall() - 90 * MINUTE,
    }
  end

  it("knows positions of hosts that note nothing: an earlier one's", function()
    holdfast.PersistBase("signal", url):writeValue("main/BTCUSDT", row "BTCUSDT")
    local result = status(url)
    assert.equal(1, result.code)
    assert.matches("^main BTCUSDT gone short %d%d:%d%d %(1 h 30 min ago%) 100%.000$",
      lineOf(result.stdout, "main      BTCUSDT"))
    has(result.stdout, "! main BTCUSDT is gone, and its open position NOT WATCHED: no host runs it")
    local old = holder.start(([[
      require("holdfast").PersistSignalAdapter.useLmdb(%q)
      taken = require("holdfast.host.state.lock").take("main", "BTCUSDT", "Live.background main")
      other = require("holdfast.host.state.lock").take("main", ("x"):rep(300))
      third = require("holdfast.host.state.lock").take("ma in", "ETH/USDT")
    ]]):format(dir .. "/data"))
    local text = ok(url)
    assert.matches("^main BTCUSDT running short ", lineOf(text, "main      BTCUSDT"))
    has(text, "ma in     ETH/USDT")
    has(text, "main      ?")
    has(text, ("process %d on host "):format(old.pid))
    shell("find %s/.lease -name '*.lock' | xargs touch -d '10 minutes ago'", dir .. "/data")
    result = status(url)
    assert.equal(1, result.code)
    has(result.stdout, "! main BTCUSDT is silent, and its open position NOT WATCHED: its process has the lock, and was "
      .. "last heard of 10 min ago")
    old:kill()
  end)

  it("takes no host of the store that a copy was made of for one of the copy", function()
    bot = start(dir, url)
    shell("cp -r %s/data %s/copy", dir, dir)
    local result = status(dir .. "/copy")
    assert.equal(1, result.code)
    has(result.stdout, "! main BTCUSDT is gone")
    has(lineOf(ok(url), "main      BTCUSDT"), "BTCUSDT running")
  end)

  it("takes no note of the process before for one of the process that runs", function()
    bot = start(dir, url)
    bot:kill()
    local other = holder.start(([[
      require("holdfast").PersistSignalAdapter.useLmdb(%q)
      taken = require("holdfast.host.state.lock").take("main", "BTCUSDT")
    ]]):format(dir .. "/data"))
    local object = seen(url, "--json")
    local run = object.runs[1]
    assert.same({ "BTCUSDT", "running", false }, { run.symbol, run.state, run.noteIsCurrent })
    assert.equal("gone", object.runs[2].state)
    other:kill()
  end)

  it("says since when an exchange gives no price", function()
    bot = start(dir, url, 8)
    local result = status(url)
    assert.equal(1, result.code)
    has(lineOf(result.stdout, "main      BTCUSDT"), "BTCUSDT late 2024-02-07 22:05")
    has(result.stdout, "! main BTCUSDT is late, and its open position NOT WATCHED: it has lived no minute for 6 min: ")
    has(result.stdout, "the exchange is down")
    has(result.stdout, "6 times: tick: ")
  end)

  it("shows pauses that hold", function()
    local notes, now = holdfast.PersistBase("host", url), clock.wall()
    notes:writeValue("pause/main%2F*", { version = 1, strategyName = "main", symbol = "*", by = "alice\27",
      reason = "news", since = now - 60 * MINUTE, till = now + 30 * MINUTE })
    notes:writeValue("pause/*%2F*", { version = 1, strategyName = "*", symbol = "*", by = "bob", since = now })
    notes:writeValue("pause/x%2F*", { version = 1, strategyName = "x", symbol = "*", since = now, till = now - 1 })
    local text = ok(url)
    assert.matches("\n'main' on every symbol, since %d%d:%d%d %(1 h 00 min ago%), until %d%d:%d%d %(in 2%d min%), "
      .. "by alice : news\n", text)
    assert.matches("\neverything, since %d%d:%d%d %(%d+ s ago%), by bob\n", text)
    assert.is_nil(text:find("\nx *", 1, true))
    assert.equal(2, #seen(url, "--json").pauses)
  end)

  it("understands what it can of what others have written", function()
    local odd = { 1, true, "x", holdfast.null, {}, holdfast.json.array {}, { strategyName = 1 },
      { strategyName = "s", symbol = "y" }, { strategyName = "s", symbol = "y", writtenAt = "now" },
      { strategyName = "s", symbol = "y", writtenAt = 1, minute = "x", price = {}, position = 7, waiting = "w",
        slots = 1, failures = { 1, { at = {} }, { at = 1e300, message = {}, source = 1 } }, interval = "often",
        pid = {}, host = 5,
        lock = 6, startedAt = false, endedAt = "never", clockTime = {}, manual = 1, blocked = 5 } }
    for i, value in ipairs(odd) do
      for _, name in ipairs { "signal", "schedule", "risk" } do
        holdfast.PersistBase(name, url):writeValue("odd" .. i, value)
      end
      holdfast.PersistBase("risk", url):writeValue("odd" .. i .. "/positions", value)
      holdfast.PersistBase("host", url):writeValue("status/odd" .. i, value)
      holdfast.PersistBase("host", url):writeValue("pause/odd" .. i, value)
    end
    local result = status(url)
    assert.same({ "", 1 }, { result.stderr, result.code })
    assert.equal(1, select(2, seen(url, "--json")))
  end)

  it("tells of what is damaged, and shows the rest", function()
    local store = "file:" .. dir .. "/data"
    bot = start(dir, store)
    bot:kill()
    temp.writeFile(dir .. "/data/signal/main/BTCUSDT.json", "{")
    shell("touch -d '1 minute ago' %s/data/signal/main/BTCUSDT.json", dir)
    local result = status(store)
    assert.equal(3, result.code)
    has(result.stderr, "Entity signal:main/BTCUSDT is corrupt")
    has(result.stdout, "! main SOLUSDT is gone")
    assert.is_true(exists(dir .. "/data/signal/main/BTCUSDT.json")) -- nothing goes to quarantine
  end)

  it("asks the notes where the rows are in another store", function()
    temp.writeFile(dir .. "/bot.lua", (BOT:gsub("holdfast%.adapters%.useAll%(store%)",
      ("holdfast.adapters.useAll(%q); holdfast.PersistHostAdapter.useLmdb(store)"):format(dir .. "/rows"))))
    os.execute(("cd %s; %s run bot.lua data </dev/null >out 2>err & echo $! >pid"):format(temp.quote(dir),
      temp.quote(BIN)))
    bot = setmetatable({ pid = tonumber(temp.readFile(dir .. "/pid")) }, Bot)
    waitFor(function() return status(url).code == 0 end, "the bot")
    local text = ok(url)
    assert.matches("^main BTCUSDT running .* long .* 100%.000 100%.000 ", lineOf(text, "main      BTCUSDT"))
    has(text, "two: 1 slot\n")
    bot:kill()
    has(status(url).stdout, "! main BTCUSDT is gone, and its open position NOT WATCHED")
  end)

  describe("--watch", function()
    -- Runs it until SIGINT comes after so many seconds.
    local function watch(seconds, line) return shell("timeout --preserve-status -s INT %g %s", seconds, line) end

    it("goes on until Ctrl-C, and that is no failure", function()
      bot = start(dir, url)
      local result = watch(1.5, ("%s status %s --watch 0.4"):format(BIN, url))
      assert.same({ "", 0 }, { result.stderr, result.code })
      assert.is_true(select(2, result.stdout:gsub("main +BTCUSDT +running", "")) >= 2, result.stdout)
      assert.is_nil(result.stdout:find("\27", 1, true))
      result = watch(1.2, ("%s status %s --watch 0.4 --json"):format(BIN, url))
      assert.equal(0, result.code)
      for line in result.stdout:gmatch "[^\n]+" do assert.is_true(json.decode(line).isFine) end
    end)

    it("draws in its place on a terminal, what is not watched in red", function()
      bot = start(dir, url)
      bot:kill()
      local result = watch(1.5, ("script -qfec '%s status %s --watch 0.3' /dev/null"):format(BIN, url))
      has(result.stdout, "\27[2J\27[H" .. url)
      has(result.stdout, "\27[J\27[H" .. url)
      has(result.stdout, "\27[1;31mmain      BTCUSDT")
      assert.equal(1, select(2, result.stdout:gsub("\27%[2J", "")))
      for line in result.stdout:gmatch "[^\n]+" do
        local plain = line:gsub("\27%[[%d;]*%a", ""):gsub("\r", "")
        assert.is_true(#plain:gsub("[\128-\191]", "") < 80, plain) -- characters
      end
    end)

    it("stays when the store is gone for a while", function()
      if not redis.isInstalled then return pending "there is no redis-server" end
      local server = redis.start()
      url = "redis://127.0.0.1:" .. server.port
      holdfast.PersistBase("signal", url):writeValue("main/BTCUSDT", row "BTCUSDT")
      os.execute(("(sleep 1; kill -9 %d) &"):format(server:pid()))
      local result = watch(3, ("%s status %s --watch 0.5"):format(BIN, url))
      assert.equal(0, result.code)
      has(result.stdout, "BTCUSDT")
      has(result.stdout, "cannot be read: ")
      server:stop()
    end)
  end)
end)
