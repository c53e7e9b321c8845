-- SPDX-License-Identifier: MIT
--
-- Candles of an exchange that is asked over HTTP, in the form that Binance has made common:
--
--     GET {url}?symbol=BTCUSDT&interval=1m&startTime=1707343380000&endTime=1707343679999&limit=5
--     [[1707343380000, "44152.25", "44160.10", "44150.00", "44158.75", "12.30", ...], ...]
--
-- Another form is another `candleOf`.  It fits host.addExchange, live and in backtests:
--
--     host.addExchange(require("http_exchange").new {
--       exchangeName = "mine", url = "https://api.binance.com/api/v3/klines",
--     })
--
-- What fails in passing (no connection, an answer cut off, a status of 500 and above) is asked again, three times, at
-- growing intervals with chance in them.  429 (too many requests) stops all requests to this exchange until the time
-- that its Retry-After says: whoever goes on asking is shut out for longer.  Whatever is left after that is raised, and
-- for the host to try again later; a minute without candles is not lived.  What is no JSON, or has no candles in it, is
-- raised with its beginning.
--
-- A key, where the exchange wants one for its candles, comes from the environment or from a file (EXCHANGE_API_KEY, or
-- EXCHANGE_API_KEY_FILE, see http_client.lua), goes into a header, to https:// only, and is in no message.

local Http = require "http_client"
local holdfast = require "holdfast"

local M = {}

local TRIES = 4
local FIRST_WAIT_MS, LONGEST_WAIT_MS = 500, 4000
local PATIENCE = 28 -- seconds; less than the bot's CC_MAX_SIGNAL_GENERATION_SECONDS
local STOP_MS, LONGEST_STOP_MS = 60000, 3600000 -- of a 429 that does not say for how long; the longest that is believed
local LIMIT = 1000 -- candles in one answer
local STEPS = {
  ["1m"] = 1, ["3m"] = 3, ["5m"] = 5, ["15m"] = 15, ["30m"] = 30, ["1h"] = 60, ["2h"] = 120, ["4h"] = 240,
  ["6h"] = 360, ["8h"] = 480, ["12h"] = 720, ["1d"] = 1440,
}

---@class example.HttpExchange
---@field name string
---@field url string
---@field origin string        what may be shown of it
---@field http example.Http
---@field headers string[]
---@field key? string
---@field candleOf fun(row: any): table?
---@field patience number      seconds that getCandles may take
---@field stoppedUntil number  on Http.elapsed(): nothing is asked before
local Exchange = {}
Exchange.__index = Exchange

local function escape(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- A row as Binance has it; nil: it is none.
local function candleOf(row)
  if type(row) ~= "table" then return nil end
  local candle = {
    timestamp = tonumber(row[1]), open = tonumber(row[2]), high = tonumber(row[3]), low = tonumber(row[4]),
    close = tonumber(row[5]), volume = tonumber(row[6]),
  }
  if not (candle.timestamp and candle.open and candle.high and candle.low and candle.close and candle.volume) then
    return nil
  end
  return candle
end

-- ---- what an answer means

-- The beginning of a body, for a message: one line, and without the key, should the server repeat it.
local function beginning(self, text)
  if self.key then
    local at, last = text:find(self.key, 1, true)
    while at do
      text = text:sub(1, at - 1) .. "***" .. text:sub(last + 1)
      at, last = text:find(self.key, at, true)
    end
  end
  text = text:sub(1, 200):gsub("[^\32-\126]", " "):gsub("%s+", " ")
  return text == "" and "nothing" or text
end

local function fail(self, code, retryable, ...)
  local err = holdfast.error(code, self.origin .. ": " .. string.format(...))
  err.retryable = retryable
  error(err, 0)
end

-- Raises unless the answer is one to read.
local function checkStatus(self, response)
  local status = response.status
  if status == 200 then return end
  if status == 429 or status == 418 then -- 418: Binance's word for having ignored a 429
    local ms = response.retryAfter > 0 and math.min(response.retryAfter * 1000, LONGEST_STOP_MS) or STOP_MS
    self.stoppedUntil = math.max(self.stoppedUntil, Http.elapsed() + ms)
    fail(self, "busy", true, "it refuses more requests for %d s (status %d)", math.ceil(ms / 1000), status)
  end
  local passing = status >= 500 or status == 408
  fail(self, passing and "unavailable" or "io", passing, "status %d: %s", status, beginning(self, response.body))
end

local function candlesOf(self, body)
  local ok, rows = pcall(holdfast.json.decode, body)
  if not ok or type(rows) ~= "table" then
    fail(self, "invalid_value", false, "what it answered is no JSON list of candles: %s", beginning(self, body))
  end
  if rows[1] == nil and next(rows) ~= nil then
    fail(self, "invalid_value", false, "it answered an object, not a list of candles: %s", beginning(self, body))
  end
  local candles = {}
  for i, row in ipairs(rows) do
    candles[i] = self.candleOf(row)
    if not candles[i] then
      local text = holdfast.json.encode(row)
      fail(self, "invalid_value", false, "row %d is no candle: %s", i, beginning(self, text))
    end
  end
  return candles
end

-- ---- asking

local function urlOf(self, symbol, interval, since, limit)
  local last = since + limit * STEPS[interval] * 60000 - 1
  return ("%s%ssymbol=%s&interval=%s&startTime=%.0f&endTime=%.0f&limit=%d"):format(self.url,
    self.url:find("?", 1, true) and "&" or "?", escape(symbol), escape(interval), since, last, limit)
end

local function ask(self, url)
  local left = self.stoppedUntil - Http.elapsed()
  if left > 0 then
    fail(self, "busy", true, "it refuses more requests for %d s: not asked", math.ceil(left / 1000))
  end
  local response = self.http:request { url = url, headers = self.headers }
  checkStatus(self, response)
  return candlesOf(self, response.body)
end

-- How long to wait before asking again; nil: there is no sense in it.
local function waitAfter(self, raised, try, deadline)
  if not (holdfast.isError(raised) and raised.retryable) or try == TRIES then return nil end
  local ms = math.max(self.stoppedUntil - Http.elapsed(), 0) + Http.backoff(try, FIRST_WAIT_MS, LONGEST_WAIT_MS)
  if Http.elapsed() + ms + self.http.timeout * 1000 > deadline then return nil end
  return ms
end

local function getCandles(self, symbol, interval, since, limit)
  local url = urlOf(self, symbol, interval, since, math.min(limit, LIMIT))
  local deadline = Http.elapsed() + self.patience * 1000
  for try = 1, TRIES do
    local ok, got = pcall(ask, self, url)
    if ok then return got end
    local ms = waitAfter(self, got, try, deadline)
    if not ms then error(got, 0) end
    self.http:sleep(ms)
  end
end

--- An exchange for host.addExchange.
---@param options { exchangeName: string, url: string, keyHeader?: string, key?: string, cafile?: string,
--- timeout?: number, patience?: number, candleOf?: fun(row: any): table? }  key: for what the header `keyHeader`
--- (X-MBX-APIKEY) has; EXCHANGE_API_KEY if left out; timeout: seconds of one request, 8 if left out; patience: of all
--- tries, with what is waited between them, 28 if left out: give a backtest 600, which a 429 then does not end;
--- candleOf: a row of the answer as a candle, nil where it is none
---@return table exchange
---@raise invalid_argument
function M.new(options)
  local key = options.key or Http.secret "EXCHANGE_API_KEY"
  local what = ("http_exchange '%s': url"):format(tostring(options.exchangeName))
  local self = setmetatable({
    url = options.url, origin = Http.origin(options.url, what, key ~= nil), key = key,
    headers = { "Accept: application/json" }, candleOf = options.candleOf or candleOf, stoppedUntil = -math.huge,
    patience = options.patience or PATIENCE,
    http = Http.new { timeout = options.timeout or 8, connectTimeout = 4, cafile = options.cafile },
  }, Exchange)
  if key then table.insert(self.headers, ("%s: %s"):format(options.keyHeader or "X-MBX-APIKEY", key)) end
  return {
    exchangeName = options.exchangeName,
    getCandles = function(...) return getCandles(self, ...) end,
  }
end

return M
