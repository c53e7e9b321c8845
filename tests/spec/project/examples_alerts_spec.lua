-- SPDX-License-Identifier: MIT
--
-- The examples alert_webhook.lua and alert_queue.lua: what reaches a receiver that is well, fails, is slow or hangs,
-- and that nothing else notices.

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
local command = os.getenv("HOLDFAST_BIN") or source .. "/build/holdfast"
package.path = source .. "/examples/?.lua;" .. package.path

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local http = require "support.http"
local json = holdfast.json
local process = require "support.process"
local raises = require "support.raises"
local temp = require "support.temp"

local MINUTE = hosts.MINUTE
local SECRET = "t0k3n-of-the-hook"

if not pcall(require, "luv") or not pcall(require, "http_client") then
  describe("the example alert_webhook", function() pending("needs lua-luv and libcurl4") end)
  return
end

local AlertQueue = require "alert_queue"
local Http = require "http_client"
local webhook = require "alert_webhook"

describe("the example alert_webhook", function()
  local server, folder, alerts, said

  -- What is written to standard error meanwhile is kept in `said`.
  local stderr = io.stderr
  local function listen()
    said = {}
    io.stderr = { write = function(_, ...) said[#said + 1] = table.concat { ... } end } -- luacheck: ignore
  end

  setup(function() server = http.start() end)
  before_each(function()
    hosts.fresh()
    server:next "always ok"
    server:requests()
    folder, alerts = temp.directory() .. "/alerts", nil
    listen()
  end)
  after_each(function()
    io.stderr = stderr -- luacheck: ignore
    hosts.finish()
    if alerts then alerts.finish(0) end
    collectgarbage()
  end)
  teardown(function()
    server:stop()
    temp.removeAll()
  end)

  local function start(options)
    options = options or {}
    options.url, options.folder, options.timeout = options.url or server.hook, folder, options.timeout or 1
    alerts = webhook.start(options)
    return alerts
  end

  local function finish(ms)
    local left = alerts.finish(ms)
    alerts = nil
    return left
  end

  -- What was posted, as it was meant.
  local function posted()
    local list = {}
    for i, request in ipairs(server:requests()) do
      list[i] = json.decode(request.body)
      list[i].fault, list[i].sentAt, list[i].headers = request.fault, request.at, request.headers
    end
    return list
  end

  local function idsOf(list)
    local ids = {}
    for i, each in ipairs(list) do ids[i] = each.id end
    return ids
  end

  -- A strategy that opens, on so many symbols, and closes after so many minutes.
  local function trade(symbols, minutes)
    hosts.exchange(function() return 100 end)
    hosts.strategy { minuteEstimatedTime = minutes or 2, interval = "1m" }
    for i = 1, symbols do hosts.live("main", ("S%02d"):format(i)) end
  end

  -- Listens for the ids of events, beside the alerts.
  local function hear()
    local heard = {}
    host.listenSignalLive(function(event) if event.id then heard[#heard + 1] = event.id end end)
    return heard
  end

  local function alert(n, kind)
    return { id = "id" .. n, kind = kind or "opened", at = 1707343380000 + n, text = "text " .. n }
  end

  -- In real time, until `isDone()` or for so many ms.
  local function wait(ms, isDone)
    local till = Http.elapsed() + ms
    while not isDone() and Http.elapsed() < till do host.sleep(10) end
    return isDone()
  end

  describe("posts", function()
    it("what opened and closed, in order, each once", function()
      start()
      local heard = hear()
      local clock = hosts.clock()
      trade(1)
      clock:advance(7 * MINUTE)
      hosts.finish()
      assert.equal(0, finish(5000))
      local list = posted()
      assert.is_true(#heard >= 5)
      assert.same(heard, idsOf(list))
      assert.equal("S01 main: long opened at 100, take profit 110, stop loss 90", list[1].text)
      assert.equal("S01 main: long closed at 100, time_expired, -0.40%", list[2].text)
      assert.same({ "opened", "S01", "main", "test", 100, hosts.START }, { list[1].kind, list[1].symbol,
        list[1].strategyName, list[1].exchangeName, list[1].price, list[1].at })
      assert.equal("application/json", list[1].headers["Content-Type"])
      assert.is_nil(list[1].headers.Authorization)
    end)

    it("what failed: of those that are alike one in an hour, and not more", function()
      start()
      hosts.clock()
      local clock, broken = hosts.clock(), true
      host.addExchange {
        exchangeName = "test",
        getCandles = function(_, _, since, limit)
          if broken then error("no route \255 to host", 0) end
          return hosts.candles(since, limit, 100)
        end,
      }
      hosts.strategy {}
      hosts.live()
      clock:advance(5 * MINUTE)
      broken = false
      clock:advance(1 * MINUTE)
      hosts.finish()
      assert.equal(0, finish(5000))
      local list = posted()
      assert.equal(2, #list)
      assert.same({ "failure", "tick", "BTCUSDT", "main" }, { list[1].kind, list[1].source, list[1].symbol,
        list[1].strategyName })
      assert.matches("^BTCUSDT main tick: exchange 'test': getCandles.*no route %? to host", list[1].text)
      assert.equal("opened", list[2].kind)
      assert.equal(list[1].text .. "\n", table.concat(said), "on standard error, too")
    end)

    it("with a token, and a body as the receiver wants it", function()
      start { token = SECRET, body = function(each) return { content = each.text } end, actions = { closed = true } }
      local clock = hosts.clock()
      trade(1)
      clock:advance(2 * MINUTE)
      hosts.finish()
      finish(5000)
      local requests = server:requests()
      assert.equal(1, #requests)
      assert.equal("Bearer " .. SECRET, requests[1].headers.Authorization)
      assert.same({ content = "S01 main: long closed at 100, time_expired, -0.40%" }, json.decode(requests[1].body))
    end)
  end)

  describe("delays nothing", function()
    for _, fault in ipairs { "hang", "slow 2", "500", "close", "drip 0.1" } do
      it(("where the receiver answers %s"):format(fault), function()
        server:next("always " .. fault)
        start { timeout = 10 }
        local heard, minutes = hear(), 0
        host.listenMinute(function() minutes = minutes + 1 end)
        local began = Http.elapsed()
        trade(10)
        assert.is_true(wait(10000, function() return minutes >= 10 end))
        assert.equal(10, #heard)
        assert.is_true(Http.elapsed() - began < 3000, Http.elapsed() - began .. " ms")
        -- And what else waits goes on.
        local steps = 0
        wait(300, function()
          steps = steps + 1
          return false
        end)
        assert.is_true(steps > 5, steps .. " steps")
        hosts.finish()
        assert.is_true(finish(0) >= 8, "they are kept")
      end)
    end

    it("where nobody listens, and ends at once", function()
      start { url = "http://127.0.0.1:1/" .. SECRET }
      local heard = hear()
      trade(3)
      assert.is_true(wait(5000, function() return #heard == 3 and #said > 0 end))
      hosts.finish()
      local began = Http.elapsed()
      assert.equal(3, finish(300))
      assert.is_true(Http.elapsed() - began < 1000)
      local text = table.concat(said)
      assert.truthy(text:find("alerts cannot be sent now, and wait: http://127.0.0.1:1: ", 1, true), text)
      assert.truthy(text:find(("3 alerts wait in %s, and are sent when the bot"):format(folder), 1, true), text)
      assert.is_nil(text:find(SECRET, 1, true), "the URL is a secret")
    end)
  end)

  describe("tries again", function()
    it("until the receiver is well, in order, and posts nothing twice that was taken", function()
      server:next("503", "hang", "half", "404", "close")
      start { timeout = 0.3 }
      local heard = hear()
      trade(3)
      assert.is_true(wait(5000, function() return #heard == 3 end))
      hosts.finish()
      local queue = AlertQueue.open(folder, 1000)
      assert.is_true(wait(90000, function() return queue:count() == 0 end))
      queue:close()
      local taken, times = {}, {}
      for _, each in ipairs(posted()) do
        if each.fault == "ok" then taken[#taken + 1] = each.id end
        if each.fault ~= "ok" then assert.equal(heard[1], each.id, "the first one, until it is taken") end
        times[#times + 1] = each.sentAt
      end
      assert.same(heard, taken)
      for i = 1, 3 do -- at least half of 1, 2, 4 s
        assert.is_true(times[i + 1] - times[i] >= 0.5 * 2 ^ (i - 1) - 0.05, ("after try %d"):format(i))
      end
    end)

    it("no earlier than Retry-After says", function()
      server:next("429 3", "ok")
      start()
      local queue = AlertQueue.open(folder, 1000)
      queue:put(alert(1))
      assert.is_true(wait(15000, function() return queue:count() == 0 end))
      queue:close()
      local list = posted()
      assert.equal(2, #list)
      assert.is_true(list[2].sentAt - list[1].sentAt >= 2.9)
    end)
  end)

  -- ---- what is dropped

  it("keeps as many as it may, drops failures first and then the oldest, and says so", function()
    server:next "always 500"
    local queue = AlertQueue.open(folder, 5)
    for n = 1, 6 do queue:put(alert(n, n % 2 == 0 and "failure" or nil)) end
    for n = 7, 10 do queue:put(alert(n)) end
    queue:close()
    assert.same({ "alert dropped, too many wait: text 2\n", "alert dropped, too many wait: text 4\n",
      "alert dropped, too many wait: text 6\n", "alert dropped, too many wait: text 1\n",
      "alert dropped, too many wait: text 3\n", "alert dropped, too many wait: text 5\n" }, said)
    server:next "always ok"
    start()
    assert.is_true(wait(5000, function() return #said == 6 and io.open(server.dir .. "/requests") end) ~= nil)
    finish(5000)
    local list = posted()
    assert.equal("dropped", list[1].kind)
    assert.equal(6, list[1].count)
    assert.equal("6 alerts were dropped, too many wait; the last one: text 5", list[1].text)
    assert.same({ "dropped", "id7", "id8", "id9", "id10" }, idsOf(list))
  end)

  it("drops what the receiver refuses for good, tells it so, and goes on", function()
    server:next("ok", "400", "ok", "ok", "ok")
    start()
    local queue = AlertQueue.open(folder, 1000)
    for n = 1, 3 do queue:put(alert(n)) end
    assert.is_true(wait(10000, function() return queue:count() == 0 end))
    queue:close()
    local list = posted()
    assert.same({ "id1", "id2", "dropped", "id3" }, idsOf(list))
    assert.equal(("1 alerts were dropped, %s: status 400; the last one: text 2"):format(server.origin), list[3].text)
    assert.equal(("alert dropped, %s: status 400: text 2\n"):format(server.origin), said[1])
  end)

  it("drops what its body cannot be made of, and what is said of it where that is refused, too", function()
    server:next("ok", "400", "ok")
    start { body = function(each) return each.id == "id2" and each.nothing.here or each end }
    local queue = AlertQueue.open(folder, 1000)
    for n = 1, 3 do queue:put(alert(n)) end
    assert.is_true(wait(10000, function() return queue:count() == 0 end))
    queue:close()
    assert.same({ "id1", "dropped", "id3" }, idsOf(posted()))
    assert.matches("^alert dropped, body: .*attempt to index field 'nothing' .*: text 2\n$", said[1])
    assert.matches("^alert dropped, http://.*: status 400: 1 alerts were dropped, body: ", said[2])
  end)

  it("counts what is dropped while it says so", function()
    local queue = AlertQueue.open(folder, 2)
    for n = 1, 4 do queue:put(alert(n)) end
    local key, note = queue:first()
    assert.equal(3, note.count)
    for n = 5, 6 do queue:put(alert(n)) end
    queue:remove(key, note)
    key, note = queue:first()
    assert.equal("2 more alerts were dropped, too many wait; the last one: text 5", note.text)
    queue:remove(key, note)
    assert.equal("id6", select(2, queue:first()).id)
    queue:close()
  end)

  it("holds what its store does not take, says so, and stores it when it can", function()
    local function setting(text) assert.equal(0, process.run({ command, "set", folder, text }).code) end
    local queue, n = AlertQueue.open(folder, 1000), 1
    queue:put(alert(1))
    setting "maxsize=256k"
    local function put()
      n = n + 1
      local big = alert(n)
      big.padding = ("x"):rep(30000)
      return queue:put(big)
    end
    while put() do assert.is_true(n < 20) end
    assert.is_false(put())
    assert.matches(("^alert not stored, and lost if the process ends: text %d %%(.*size limit"):format(n), said[2])
    queue:first()
    assert.equal(2, #queue.held)
    assert.equal(n, queue:count())
    setting "maxsize=16m"
    assert.is_true(wait(5000, function() return queue:first() and #queue.held == 0 end))
    assert.equal("id1", select(2, queue:first()).id)
    assert.equal(0, #queue.held)
    assert.equal(n, queue.store:count())
    queue:close()
  end)

  it("keeps an event once that the host delivers again", function()
    local queue, again = AlertQueue.open(folder, 1000), alert(1)
    again.redelivered = true
    for _, each in ipairs { alert(1), alert(2), again } do queue:put(each) end
    assert.equal(2, queue:count())
    queue:close()
  end)

  it("goes on where one that waits is damaged, and says so", function()
    local queue = AlertQueue.open(folder, 1000)
    for n = 1, 3 do queue:put(alert(n)) end
    queue:close()
    assert.is_true(temp.patchFile(folder .. "/data.mdb", "text 1", "tuxt 1") > 0)
    queue = AlertQueue.open(folder, 1000)
    raises.error("corrupt", nil, queue.first, queue)
    assert.equal("id2", select(2, queue:first()).id)
    assert.equal(2, queue:count())
    queue:close()
  end)

  it("wants a folder", function()
    for _, folderName in ipairs { "file:./alerts", "redis://127.0.0.1", "./alerts?durability=nosync" } do
      raises.error("invalid_argument", "alert_queue: give a folder, not the URL " .. folderName, AlertQueue.open,
        folderName, 10)
    end
  end)

  it("is served by one of two bots that share a folder, and by the other when that ends", function()
    local one, two = AlertQueue.open(folder, 10), nil
    one:put(alert(1))
    assert.equal("id1", select(2, one:first()).id)
    local script = temp.directory() .. "/two.lua"
    temp.writeFile(script, [[
      package.path = arg[1] .. "/?.lua;" .. package.path
      local queue = require("alert_queue").open(arg[2], 10)
      queue:put { id = "theirs", kind = "opened", at = 1707343380001, text = "theirs" }
      print(queue:first())
    ]])
    local function run()
      two = process.run { "luajit", script, source .. "/examples", folder }
      assert.equal("", two.stderr)
      return two.stdout
    end
    assert.equal("nil\n", run())
    assert.equal(2, one:count())
    one:close()
    assert.matches("^1707343380001%-0\t", run())
  end)

  it("wants a URL that hides what is secret", function()
    raises.error("invalid_argument", "alert_webhook: set ALERT_WEBHOOK_URL_FILE, the path of a file with the URL in "
      .. "it, or ALERT_WEBHOOK_URL", webhook.start, {})
    raises.error("invalid_argument", "alert_webhook: a secret would go to example.com in the clear: use https://",
      webhook.start, { url = "http://example.com/" .. SECRET })
  end)

  -- ---- over restarts

  describe("over restarts", function()
    -- Trades by a manual clock from the minute that is in the file `minute` on, until minute 40.
    local BOT = [[
      require "holdfast"
      package.path = arg[1] .. "/examples/?.lua;" .. arg[1] .. "/tests/?.lua;" .. package.path
      local host, hosts = require "holdfast.host", require "support.hosts"
      local file = io.open("minute")
      local minute = file and file:read("*n") or 0
      if file then file:close() end
      local clock = hosts.clock(minute)
      local alerts = require("alert_webhook").start { timeout = 0.3 }
      hosts.exchange(function(minute) return 100 + minute % 7 end)
      hosts.strategy { minuteEstimatedTime = 2, priceTakeProfit = 120, priceStopLoss = 85 }
      local ids = assert(io.open("ids", "a"))
      host.listenSignalLive(function(event)
        if event.id then ids:write(event.id, "\n") ids:flush() end
      end)
      hosts.live()
      hosts.live("main", "ETHUSDT")
      clock:advance(0)
      while minute < 40 do
        minute = minute + 1
        local out = assert(io.open("minute.new", "w"))
        out:write(minute) out:close()
        os.rename("minute.new", "minute")
        clock:advance(60000)
        require("luv").sleep(10)
      end
      host.Live.stop()
      host.run()
      alerts.finish(20000)
    ]]

    local function run(dir, seconds)
      return process.shell(("cd %s && ALERT_WEBHOOK_URL_FILE=url timeout -s KILL %s luajit bot.lua %s"):format(
        temp.quote(dir), seconds, temp.quote(source)))
    end

    local function newBot(url)
      local dir = temp.directory()
      temp.writeFile(dir .. "/bot.lua", BOT)
      temp.writeFile(dir .. "/url", url .. "\n")
      return dir
    end

    local function setOf(lines)
      local set, count = {}, 0
      for _, line in ipairs(lines) do
        if not set[line] then count = count + 1 end
        set[line] = true
      end
      return set, count
    end

    it("posts each event at least once, whenever it is killed", function()
      local straight = newBot(server.hook)
      local out = run(straight, 60)
      assert.equal(0, out.code, out.stderr)
      local expected = idsOf(posted())
      local _, count = setOf(expected)
      assert.is_true(count > 25, count .. " events")
      assert.equal(count, #expected, "each once where nothing is killed")

      local dir, kills = newBot(server.hook), 0
      local faults = {}
      for i = 1, 60 do faults[i] = ({ "ok", "ok", "500", "ok", "slow 0.1", "close" })[i % 6 + 1] end
      server:next(unpack(faults))
      repeat
        out = run(dir, ("%.2f"):format(0.15 + math.random() * 0.8))
        if out.code ~= 0 then kills = kills + 1 end
        assert.is_true(kills < 100)
      until out.code == 0 or kills >= 30
      if out.code ~= 0 then out = run(dir, 60) end
      assert.equal(0, out.code, out.stderr)
      assert.is_true(kills > 3, kills .. " kills")
      local got = {}
      for _, each in ipairs(posted()) do
        if each.fault == "ok" or each.fault:find("^slow") then got[#got + 1] = each.id end
      end
      local set = setOf(got)
      for _, id in ipairs(expected) do assert.is_true(set[id], id .. " was never posted") end
      assert.equal(count, select(2, setOf(got)), "and nothing else")
    end)

    it("shows its URL to no ps, and has no child", function()
      server:next "always hang"
      local dir, pattern = newBot(server.hook .. "/" .. SECRET), "'" .. SECRET:gsub("k$", "[k]") .. "'"
      local out = process.shell(([[cd %s
        ALERT_WEBHOOK_URL_FILE=%s/url luajit bot.lua %s 2>err &
        sleep 1
        cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -c %s
        cat /proc/$!/task/$!/children
        grep -c %s err
        kill -9 $!]]):format(temp.quote(dir), temp.quote(dir), temp.quote(source), pattern, pattern))
      assert.equal("0\n0\n", out.stdout)
      assert.truthy(#server:requests() > 0)
    end)
  end)
end)
