-- SPDX-License-Identifier: MIT
--
-- `holdfast candles`: CSV files in and out, what is there and what is missing, and what a wrong call gets.

local process = require "support.process"
local temp = require "support.temp"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")
local HEADER = "timestamp,open,high,low,close,volume\n"
local START = 1707264000000 -- 2024-02-07T00:00:00Z

describe("holdfast candles", function()
  local dir, store

  before_each(function()
    dir = temp.quickDirectory()
    store = dir .. "/store"
  end)
  after_each(function() temp.removeAll() end)

  local function run(...) return process.run { BIN, "candles", ... } end

  -- The output of a call that succeeds.
  local function out(...)
    local result = run(...)
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
    return result.stdout
  end

  local function fails(code, message, ...)
    local result = run(...)
    assert.equal(code, result.code)
    assert.equal("", result.stdout)
    assert.matches(message, result.stderr)
  end

  -- A CSV file of minutes of that day.
  local function csv(first, last, more)
    local lines = {}
    for minute = first, last do
      lines[#lines + 1] = ("%d,100.25,%d.5,99,%s,0.12345678\n"):format(START + minute * 60000, 101 + minute % 5,
        minute % 3 == 0 and "100.1" or "0.30000000000000004")
    end
    local path = dir .. "/" .. first .. ".csv"
    temp.writeFile(path, HEADER .. table.concat(lines) .. (more or ""))
    return path
  end

  it("gives back the file that it was given", function()
    local path = csv(0, 30000)
    assert.equal("30,001 candles imported\n", out("import", store, "BTC/USDT", path))
    local copy = dir .. "/out.csv"
    assert.equal("30,001 candles exported to " .. copy .. "\n", out("export", store, "BTC/USDT", copy))
    assert.equal(temp.readFile(path), temp.readFile(copy))
    assert.equal(temp.readFile(path), out("export", store, "BTC/USDT"))
    assert.equal('{"imported":30001,"notOver":0}\n', out("import", store, "BTC/USDT", path, "--json"))
    local result = process.shell(("%s candles import %s ETH <%s"):format(BIN, store, path))
    assert.equal("30,001 candles imported\n", result.stdout)
  end)

  it("lists what is kept and what is missing, and exports a part", function()
    out("import", store, "BTC", csv(0, 10))
    out("import", store, "BTC", csv(20, 29))
    out("import", store, "ETH", csv(5, 5))
    assert.matches("^BTC 1m  21 candles  2024%-02%-07T00:00:00Z to 2024%-02%-07T00:29:00Z  1 gap, 9 missing  %d+ B\n"
      .. "ETH 1m  1 candle  2024%-02%-07T00:05:00Z to 2024%-02%-07T00:05:00Z  0 gaps, 0 missing  %d+ B\n$",
      out("ls", store))
    assert.matches("^ETH[^\n]*\n$", out("ls", store, "ETH"))
    assert.matches('^{"symbol":"BTC","interval":"1m","candles":21,"first":1707264000000,"last":1707265740000,"gaps":1,'
      .. '"missing":9,"bytes":%d+}\n', out("ls", store, "BTC", "--json"))
    assert.equal("2024-02-07T00:11:00Z to 2024-02-07T00:20:00Z  9 candles\n", out("gaps", store, "BTC"))
    assert.equal('{"from":1707265800000,"to":1707267600000,"candles":30}\n',
      out("gaps", store, "BTC", "--json", "--from", "2024-02-07T00:20:00Z", "--to", "2024-02-07T01:00:00Z"))
    local part = out("export", store, "BTC", "--from", "2024-02-07T00:10:00Z", "--to", "2024-02-07T00:21:00Z")
    assert.matches("^" .. HEADER .. "1707264600000,[^\n]*\n1707265200000,[^\n]*\n$", part)
  end)

  it("says in which line something is wrong, and leaves out what is not over", function()
    local path = csv(0, 2, "1707264180000,100,101,99,100\n")
    fails(2, "^holdfast: " .. path:gsub("%p", "%%%0") .. ":5: these are not six numbers: 1707264180000,100,101,99,100",
      "import", store, "BTC", path)
    path = csv(0, 2, ("%d,100,101,99,100,1\n"):format(math.floor(os.time() / 60) * 60000 + 600000))
    local result = run("import", store, "BTC", path)
    assert.same({ "3 candles imported\n", "holdfast: 1 candle is not over yet and left out\n", 0 },
      { result.stdout, result.stderr, result.code })
  end)

  it("takes times as the other commands do", function()
    out("import", store, "BTC", csv(0, 10))
    assert.equal(HEADER .. "1707264000000,100.25,101.5,99,100.1,0.12345678\n",
      out("export", store, "BTC", "--from", "1707264000000", "--to", "1707264060000"))
    assert.equal(HEADER, out("export", store, "BTC", "--from", "7d"))
  end)

  it("says where the symbol belongs, and makes no store then", function()
    local path = csv(0, 2)
    local function named(symbol) return ("%s is a file: give its symbol before it: holdfast candles import %s %s %s\n")
      :format(path, store, symbol, path):gsub("%p", "%%%0") end
    fails(2, named "BTC", "import", store, path, "BTC")
    fails(2, named "SYMBOL", "import", store, path)
    fails(3, "there is no store at ", "ls", store)
  end)

  it("refuses a wrong call, and never makes a store that it is to read", function()
    fails(3, "there is no store at ", "ls", store)
    fails(2, "cannot open .*nowhere%.csv: No such file or directory", "import", store, "BTC", dir .. "/nowhere.csv")
    fails(2, "candles import: say of which SYMBOL", "import", store)
    out("import", store, "BTC", csv(0, 2))
    fails(2, "candles gaps: say of which SYMBOL", "gaps", store)
    fails(1, "the store has no candles of ETH %(1m%)", "gaps", store, "ETH")
    fails(1, "the store has no candles of BTC %(1h%)", "export", store, "BTC", "--interval", "1h")
    fails(2, "span: interval '7m': 1m, 3m", "export", store, "BTC", "--interval", "7m")
    fails(2, "'yesterday' is no time such as 2024%-02%-07, [^\n]*, or 7d for a week ago\n", "export", store, "BTC",
      "--from", "yesterday")
    fails(2, "'2024%-13%-01' is no time such as .*: 2024%-13%-01 is no date\n", "export", store, "BTC",
      "--to", "2024-13-01")
    fails(2, "candles ls takes no FILE", "ls", store, "BTC", "x.csv")
    fails(2, "argument 'ACTION' must be one of", "list", store)
  end)
end)
