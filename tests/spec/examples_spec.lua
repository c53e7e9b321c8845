-- SPDX-License-Identifier: MIT
--
-- Runs every example as a newcomer would, in an empty folder, and looks at what it prints.

local json = require "holdfast".json

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
local build = os.getenv("HOLDFAST_BUILD") or source .. "/build"
local command = os.getenv("HOLDFAST_BIN") or build .. "/holdfast"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function shell(text)
  local pipe = assert(io.popen("(" .. text .. "\n) 2>&1; echo \"[$?]\""))
  local output = pipe:read("*a")
  pipe:close()
  local out, status = output:match("^(.*)%[(%d+)%]\n$")
  return out, tonumber(status)
end

describe("the examples", function()
  local folder

  before_each(function() folder = shell("mktemp -d"):gsub("%s+$", "") end)
  after_each(function() os.execute("rm -rf " .. quote(folder)) end)

  local function inFolder(text) return shell("cd " .. quote(folder) .. " && " .. text) end

  local function example(name, ...)
    local words = { quote(command), "run", quote(source .. "/examples/" .. name) }
    for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
    return inFolder(table.concat(words, " "))
  end

  local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  it("are all run here", function()
    local seen = { ["market.lua"] = true } -- a module of the demo
    local file = assert(io.open(source .. "/tests/spec/examples_spec.lua"))
    for name in file:read("*a"):gmatch('"([%w_]+%.%a+)"') do seen[name] = true end
    file:close()
    for name in shell("ls " .. quote(source .. "/examples")):gmatch("%S+") do assert(seen[name], name) end
  end)

  it("direct_api prints what the framework's example prints", function()
    local out, status = example("direct_api.lua")
    assert.equal(0, status, out)
    local entry = { message = "Strategy started", metadata = { symbol = "BTCUSDT", strategy = "sma-crossover" } }
    local expected = { "", "Log exists: true", "Log: ", "BTC Log: ", "Recent Log: ", "Logs left: 0" }
    local n = 0
    for line in out:gmatch("[^\n]+") do
      n = n + 1
      local label, text = line:match("^([^{]*)(.*)$")
      assert.equal(expected[n], label)
      if text ~= "" then
        local value = json.decode(text)
        assert.near(os.time() * 1000, value.timestamp, 60000)
        value.timestamp = nil
        assert.same(entry, value)
      end
    end
    assert.equal(#expected, n)
  end)

  it("transactions undoes what fails", function()
    local out, status = example("transactions.lua")
    assert.equal(0, status, out)
    assert.equal(table.concat({
      "alice has left:\t70",
      "second transfer:\tfalse\tconflict\tbob cannot pay 500",
      "balances:\t70\t50",
      "ledger lines:\t1",
      "carol, dave:\ttrue\tfalse",
      "by revision:\tfalse\tconflict\ttrue",
      "total at one moment:\t122",
      "",
    }, "\n"), out)
  end)

  it("audited notes every change and no failure, twice in one store", function()
    for _ = 1, 2 do
      local out, status = example("audited.lua", "store")
      assert.equal(0, status, out)
      assert.equal(table.concat({
        "false\tEntity risk:ETHUSDT not found for deletion",
        "1\tcreated\tBTCUSDT\tmaria",
        "2\tchanged\tBTCUSDT\tmaria",
        "3\tremoved\tBTCUSDT\tmaria",
        'AuditedPersist("risk", "store")',
        "",
      }, "\n"), out)
    end
  end)

  it("embed keeps its position from run to run", function()
    local program = (build .. "/tests/examples/" .. "embed.c"):gsub("%.c$", "")
    local first = {
      '["BTC/USDT", 44152.25] -> "opened"',
      '["BTC/USDT", 44183.21] -> "raised"',
      '["BTC/USDT", 44179.5] -> "held"',
    }
    for run = 1, 2 do
      local out, status = inFolder(quote(program) .. " ./store")
      assert.equal(0, status, out)
      local lines = {}
      for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
      for i, line in ipairs(first) do assert.equal(run == 1 and line or line:gsub('"%a+"$', '"held"'), lines[i]) end
      local id, text = lines[4]:match("^(%S+) = (.*)$")
      assert.equal("BTC/USDT", id)
      assert.same({ open = 44152.25, high = 44183.21 }, json.decode(text))
      assert.truthy(lines[5]:find("^invalid_argument: "))
      assert.equal(5, #lines)
    end
  end)

  describe("demo.lua", function()
    local function check(out, status)
      assert.equal(0, status, out)
      assert.truthy(out:find("Nothing that was acknowledged is lost.  All checks passed", 1, true), out)
      assert.truthy(out:find("ok    kill -9 ended the writer in the middle of its work", 1, true), out)
      assert.falsy(out:find("FAIL", 1, true), out)
      assert.falsy(out:find("\27", 1, true), "colours in a pipe")
      assert.falsy(out:find("Killed", 1, true), out)
      assert.truthy(tonumber((out:match("compared with the store%s+([%d,]+)"):gsub(",", ""))) > 0)
    end

    it("runs without options on generated data, and leaves nothing behind", function()
      local out, status = inFolder("TMPDIR=$PWD " .. quote(command) .. " run " .. quote(source .. "/examples/demo.lua"))
      check(out, status)
      assert.truthy(out:find("BTCUSDT candles, one commit%s+1,981"))
      assert.truthy(out:find("signals, one commit%s+5,000"))
      assert.equal("", (shell("ls -A " .. quote(folder))))
    end)

    local candles = "timestamp,open,high,low,close,volume\n"
    for i = 0, 99 do
      candles = candles .. ("%d,%g,%g,%g,%g,1.5\n"):format(1707343380000 + i * 60000, 100 + i, 102 + i, 99 + i, 101 + i)
    end
    local signals = '{"id":"a","symbol":"ETHUSDT","position":"long","pnl":{"pnlPercentage":2.5}}\n' ..
      '{"id":"b","symbol":"SOLUSDT","position":"short","pnl":{"pnlPercentage":3}}\n'

    it("takes candles and signals from files, and keeps the store where it is told", function()
      write("solusdt_1m_day.csv", candles)
      write("signals.jsonl", signals)
      local out, status = example("demo.lua", "--candles", "solusdt_1m_day.csv", "--signals=signals.jsonl", "--dir",
        "it's kept")
      check(out, status)
      assert.truthy(out:find("SOLUSDT candles, one commit%s+100 "))
      assert.truthy(out:find("signals of ETHUSDT%s+1 "))
      assert.truthy(out:find("long positions that won more than 2 %%%s+1 "))
      local listed = inFolder(quote(command) .. " ls " .. quote("it's kept"))
      assert.truthy(listed:find("candle\t100\n"), listed)
      assert.truthy(listed:find("signal\t2\n"), listed)
      out, status = example("demo.lua", "--dir", "it's kept")
      assert.equal(1, status)
      assert.truthy(out:find("there is data in it's kept already", 1, true), out)
    end)

    it("says what is wrong with its input", function()
      write("bad.csv", candles .. "1,2,3\n")
      write("bad.jsonl", signals .. "{nonsense}\n")
      for _, case in ipairs {
        { 1, "bad.csv:102: ", "--candles", "bad.csv" },
        { 1, "bad.jsonl:3: ", "--signals", "bad.jsonl" },
        { 1, "none.csv: No such file", "--candles", "none.csv" },
        { 2, "unknown option --candle", "--candle", "x" },
        { 2, "--dir needs a value", "--dir" },
      } do
        local out, status = example("demo.lua", unpack(case, 3))
        assert.equal(case[1], status, out)
        assert.truthy(out:find(case[2], 1, true), out)
      end
    end)
  end)
end)
