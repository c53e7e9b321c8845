-- SPDX-License-Identifier: MIT
--
-- The examples http_client.lua and http_exchange.lua, on a server that answers well and badly: tests/support/http.lua.

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
package.path = source .. "/examples/?.lua;" .. package.path

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local http = require "support.http"
local process = require "support.process"
local raises = require "support.raises"
local temp = require "support.temp"

local START, MINUTE = hosts.START, hosts.MINUTE
local SECRET = "k3y-of-nobody-else"

if not pcall(require, "luv") or not pcall(require, "http_client") then
  describe("the example http_exchange", function() pending("needs lua-luv and libcurl4") end)
  return
end

local Http = require "http_client"
local httpExchange = require "http_exchange"

-- The price that the server gives for a minute.
local function priceAt(timestamp) return 44000 + 200 * math.abs(timestamp / MINUTE % 60 - 30) / 30 end

local function assertFields(fields, failure)
  for name, value in pairs(fields) do assert.equal(value, failure[name], name .. " of: " .. tostring(failure)) end
end

describe("the example http_exchange", function()
  local server, exchange

  local function new(options)
    options = options or {}
    options.exchangeName, options.url = options.exchangeName or "mine", options.url or server.klines
    options.timeout = options.timeout or 1
    return httpExchange.new(options)
  end

  local function ask(count, symbol) return exchange.getCandles(symbol or "BTCUSDT", "1m", START, count or 5) end

  -- What comes of asking, and for how long it took.
  local function try(...)
    local began = Http.elapsed()
    local ok, got = pcall(ask, ...)
    return ok, got, Http.elapsed() - began
  end

  setup(function() server = http.start() end)
  before_each(function()
    hosts.fresh()
    server:next "always ok"
    server:requests()
    exchange = new()
  end)
  after_each(hosts.finish)
  teardown(function()
    server:stop()
    temp.removeAll()
  end)

  describe("asks", function()
    it("for what is wanted, and gives candles that the host takes", function()
      local candles = exchange.getCandles("BTC/USDT", "5m", START - START % (5 * MINUTE), 3)
      assert.equal(3, #candles)
      for i, candle in ipairs(candles) do
        local timestamp = START - START % (5 * MINUTE) + (i - 1) * 5 * MINUTE
        local price = tonumber(("%.2f"):format(priceAt(timestamp)))
        assert.same(hosts.candle(timestamp, price, { high = price + 5, low = price - 5, volume = 1.5 }), candle)
      end
      local from = START - START % (5 * MINUTE)
      assert.equal(("/klines?symbol=BTC%%2FUSDT&interval=5m&startTime=%d&endTime=%d&limit=3"):format(from,
        from + 15 * MINUTE - 1), server:requests()[1].path)
    end)

    it("over one connection", function()
      for _ = 1, 5 do ask() end
      local requests = server:requests()
      assert.equal(5, #requests)
      for _, request in ipairs(requests) do assert.equal(requests[1].connection, request.connection) end
    end)

    it("for many symbols at once, over few connections, while everything else goes on", function()
      server:next "always slow 0.3"
      exchange = new { timeout = 5 }
      local left, steps, began = 12, 0, Http.elapsed()
      for i = 1, 12 do
        coroutine.wrap(function()
          assert(#ask(5, "SYMBOL" .. i) == 5)
          left = left - 1
        end)()
      end
      while left > 0 do
        host.sleep(10)
        steps = steps + 1
      end
      assert.is_true(Http.elapsed() - began < 3000, "12 times 0.3 s, one after the other, would be 3.6 s")
      assert.is_true(steps > 20, steps .. " steps of 10 ms in at least 0.9 s")
      local connections, count = {}, 0
      for _, request in ipairs(server:requests()) do
        if not connections[request.connection] then count = count + 1 end
        connections[request.connection] = true
      end
      assert.is_true(count <= 4, count .. " connections")
    end)

    it("without standing still while a name cannot be resolved", function()
      if os.getenv("ASAN_OPTIONS") then return pending("luajit is preloaded with something else") end
      local dir = temp.directory()
      temp.writeFile(dir .. "/slow.c", [[
        #include <netdb.h>
        #include <unistd.h>
        int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
          (void)name, (void)service, (void)hints, (void)out;
          sleep(20);
          return EAI_AGAIN;
        }]])
      temp.writeFile(dir .. "/script.lua", [[
        package.path = arg[1] .. "/?.lua;" .. package.path
        local Http = require "http_client"
        local host = require "holdfast.host"
        local raised
        coroutine.wrap(function()
          local client = Http.new { timeout = 0.5 }
          raised = select(2, pcall(client.request, client, { url = "https://nowhere.example/" }))
        end)()
        local longest, last = 0, Http.elapsed()
        repeat
          host.sleep(10)
          longest, last = math.max(longest, Http.elapsed() - last), Http.elapsed()
        until raised
        print(longest < 2000, raised.code, raised)
      ]])
      local out = process.shell(([[cd %s && ${CC:-cc} $CFLAGS -shared -fPIC -o slow.so slow.c &&
        LD_PRELOAD=./slow.so timeout 15 luajit script.lua %s/examples]]):format(temp.quote(dir), temp.quote(source)))
      assert.equal("", out.stderr)
      assert.matches("^true\ttimeout\thttps://nowhere.example: Resolving timed out", out.stdout)
      assert.equal(0, out.code, "and ends, though the thread is still at it")
    end)

    it("by a manual clock as well", function()
      hosts.clock()
      server:next "slow 0.2"
      assert.equal(5, #ask())
    end)
  end)

  describe("asks again", function()
    for _, fault in ipairs { "500", "503", "408", "close", "half", "slow 1.5", "hang" } do
      it("after " .. fault, function()
        server:next(fault, "ok")
        local ok, candles = try()
        assert.is_true(ok, tostring(candles))
        assert.equal(5, #candles)
        assert.equal(2, #server:requests())
      end)
    end

    it("three times, later each time, and then raises what the last one came to", function()
      server:next "always 502"
      local ok, raised, took = try()
      assert.is_false(ok)
      assertFields({ code = "unavailable", retryable = true }, raised)
      assert.equal(server.origin .. ': status 502: {"msg":"no"}', raised.message)
      local requests = server:requests()
      assert.equal(4, #requests)
      -- At least half of 500, 1000 and 2000 ms.
      for i, least in ipairs { 0.25, 0.5, 1 } do
        local gap = requests[i + 1].at - requests[i].at
        assert.is_true(gap >= least - 0.05, ("gap %d: %.3f s"):format(i, gap))
      end
      assert.is_true(took < 6000, took .. " ms")
    end)

    it("but raises before the host's patience is over, where nobody answers", function()
      server:next "always hang"
      exchange = new { timeout = 0.3 }
      local ok, raised, took = try()
      assert.is_false(ok)
      assertFields({ code = "timeout", retryable = true }, raised)
      assert.truthy(raised.message:find(server.origin .. ": ", 1, true), raised.message)
      assert.equal(4, #server:requests())
      assert.is_true(took < 28000)
    end)

    it("also where nobody listens", function()
      exchange = new { url = "http://127.0.0.1:1/klines" }
      local ok, raised = try()
      assert.is_false(ok)
      assertFields({ code = "unavailable", retryable = true }, raised)
    end)
  end)

  describe("does not ask again", function()
    for _, status in ipairs { "301", "400", "401", "403", "404" } do
      it("after status " .. status, function()
        server:next(status, "ok")
        local ok, raised = try()
        assert.is_false(ok)
        assertFields({ code = "io", retryable = false }, raised)
        assert.equal(("%s: status %s: {\"msg\":\"no\"}"):format(server.origin, status), raised.message)
        assert.equal(1, #server:requests())
      end)
    end

    local REFUSED = {
      garbage = "what it answered is no JSON list of candles: <html><body>down for maintenance</body></html>",
      empty = "what it answered is no JSON list of candles: nothing",
      object = 'it answered an object, not a list of candles: {"code":-1121,"msg":"Invalid symbol."}',
      rows = 'row 1 is no candle: [1707343380000,"44152.25"]',
      text = 'row 1 is no candle: [1707343380000,"44152.25","abc","1","1","1"]',
    }
    for fault, message in pairs(REFUSED) do
      it("what answers " .. fault, function()
        server:next(fault, "ok")
        local ok, raised = try()
        assert.is_false(ok)
        assertFields({ code = "invalid_value", retryable = false }, raised)
        assert.equal(server.origin .. ": " .. message, raised.message)
        assert.equal(1, #server:requests())
      end)
    end

    it("what answers without an end", function()
      server:next("flood", "ok")
      exchange = new { timeout = 20 }
      local ok, raised, took = try()
      assert.is_false(ok)
      assertFields({ code = "io", retryable = false }, raised)
      assert.equal(server.origin .. ": more than 8388608 bytes", raised.message)
      assert.is_true(took < 15000)
    end)
  end)

  describe("after 429", function()
    for _, how in ipairs { "429 1", "429 date 2" } do
      it(("waits as Retry-After says (%s), for all symbols"):format(how), function()
        server:next(how)
        local other
        coroutine.wrap(function()
          host.sleep(200)
          other = #ask(5, "ETHUSDT")
        end)()
        assert.equal(5, #ask())
        while not other do host.sleep(10) end
        local requests = server:requests()
        assert.equal(3, #requests)
        for i = 2, 3 do assert.is_true(requests[i].at - requests[1].at >= 0.95, "request " .. i) end
      end)
    end

    it("raises what is too long to wait for, and asks nothing until then", function()
      server:next("429 100", "ok")
      local ok, raised, took = try()
      assert.is_false(ok)
      assertFields({ code = "busy", retryable = true }, raised)
      assert.equal(server.origin .. ": it refuses more requests for 100 s (status 429)", raised.message)
      ok, raised = try(5, "ETHUSDT")
      assert.is_false(ok)
      assert.equal(server.origin .. ": it refuses more requests for 100 s: not asked", raised.message)
      assert.equal(1, #server:requests())
      assert.is_true(took < 5000)
    end)

    it("waits for as long as it has patience", function()
      for patience, isPatient in pairs { [3] = false, [30] = true } do
        exchange = new { patience = patience }
        server:next("429 3", "ok")
        assert.equal(isPatient, (try()), patience .. " s")
      end
    end)

    it("waits a minute where nothing is said, and an hour at most", function()
      for fault, seconds in pairs { ["429"] = 60, ["418"] = 60, ["429 1000000000"] = 3600 } do
        exchange = new()
        server:next(fault)
        local _, raised = try()
        local status = fault:match("%d+")
        assert.equal(("%s: it refuses more requests for %d s (status %s)"):format(server.origin, seconds, status),
          raised.message)
      end
    end)
  end)

  it("verifies certificates", function()
    local tls = http.start { tls = true }
    exchange = new { url = tls.klines }
    local ok, raised = try()
    assert.is_false(ok)
    assertFields({ code = "unavailable", retryable = false }, raised)
    assert.truthy(raised.message:find("certificate", 1, true), raised.message)
    assert.equal(0, #tls:requests())
    exchange = new { url = tls.klines, cafile = tls.cafile }
    assert.equal(5, #ask())
    exchange = new { url = tls.klines:gsub("127.0.0.1", "localhost"), cafile = tls.cafile }
    ok, raised = try()
    assert.is_false(ok, "the certificate is for 127.0.0.1")
    assert.truthy(raised.message:find("certificate", 1, true), raised.message)
    tls:stop()
  end)

  -- ---- secrets

  describe("keeps its key to itself", function()
    local dir
    before_each(function() dir = temp.directory() end)

    -- Runs a script with EXCHANGE_API_KEY_FILE.
    local function run(script, environment)
      temp.writeFile(dir .. "/key", SECRET .. "\n")
      temp.writeFile(dir .. "/script.lua", script)
      return process.shell(("cd %s && env %s luajit script.lua %s %s"):format(temp.quote(dir),
        environment or "EXCHANGE_API_KEY_FILE=" .. temp.quote(dir .. "/key"), temp.quote(source .. "/examples"),
        temp.quote(server.klines)))
    end

    local OPENING = [[
      package.path = arg[1] .. "/?.lua;" .. package.path
      local ok, exchange = pcall(require("http_exchange").new, { exchangeName = "mine", url = arg[3] or arg[2] })
      if not ok then return print(exchange.code, exchange.message) end
    ]]

    it("from a file, sends it in a header, and shows it in no message and to no ps", function()
      server:next("slow 0.3", "echo")
      local out = run(OPENING .. [[
        local host = require "holdfast.host"
        local seen
        coroutine.wrap(function()
          host.sleep(100) -- the request is under way: all processes that are here now
          local pipe = io.popen("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; cat /proc/self/environ")
          seen = pipe:read("*a")
          pipe:close()
        end)()
        print(#exchange.getCandles("BTCUSDT", "1m", 1707343380000, 5))
        print(#seen > 100, seen:find(arg[0], 1, true) ~= nil, (seen:find("k3y-of-nobody-else", 1, true)))
        local ok, raised = pcall(exchange.getCandles, "BTCUSDT", "1m", 1707343380000, 5)
        print(ok, raised)
      ]])
      assert.equal("", out.stderr)
      assert.equal("5\ntrue\ttrue\tnil\n", out.stdout:match("^(.-\n.-\n)"))
      assert.truthy(out.stdout:find("status 400: ", 1, true), out.stdout)
      assert.truthy(out.stdout:find("X-MBX-APIKEY: ***", 1, true), out.stdout)
      assert.is_nil(out.stdout:find(SECRET, 1, true))
      for _, request in ipairs(server:requests()) do
        assert.equal(SECRET, request.headers["X-MBX-APIKEY"])
        assert.is_nil(request.path:find(SECRET, 1, true))
      end
    end)

    it("and refuses what is no key, without repeating it", function()
      local file = "EXCHANGE_API_KEY_FILE="
      temp.writeFile(dir .. "/empty", "\n")
      temp.writeFile(dir .. "/two", "one\r\nX-Evil: two\n")
      for environment, message in pairs {
        [file .. "nothing"] = "EXCHANGE_API_KEY_FILE: cannot read nothing: No such file or directory",
        [file .. "."] = "EXCHANGE_API_KEY_FILE: cannot read .: is it a file?",
        [file .. "empty"] = "EXCHANGE_API_KEY_FILE: empty is empty",
        [file .. "two"] = "two must be one line without blanks in it",
        ["EXCHANGE_API_KEY='a b'"] = "EXCHANGE_API_KEY must be one line without blanks in it",
      } do
        local out = run(OPENING, environment)
        assert.equal("invalid_argument\t" .. message .. "\n", out.stdout .. out.stderr)
      end
    end)

    it("and sends it nowhere in the clear", function()
      local message = "http_exchange 'mine': url: a secret would go to %s in the clear: use https://"
      for url, authority in pairs { ["http://example.com/x"] = "example.com", ["HTTP://127.0.0.1.evil.com:80/"] =
        "127.0.0.1.evil.com:80", ["http://localhost.evil.com"] = "localhost.evil.com" } do
        raises.error("invalid_argument", message:format(authority), new, { url = url, key = SECRET })
      end
      assert.is_table(new { url = "https://example.com/x", key = SECRET })
      assert.is_table(new { url = "http://[::1]:8080/x", key = SECRET })
    end)
  end)

  it("refuses URLs that it cannot use", function()
    local what = "http_exchange 'mine': url: "
    for url, message in pairs {
      ["ftp://example.com/"] = "give a URL such as https://example.com/path",
      ["example.com"] = "give a URL such as https://example.com/path",
      ["https://user:secret@example.com/"] = "no user and password in the URL, please: they end up in messages",
      ["https://example.com/\r\nX: y"] = "there are blanks in the URL",
    } do
      raises.error("invalid_argument", what .. message, new, { url = url })
    end
    assert.has_error(function() httpExchange.new { exchangeName = "mine" } end)
  end)

  -- ---- in a host

  describe("in a host", function()
    -- Lives 50 minutes by a manual clock; the ids of what was delivered, and what failed.
    local function live()
      hosts.fresh()
      local ids, failures = {}, 0
      host.addExchange(new())
      hosts.strategy {
        interval = "5m",
        getSignal = function()
          local price = host.getAveragePrice "BTCUSDT"
          return { position = "long", priceTakeProfit = price * 1.005, priceStopLoss = price * 0.994,
            minuteEstimatedTime = 7 }
        end,
      }
      host.listenSignalLive(function(event) if event.id then ids[#ids + 1] = event.id end end)
      host.listenError(function() failures = failures + 1 end)
      local clock = hosts.clock()
      hosts.live("main", "BTCUSDT", "mine")
      clock:advance(50 * MINUTE)
      hosts.finish()
      return table.concat(ids, "\n"), failures
    end

    it("lives the same minutes on a server that fails in passing", function()
      local ids = live()
      local _, count = ids:gsub("\n", "")
      assert.is_true(count > 8, ids)
      local faults = {}
      for i = 1, 50 do faults[i] = ({ "ok", "500", "ok", "close", "half", "ok", "late", "ok" })[i % 8 + 1] end
      faults[10], faults[34] = "429 1", "429 date 1"
      server:next(unpack(faults))
      local same, failures = live()
      assert.equal(ids, same)
      assert.equal(0, failures)
    end)

    it("opens in real time, and goes on when the server comes back", function()
      server:next("404", "404")
      host.addExchange(new())
      host.setConfig { CC_GET_CANDLES_RETRY_DELAY_MS = 300 }
      hosts.strategy { priceTakeProfit = 50000, priceStopLoss = 40000 }
      local opened
      host.listenSignalLive(function(event) opened = opened or event.action end)
      local stop = hosts.live("main", "BTCUSDT", "mine")
      local till = Http.elapsed() + 10000
      while not opened and Http.elapsed() < till do host.sleep(20) end
      stop()
      host.run()
      assert.equal("opened", opened)
      assert.is_true(#server:requests() >= 3)
    end)

    it("gives a backtest what candles in memory give", function()
      local first, feed = START - 5 * MINUTE, host.candleFeed()
      for i = 0, 3014 do
        local timestamp = first + i * MINUTE
        local price = tonumber(("%.2f"):format(priceAt(timestamp)))
        feed:push("BTCUSDT", hosts.candle(timestamp, price, { high = price + 5, low = price - 5, volume = 1.5 }))
      end
      host.addExchange { exchangeName = "memory", getCandles = feed.getCandles }
      host.addExchange(new())
      host.addFrame { frameName = "days", startDate = START, endDate = START + 2999 * MINUTE }
      hosts.strategy {
        interval = "15m",
        getSignal = function()
          local price = host.getAveragePrice "BTCUSDT"
          return { position = "long", priceTakeProfit = price * 1.005, priceStopLoss = price * 0.99,
            minuteEstimatedTime = 60 }
        end,
      }
      local texts = {}
      for i, name in ipairs { "memory", "mine" } do
        local run = { strategyName = "main", exchangeName = name, frameName = "days" }
        local report = host.Backtest.report("BTCUSDT", run)
        assert.is_true(report.stats.closed > 40)
        texts[i] = holdfast.json.encode(report.stats.trades)
      end
      assert.is_true(texts[1] == texts[2])
      assert.is_true(#server:requests() > 3)
    end)
  end)
end)
