-- SPDX-License-Identifier: MIT
--
-- Posts what a bot does to a webhook: positions that opened and closed, and what failed.
--
--     local alerts = require("alert_webhook").start()
--     host.Live.background("BTCUSDT", { strategyName = "main", exchangeName = "mine" })
--     host.run()
--     alerts.finish(5000)
--
-- Nothing waits for the receiver: the listener stores the alert and returns, and a coroutine of its own sends what is
-- stored, one after the other.  Where the receiver fails, is slow or hangs, that waits and tries again, at most 5
-- minutes later, or as Retry-After says.
--
-- The promise: each event is posted at least once.  The host delivers an event until its listener has returned, and by
-- then the alert is durable here; it is removed once the receiver has answered with a status of 200 to 299.  A process
-- that is killed between the answer and the removal posts it again, so it cannot be exactly once: the receiver should
-- act once for each `id`.  Not kept are:
--   - alerts that are dropped: the oldest where too many wait, and what the receiver refuses for good (400, 413, 422).
--     Standard error says so at once, and the next post counts them
--   - failures, where the process is killed before they are stored: the host does not deliver them again.  Of those
--     that are alike one is posted in an hour, with how many there were since
--   - what is heard while the store of the alerts fails, and the process ends before that is over.  Standard error says
--     so
--
-- The URL is a secret with most services, and comes from the environment or from a file: ALERT_WEBHOOK_URL or
-- ALERT_WEBHOOK_URL_FILE; so does a token for the header Authorization, where one is wanted, ALERT_WEBHOOK_TOKEN.
-- Neither is in a message, nor in the arguments of a process: there is none beside the bot.

local AlertQueue = require "alert_queue"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local Http = require "http_client"

local M = {}

local HOUR_MS = 3600000
local FIRST_WAIT_MS, LONGEST_WAIT_MS = 1000, 300000
local STORE_WAIT_MS = 10000 -- after the store of the alerts has failed
local SAID_EACH = 12 -- tries, about an hour
local LOOK_MS = 1000 -- how often it is looked whether there is something to send
local TEXT_MAX = 2000
local REFUSED = { [400] = true, [413] = true, [422] = true }

-- ---- what is said

local function textOf(event)
  local row = event.signal or {}
  local name = ("%s %s: %s"):format(event.symbol, event.strategyName, row.position or "position")
  if event.action == "opened" then
    return ("%s opened at %s, take profit %s, stop loss %s"):format(name, event.currentPrice, row.priceTakeProfit,
      row.priceStopLoss)
  elseif event.action == "closed" then
    local pnl = event.pnl and event.pnl.pnlPercentage or 0
    return ("%s closed at %s, %s, %+.2f%%"):format(name, event.currentPrice, event.closeReason, pnl)
  end
  return ("%s %s at %s%s"):format(name, event.action, event.currentPrice, event.reason and ", " .. event.reason or "")
end

local function alertOf(event)
  return {
    id = event.id, kind = event.action, at = event.timestamp, text = textOf(event), symbol = event.symbol,
    strategyName = event.strategyName, exchangeName = event.exchangeName, price = event.currentPrice,
    reason = event.closeReason or event.reason, pnl = event.pnl and event.pnl.pnlPercentage,
    redelivered = event.redelivered,
  }
end

-- A text as it can be stored: of bounded length, and UTF-8, which what a script raises need not be.
local function storable(text)
  if #text > TEXT_MAX then text = text:sub(1, TEXT_MAX):gsub("[\192-\255][\128-\191]*$", "") .. "..." end
  return pcall(holdfast.json.encode, text) and text or (text:gsub("[\128-\255]", "?"))
end

local function failureOf(failure, skipped)
  local where = {}
  for _, field in ipairs { "symbol", "strategyName" } do where[#where + 1] = failure[field] end
  local text = ("%s %s: %s"):format(table.concat(where, " "), failure.source or "host", failure.message)
  if skipped > 0 then text = ("%s (and %d more like it)"):format(text, skipped) end
  return {
    id = ("failure:%d:%s"):format(host.now(), failure.source or "host"), kind = "failure", at = host.now(),
    text = storable(text), code = failure.code, source = failure.source,
    symbol = failure.symbol, strategyName = failure.strategyName,
  }
end

-- Whether a failure is to be told of: of those that are alike one in an hour; and how many were not since the last one.
local function newLimiter()
  local told = {}
  return function(failure)
    local parts = {}
    for i, field in ipairs { "source", "code", "strategyName", "symbol" } do parts[i] = tostring(failure[field]) end
    local key, now = table.concat(parts, "\0"), Http.elapsed()
    local last = told[key]
    if last and now - last.at < HOUR_MS then
      last.skipped = last.skipped + 1
      return false
    end
    told[key] = { at = now, skipped = 0 }
    return true, last and last.skipped or 0
  end
end

-- ---- sending

-- Sends an alert.  nil: it was taken; otherwise why not, whether it ever will be, and how long to wait at least (ms).
local function post(self, alert)
  local ok, got = pcall(function() return holdfast.json.encode(self.body(alert)) end)
  if not ok then return "body: " .. tostring(got), false, 0 end
  local body = got
  ok, got = pcall(self.http.request, self.http, { url = self.url, headers = self.headers, body = body })
  if not ok then return holdfast.isError(got) and got.message or tostring(got), true, 0 end
  if got.status >= 200 and got.status < 300 then return nil end
  local why = ("%s: status %d"):format(self.origin, got.status)
  return why, not REFUSED[got.status], math.min(got.retryAfter * 1000, HOUR_MS)
end

-- Sends the first one that waits.  Returns how long to wait before the next (ms).
local function sendNext(self)
  local key, alert = self.queue:first()
  if not key then return LOOK_MS end
  local why, mayPass, least = post(self, alert)
  if not why then
    self.queue:remove(key, alert)
    self.tries = 0
    return 0
  end
  if not mayPass then
    self.queue:drop(key, alert, why)
    return 0
  end
  self.tries = self.tries + 1
  if self.tries % SAID_EACH == 1 then io.stderr:write(("alerts cannot be sent now, and wait: %s\n"):format(why)) end
  return math.max(least, Http.backoff(self.tries, FIRST_WAIT_MS, LONGEST_WAIT_MS))
end

local function sendAll(self)
  while not self.isOver do
    self.isBusy = true
    local ok, wait = pcall(sendNext, self)
    self.isBusy = false
    if not ok then
      if self.isOver then return end -- finish() has not waited for it
      io.stderr:write(("alerts wait: %s\n"):format(tostring(wait)))
      wait = STORE_WAIT_MS
    end
    self.dueAt = Http.elapsed() + wait
    host.sleep(wait)
  end
end

-- ---- listening

local DEFAULT_ACTIONS = { opened = true, closed = true }

local function listen(self, actions)
  local isDue = newLimiter()
  host.listenSignalLive(function(event)
    if event.id and actions[event.action] then self.queue:put(alertOf(event)) end
  end)
  host.listenError(function(failure)
    local tell, skipped = isDue(failure)
    if not tell then return end
    local alert = failureOf(failure, skipped)
    io.stderr:write(alert.text, "\n") -- as the host does without a listener
    self.queue:put(alert)
  end)
end

-- Sends what waits, for at most so many ms, and tells how many are left for the next start.
local function finish(self, ms)
  local till = Http.elapsed() + ms
  local function isUseful() return self.queue:count() > 0 and (self.isBusy or self.dueAt <= till) end
  while Http.elapsed() < till and isUseful() do host.sleep(20) end
  self.isOver = true
  local left = self.queue:count()
  if left > 0 then
    io.stderr:write(("%d alerts wait in %s, and are sent when the bot runs again\n"):format(left, self.queue.folder))
  end
  self.queue:close()
  return left
end

--- Begins to listen and to send, what was left by the last process first.
---@param options? { url?: string, token?: string, folder?: string, most?: integer, actions?: table<string, true>,
--- body?: (fun(alert: table): table), cafile?: string, timeout?: number }  folder: ./dump/alerts; most: alerts that may
--- wait, 1000; actions: opened and closed; body: what is posted of an alert, such as { content = alert.text } for
--- services that want it so; timeout: seconds
---@return { finish: fun(ms: number): integer }  finish: after host.run(); returns how many are left
---@raise invalid_argument
function M.start(options)
  options = options or {}
  local url = options.url or Http.secret "ALERT_WEBHOOK_URL"
  if not url then
    error(holdfast.error("invalid_argument", "alert_webhook: set ALERT_WEBHOOK_URL_FILE, the path of a file with the "
      .. "URL in it, or ALERT_WEBHOOK_URL"), 0)
  end
  local token = options.token or Http.secret "ALERT_WEBHOOK_TOKEN"
  local self = {
    url = url, origin = Http.origin(url, "alert_webhook", true), headers = { "Content-Type: application/json" },
    queue = AlertQueue.open(options.folder or "./dump/alerts", options.most or 1000), tries = 0, dueAt = 0,
    body = options.body or function(alert) return alert end,
    http = Http.new { timeout = options.timeout or 10, connections = 1, cafile = options.cafile },
  }
  if token then table.insert(self.headers, "Authorization: Bearer " .. token) end
  listen(self, options.actions or DEFAULT_ACTIONS)
  coroutine.wrap(sendAll)(self)
  return { finish = function(ms) return finish(self, ms) end }
end

return M
