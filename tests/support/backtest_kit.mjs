// SPDX-License-Identifier: MIT
//
// The reference framework on candles of a CSV file, for whoever compares with it.  HOLDFAST_BACKTEST_KIT names a folder
// whose node_modules has the npm package backtest-kit; tests/interop/run.sh shows how to make one.
//
// A strategy is {name, interval, position: "long"|"short"|"alternate", tp, sl, minutes, limit?, from, to}.  Whenever it
// is asked, at an average price p: take profit at p(1 ± tp), stop loss at p(1 ∓ sl), lifetime `minutes`, and with
// `limit` a waiting order at p(1 ∓ limit).  Its frame is from the time of candle `from` to that of candle `to`, counted
// from 0; there must be as many candles after `to` as its signals can wait and last.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** The module, and its version. */
export async function load() {
  const folder = process.env.HOLDFAST_BACKTEST_KIT;
  if (!folder) throw new Error("set HOLDFAST_BACKTEST_KIT to a folder whose node_modules has backtest-kit");
  const home = resolve(folder, "node_modules/backtest-kit");
  const about = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  const kit = await import(pathToFileURL(join(home, about.module ?? about.main)));
  const quiet = () => {};
  kit.setLogger({ log: quiet, debug: quiet, info: quiet, warn: quiet });
  return { kit, version: about.version };
}

/** The rows of a text with the columns timestamp,open,high,low,close,volume. */
export function parseCandles(text) {
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [timestamp, open, high, low, close, volume] = line.split(",").map(Number);
      return { timestamp, open, high, low, close, volume };
    });
}

/** Makes candles, in memory, an exchange of that name. */
export function addExchange(kit, exchangeName, candles) {
  const at = new Map(candles.map((candle, i) => [candle.timestamp, i]));
  kit.addExchangeSchema({
    exchangeName,
    getCandles: async (symbol, interval, since, limit) => {
      const first = at.get(+since) ?? candles.length;
      return candles.slice(first, first + limit);
    },
    formatPrice: async (symbol, price) => price.toFixed(2),
    formatQuantity: async (symbol, quantity) => quantity.toFixed(8),
  });
}

/** Makes a strategy and its frame known under a name. */
export function addStrategy(kit, strategyName, s, candles) {
  let asked = 0;
  kit.addStrategySchema({
    strategyName,
    interval: s.interval,
    getSignal: async (symbol) => {
      const p = await kit.getAveragePrice(symbol);
      const position = s.position === "alternate" ? (asked++ % 2 ? "short" : "long") : s.position;
      const k = position === "long" ? 1 : -1;
      const signal = {
        position,
        note: s.name,
        priceTakeProfit: p * (1 + k * s.tp),
        priceStopLoss: p * (1 - k * s.sl),
        minuteEstimatedTime: s.minutes,
      };
      if (s.limit !== undefined) signal.priceOpen = p * (1 - k * s.limit);
      return signal;
    },
  });
  kit.addFrameSchema({
    frameName: strategyName,
    interval: "1m",
    startDate: new Date(candles[s.from].timestamp),
    endDate: new Date(candles[s.to].timestamp),
  });
}

/** What the framework reports while it runs a strategy that is known: events as they come. */
export function run(kit, exchangeName, strategyName) {
  return kit.Backtest.run("BTCUSDT", { strategyName, exchangeName, frameName: strategyName });
}
