// SPDX-License-Identifier: MIT
//
// Prints the trades that the strategy host must make: those of the TypeScript framework, the npm package backtest-kit,
// on made-up candles.  The tests themselves need no Node.js, they read the committed file and make the candles again.
// To print it again, with HOLDFAST_BACKTEST_KIT a folder whose node_modules has the package, and `holdfast` on PATH or
// its path in HOLDFAST_BIN:
//
//     node tests/data/host_trades.mjs >host_trades.json
//
// One JSON document, an event a line: {source, markets: [{candles, runs: [{strategy, events}]}]}.  `candles` are
// `count` and the options of market.candles in examples/market.lua, `silent` minutes without volume among them;
// strategies are those of tests/support/backtest_kit.mjs.
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { addExchange, addStrategy, load, parseCandles, run } from "../support/backtest_kit.mjs";

const columns = ["name", "interval", "position", "tp", "sl", "limit", "minutes", "from", "to"];
const none = undefined;
const markets = [
  {
    // Usual minutes, and some in which nobody trades.
    candles: { count: 3000, seed: 7, silent: 12 },
    strategies: [
      ["long-now", "5m", "long", 0.006, 0.01, none, 120, 30, 1500],
      ["short-now", "1m", "short", 0.006, 0.006, none, 60, 200, 1700],
      ["alternate", "15m", "alternate", 0.008, 0.008, none, 240, 103, 2400],
      ["alternate-brief", "1m", "alternate", 0.0055, 0.0055, none, 15, 700, 1300],
      ["long-day", "1h", "long", 0.02, 0.015, none, 1440, 10, 1550],
      ["short-limit", "5m", "short", 0.006, 0.012, 0.003, 90, 50, 2000],
      ["alternate-limit", "1h", "alternate", 0.01, 0.012, 0.004, 300, 300, 2300],
      ["long-far-limit", "1m", "long", 0.01, 0.03, 0.015, 60, 60, 1100],
      // The price is at priceOpen already: nothing to wait for.
      ["long-reached", "5m", "long", 0.008, 0.006, -0.001, 60, 1000, 1600],
      ["short-reached", "15m", "short", 0.008, 0.006, -0.001, 60, 1000, 1600],
      // The frame ends at the tick that opens, or that begins to wait.
      ["one-tick", "5m", "long", 0.006, 0.01, none, 120, 612, 612],
      ["one-tick-limit", "5m", "short", 0.006, 0.01, 0.004, 120, 615, 615],
    ],
  },
  {
    // Every minute as wild as an hour otherwise: waiting orders are jumped over, a candle reaches both sides at once.
    candles: { count: 2500, seed: 7, volatility: 0.006 },
    strategies: [
      ["wild-now", "1m", "alternate", 0.012, 0.012, none, 15, 10, 400],
      ["wild-near", "1m", "alternate", 0.0015, 0.0091, 0.004, 30, 5, 1750],
      ["wild-both", "1m", "alternate", -0.0045, 0.0151, 0.01, 30, 5, 1750],
      ["wild-wait", "15m", "short", 0.02, 0.15, 0.08, 600, 100, 1700],
    ],
  },
];

const here = dirname(fileURLToPath(import.meta.url));
const holdfast = process.env.HOLDFAST_BIN ?? "holdfast";

const { kit, version } = await load();
kit.PersistCandleAdapter.useDummy(); // or it would keep candles in files and read them again under the same names
kit.listenError((error) => {
  console.error(error);
  process.exitCode = 1;
});

async function eventsOf(exchangeName, strategyName) {
  const events = [];
  for await (const r of run(kit, exchangeName, strategyName)) {
    const { position, scheduledAt, pendingAt, priceOpen } = r.signal;
    const { action, closeTimestamp, currentPrice } = r;
    const reason = r.closeReason ?? r.reason;
    const pnlPercentage = r.pnl?.pnlPercentage;
    const times = { scheduledAt, pendingAt, closeTimestamp };
    events.push({ action, reason, position, ...times, priceOpen, currentPrice, pnlPercentage });
  }
  return events;
}

const lines = [];
for (const [i, market] of markets.entries()) {
  const options = JSON.stringify(market.candles);
  const csv = execFileSync(holdfast, ["run", join(here, "candles.lua"), options], { encoding: "utf8" });
  const candles = parseCandles(csv);
  const exchangeName = `market-${i + 1}`;
  addExchange(kit, exchangeName, candles);
  const runs = [];
  for (const row of market.strategies) {
    const strategy = Object.fromEntries(row.map((value, column) => [columns[column], value]));
    addStrategy(kit, strategy.name, strategy, candles);
    const events = await eventsOf(exchangeName, strategy.name);
    const rows = events.map((event) => JSON.stringify(event)).join(",\n");
    runs.push(`{"strategy":${JSON.stringify(strategy)},"events":[\n${rows}\n]}`);
  }
  lines.push(`{"candles":${options},"runs":[\n${runs.join(",\n")}\n]}`);
}
const text = `{"source":"backtest-kit ${version}, Backtest.run","markets":[\n${lines.join(",\n")}\n]}\n`;
process.stdout.write(text, () => process.exit()); // what the framework left open would go on
