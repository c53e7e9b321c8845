-- SPDX-License-Identifier: MIT
--
-- The examples systemd_watchdog.lua, with a socket in systemd's place, and bot.lua with its unit, which uses all of
-- those that reach out of the machine, in a folder to which somebody has copied them.

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
local command = os.getenv("HOLDFAST_BIN") or source .. "/build/holdfast"
package.path = source .. "/examples/?.lua;" .. package.path

local ffi = require "ffi"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local http = require "support.http"
local json = require("holdfast").json
local process = require "support.process"
local raises = require "support.raises"
local temp = require "support.temp"
local watchdog = require "systemd_watchdog"

ffi.cdef [[
  int setenv(const char *name, const char *value, int overwrite);
  int unsetenv(const char *name);
]]

local function setEnvironment(name, value)
  if value then ffi.C.setenv(name, tostring(value), 1) else ffi.C.unsetenv(name) end
end

local PROGRAM = "/usr/bin/python3 " .. temp.quote(source .. "/tests/support/notify_socket.py")

-- It ends by itself after some minutes, should nobody be left to stop it.
local COMMAND = [[
cd %s || exit 1
timeout 300 %s %s log %s >out 2>&1 </dev/null &
echo $! >pid
for i in $(seq 500); do
  grep -q ready out && exit 0
  sleep 0.02
done
exit 1]]

describe("the example systemd_watchdog", function()
  local dir, pids, world

  local function kill(where)
    local pid = temp.readFile(where .. "/pid"):match("%d+")
    process.shell(("kill %s; while kill -0 %s 2>/dev/null; do sleep 0.02; done"):format(pid, pid))
  end

  -- A socket that listens, and is this process's NOTIFY_SOCKET.
  local function listen(name, how)
    assert.equal(0, process.shell(COMMAND:format(dir, PROGRAM, temp.quote(name), how or "")).code)
    pids[#pids + 1] = dir
    setEnvironment("NOTIFY_SOCKET", name)
  end

  -- What came, and forgets it: a list of datagrams, lines joined by blanks.
  local function heard(count)
    process.shell(("for i in $(seq 250); do [ $(wc -l <%s/log) -ge %d ] && break; sleep 0.02; done"):format(dir,
      count or 0))
    local list = {}
    for line in io.lines(dir .. "/log") do
      local each = json.decode(line)
      list[#list + 1] = each.text and each.text:gsub("\n", " ") or "killed"
    end
    temp.writeFile(dir .. "/log", "")
    return list
  end

  local function countOf(list, word)
    local count = 0
    for _, text in ipairs(list) do
      if (" " .. text .. " "):find(" " .. word .. " ", 1, true) then count = count + 1 end
    end
    return count
  end

  before_each(function()
    dir, pids, world = temp.directory(), {}, hosts.world()
    temp.writeFile(dir .. "/log", "")
  end)
  after_each(function()
    hosts.finish()
    for _, name in ipairs { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID" } do setEnvironment(name, nil) end
    for _, where in ipairs(pids) do kill(where) end
  end)
  teardown(function() temp.removeAll() end)

  for _, kind in ipairs { "path", "abstract name" } do
    it("says that it has started, and in each minute that it lives, to a " .. kind, function()
      listen(kind == "path" and dir .. "/socket" or "@holdfast-test-" .. dir:match("[^/]+$"))
      hosts.strategy {}
      hosts.live()
      watchdog.start()
      assert.same({ "READY=1 STATUS=1 started" }, heard(1))
      world.pass(3)
      assert.same({ "WATCHDOG=1 STATUS=1 run, 22:03 UTC", "WATCHDOG=1 STATUS=1 run, 22:04 UTC",
        "WATCHDOG=1 STATUS=1 run, 22:05 UTC", "WATCHDOG=1 STATUS=1 run, 22:06 UTC" }, heard(4))
      watchdog.stopping()
      assert.same({ "STOPPING=1 STATUS=ending" }, heard(1))
    end)
  end

  it("is silent once it is stopped", function()
    listen(dir .. "/socket")
    hosts.strategy {}
    hosts.live()
    watchdog.start()()
    world.pass(3)
    assert.same({ "READY=1 STATUS=1 started" }, heard(1))
  end)

  it("is silent while one run of several stands still, and goes on when that goes on", function()
    listen(dir .. "/socket")
    local hangs = false
    hosts.strategy { getSignal = function() if hangs then coroutine.yield() end end }
    hosts.strategy { strategyName = "other" }
    hosts.live()
    hosts.live("other", "ETHUSDT")
    watchdog.start()
    world.pass(1)
    assert.equal(2, countOf(heard(3), "WATCHDOG=1"))
    hangs = true
    local minutes = #world.heard.ticks
    world.pass(3)
    assert.is_true(#world.heard.ticks > minutes, "the other lives")
    process.shell "sleep 0.2"
    assert.same({}, heard())
    hangs = false
    world.pass(2)
    assert.is_true(countOf(heard(2), "WATCHDOG=1") >= 2)
  end)

  it("waits for no run that has ended", function()
    listen(dir .. "/socket")
    hosts.strategy {}
    hosts.strategy { strategyName = "other" }
    local stop = hosts.live()
    hosts.live("other", "ETHUSDT")
    watchdog.start()
    world.pass(1)
    heard(3)
    stop()
    world.pass(2)
    assert.equal(2, countOf(heard(2), "WATCHDOG=1"))
  end)

  it("lives where minutes fail, and says so in the status", function()
    listen(dir .. "/socket")
    host.addExchange { exchangeName = "down", getCandles = function() error("down", 0) end }
    hosts.strategy {}
    hosts.live()
    hosts.live("main", "ETHUSDT", "down")
    watchdog.start()
    world.pass(1)
    assert.equal("WATCHDOG=1 STATUS=2 runs, 22:03 UTC; no prices, or another failure: main on ETHUSDT", heard(2)[2])
  end)

  it("lives where rows are left alone, for which a new start would be no remedy", function()
    require("holdfast").PersistSignalAdapter.writeSignalData({ id = "x" }, "main", "BTCUSDT")
    listen(dir .. "/socket")
    hosts.strategy {}
    hosts.live()
    watchdog.start()
    world.pass(2)
    assert.equal(3, countOf(heard(4), "WATCHDOG=1"))
  end)

  it("does not wait for a socket that nobody reads", function()
    listen(dir .. "/socket", "--deaf")
    local began, sent = os.time(), 0
    for _ = 1, 5000 do
      if watchdog.notify "WATCHDOG=1" then sent = sent + 1 end
    end
    assert.is_true(sent > 0 and sent < 5000, sent .. " sent")
    assert.is_true(os.time() - began < 5)
  end)

  it("does nothing where there is no systemd, or none any more", function()
    assert.is_false(watchdog.notify "READY=1")
    setEnvironment("NOTIFY_SOCKET", "")
    assert.is_false(watchdog.notify "READY=1")
    setEnvironment("NOTIFY_SOCKET", dir .. "/nothing")
    assert.is_false(watchdog.notify "READY=1")
    hosts.strategy {}
    hosts.live()
    watchdog.start()
    world.pass(2)
    assert.equal(0, #world.heard.errors)
  end)

  it("refuses an address that it cannot use, and a WatchdogSec that would end what is well", function()
    for _, name in ipairs { "vsock:2:1234", "@", "/" .. ("x"):rep(107) } do
      setEnvironment("NOTIFY_SOCKET", name)
      raises.error("unsupported", ("NOTIFY_SOCKET=%s: it should be a path, or begin with @, of at most 107 bytes")
        :format(name), watchdog.notify, "READY=1")
    end
    setEnvironment("NOTIFY_SOCKET", nil)
    setEnvironment("WATCHDOG_USEC", 30000000)
    raises.error("invalid_argument", "WatchdogSec=30 is too short: a sign of life comes once a minute, and later where "
      .. "an exchange is asked again: give it 300, and at least 120", watchdog.start)
    setEnvironment("WATCHDOG_PID", 1)
    watchdog.start()
  end)

  it("has a bot killed whose tick is frozen, and the next one goes on with its position", function()
    temp.writeFile(dir .. "/bot.lua", [[
      require "holdfast"
      package.path = arg[1] .. "/examples/?.lua;" .. arg[1] .. "/tests/?.lua;" .. package.path
      local ffi, host, hosts = require "ffi", require "holdfast.host", require "support.hosts"
      ffi.cdef "int poll(void *fds, unsigned long count, int ms);"
      local minute = 0
      local file = io.open "minute"
      if file then minute = file:read "*n" file:close() end
      hosts.exchange(function() return 100 end)
      hosts.strategy { minuteEstimatedTime = 8 }
      io.stdout:setvbuf "line"
      host.listenSignalLive(function(event)
        print(event.action)
        if event.timestamp == hosts.START + 5 * 60000 and not file then
          ffi.C.poll(nil, 0, -1) -- in C: nothing else runs, no timer either
        end
      end)
      local clock = hosts.clock(minute)
      hosts.live()
      local watchdog = require "systemd_watchdog"
      watchdog.start()
      for m = minute, 12 do
        local out = io.open("minute", "w")
        out:write(m) out:close()
        clock:advanceTo(hosts.START + m * 60000)
        ffi.C.poll(nil, 0, 50)
      end
      host.Live.stop()
      host.run()
      watchdog.stopping()
    ]])
    local out = process.shell(("cd %s && timeout 60 %s %s/socket log --supervise 3 3 luajit bot.lua %s"):format(
      temp.quote(dir), PROGRAM, temp.quote(dir), temp.quote(source)))
    assert.equal(0, out.code, out.stderr)
    local list, words = heard(), {}
    for i, text in ipairs(list) do words[i] = text:match("^(%u+)") or text end
    local said = table.concat(words, " ")
    assert.matches("^READY" .. (" WATCHDOG"):rep(5) .. " killed READY WATCHDOG .*WATCHDOG STOPPING$", said)
    assert.equal(1, countOf(list, "killed"))
    local events = out.stdout:gsub("active\n", ""):gsub("idle\n", ""):gsub("\n", " ")
    assert.equal("ready opened closed opened ", events)
  end)
end)

-- ---- the bot

local hasCurl = pcall(require, "luv") and pcall(require, "http_client")

describe("the example bot", function()
  local dir

  before_each(function() dir = temp.directory() end)
  teardown(function() temp.removeAll() end)

  it("has a unit that systemd takes", function()
    local unit = temp.readFile(source .. "/examples/" .. "bot.service")
    temp.writeFile(dir .. "/bot.service", (unit:gsub("ExecStart=holdfast", "ExecStart=" .. command)))
    if process.shell("command -v systemd-analyze").code ~= 0 then return pending("needs systemd-analyze") end
    local out = process.shell(("systemd-analyze verify %s/bot.service"):format(temp.quote(dir)))
    assert.equal("", out.stderr)
    assert.equal(0, out.code)
    -- Its times, and those of the bot, agree.
    local seconds = tonumber(unit:match("WatchdogSec=(%d+)"))
    local most = tonumber(temp.readFile(source .. "/examples/" .. "bot.lua"):match("GENERATION_SECONDS = (%d+)"))
    assert.is_true(seconds > 4 * most + 3 * 5 + 3 * most, "a minute that takes as long as it may")
  end)

  if not hasCurl then
    pending("needs lua-luv and libcurl4")
    return
  end

  -- Copies it into the folder, with what it uses.
  local function copy()
    for _, file in ipairs { "bot.lua", "http_exchange.lua", "http_client.lua", "alert_webhook.lua", "alert_queue.lua",
      "systemd_watchdog.lua" } do
      temp.writeFile(dir .. "/" .. file, temp.readFile(source .. "/examples/" .. file))
    end
  end

  it("ends at once when it is told to twice, though its exchange does not answer", function()
    local server = http.start()
    copy()
    server:next "always hang"
    local out = process.shell(([[cd %s
      EXCHANGE_URL=%s %s run bot.lua >out 2>&1 & bot=$!
      for i in $(seq 500); do [ -s %s/requests ] && break; sleep 0.02; done
      kill -INT $bot; sleep 0.5; kill -0 $bot && echo "goes on"
      before=$(date +%%s)
      kill -TERM $bot; wait $bot; echo "status $? after $(($(date +%%s) - before)) s"
      cat out]]):format(temp.quote(dir), server.klines, temp.quote(command), temp.quote(server.dir)))
    server:stop()
    assert.matches("^goes on\nstatus 143 after [0-5] s\n$", out.stdout)
  end)

  it("trades, tells, and ends when it is told to, in a folder of its own", function()
    local server, name = http.start(), "holdfast-bot-" .. dir:match("[^/]+$")
    copy()
    temp.writeFile(dir .. "/url", server.hook)
    -- The last of the 21 candles goes out of the range of those before it, whatever the minute is.
    server:next "always jump"
    local out = process.shell(([[cd %s
      /usr/bin/python3 %s @%s log >ready 2>&1 & notify=$!
      for i in $(seq 100); do grep -q ready ready && break; sleep 0.02; done
      NOTIFY_SOCKET=@%s EXCHANGE_URL=%s ALERT_WEBHOOK_URL_FILE=url timeout 60 %s run bot.lua BTCUSDT ETHUSDT &
      bot=$!
      for i in $(seq 500); do grep -q WATCHDOG log && grep -qs POST %s/requests && break; sleep 0.02; done
      child=$(cat /proc/$bot/task/$bot/children)
      kill -TERM $child
      wait $bot; echo "status $?"
      kill $notify]]):format(temp.quote(dir), temp.quote(source .. "/tests/support/notify_socket.py"),
      name, name, server.klines, temp.quote(command), temp.quote(server.dir)))
    assert.equal("", out.stderr)
    assert.matches("BTCUSDT\topened\t", out.stdout)
    assert.matches("ETHUSDT\topened\t", out.stdout)
    assert.matches("status 0\n$", out.stdout)
    local log = temp.readFile(dir .. "/log")
    assert.matches('READY=1\\nSTATUS=2 started.*WATCHDOG=1\\nSTATUS=2 runs, .*STOPPING=1', log)
    local texts = {}
    for _, request in ipairs(server:requests()) do
      if request.method == "POST" then texts[#texts + 1] = json.decode(request.body).text end
    end
    table.sort(texts)
    assert.equal(2, #texts)
    assert.matches("^BTCUSDT breakout: long opened at ", texts[1])
    assert.matches("^ETHUSDT breakout: long opened at ", texts[2])
    server:stop()
  end)
end)
