-- SPDX-License-Identifier: MIT
--
-- A bot to begin with: it asks an exchange over HTTP, tells a webhook what happens, and tells systemd that it lives.
-- Copy it with http_exchange.lua, http_client.lua, alert_webhook.lua, alert_queue.lua and systemd_watchdog.lua into a
-- folder, put your strategy in, and start it; bot.service is a unit for systemd.
--
--     holdfast run bot.lua [SYMBOL...]
--
-- It places no orders: what happens when a position opens is for a listener of yours (docs/host.md).
--
-- The environment says: EXCHANGE_URL; EXCHANGE_API_KEY_FILE, if the exchange wants a key; ALERT_WEBHOOK_URL_FILE,
-- without which there are no alerts.

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path

local holdfast = require "holdfast"
local host = require "holdfast.host"
local httpExchange = require "http_exchange"
local uv = require "luv"
local watchdog = require "systemd_watchdog"

-- What takes longer has failed.  So a run is through with a minute within 4 (getCandles is asked four times, then
-- getSignal, and the listeners), and bot.service gives it 5.
host.setConfig { CC_MAX_SIGNAL_GENERATION_SECONDS = 30 }

holdfast.adapters.useAll "lmdb:./dump/data" -- in the folder in which it is started

host.addExchange(httpExchange.new {
  exchangeName = "mine", url = os.getenv "EXCHANGE_URL" or "https://api.binance.com/api/v3/klines",
})

-- Goes with a price that has left the range of the twenty minutes before.
local function getSignal(symbol, when, price)
  local candles = host.getCandles(symbol, "1m", 21)
  local high, low = 0, math.huge
  for i = 1, 20 do high, low = math.max(high, candles[i].high), math.min(low, candles[i].low) end
  local close = candles[21].close
  if close >= low and close <= high then return nil end
  local sign = close > high and 1 or -1
  return {
    position = sign > 0 and "long" or "short", priceTakeProfit = price * (1 + 0.01 * sign),
    priceStopLoss = price * (1 - 0.01 * sign), minuteEstimatedTime = 240,
  }
end

host.addStrategy { strategyName = "breakout", interval = "1m", getSignal = getSignal }

host.listenSignalLive(function(event)
  if not event.id then return end
  print(os.date("!%Y-%m-%d %H:%M", event.timestamp / 1000), event.symbol, event.action, event.currentPrice)
end)
io.stdout:setvbuf "line"

local alerts
if os.getenv "ALERT_WEBHOOK_URL" or os.getenv "ALERT_WEBHOOK_URL_FILE" then
  alerts = require("alert_webhook").start()
end

-- Ends after the minute that is under way, as `systemctl stop` and Ctrl-C want it; a second signal ends it at once,
-- with which nothing is lost either.
local signals = { sigterm = uv.new_signal(), sigint = uv.new_signal() }
local function stop()
  for _, signal in pairs(signals) do uv.signal_stop(signal) end
  watchdog.stopping()
  host.Live.stop()
end
for name, signal in pairs(signals) do
  uv.signal_start(signal, name, stop)
  uv.unref(signal)
end

local symbols = arg[1] and arg or { "BTCUSDT" }
for _, symbol in ipairs(symbols) do
  host.Live.background(symbol, { strategyName = "breakout", exchangeName = "mine" })
end
watchdog.start()
host.run()
watchdog.stopping()
if alerts then alerts.finish(5000) end
