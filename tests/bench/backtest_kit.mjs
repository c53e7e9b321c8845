// SPDX-License-Identifier: MIT
//
// How fast the TypeScript framework runs a backtest, to compare the strategy host with.  HOLDFAST_BACKTEST_KIT names a
// folder whose node_modules has the npm package backtest-kit.
//
//     node tests/bench/backtest_kit.mjs CANDLES.csv STRATEGY [--cache]
//
// STRATEGY is the JSON of one strategy of tests/support/backtest_kit.mjs, say '{"name":"long-now","interval":"5m",
// "position":"long","tp":0.006,"sl":0.01,"minutes":120,"from":30,"to":1500}'; without `to` the frame ends where the
// candles just suffice.  One line of JSON is printed: {candles, milliseconds, trades}, the candles those of the frame.
//
// Loading is not timed, and neither are whole runs that go before, until half a second of them has warmed the engine;
// the median of seven runs counts.  The exchange answers from memory.  Of the framework's own cache, a file for each
// candle, there is none unless --cache is given: then it is in a folder for the time being, and full before it counts.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addExchange, addStrategy, load, parseCandles, run } from "../support/backtest_kit.mjs";

const WARM_MS = 500;
const RUNS = 7;

const [csv, json, ...options] = process.argv.slice(2);
if (!csv || !json || options.some((option) => option !== "--cache")) {
  console.error("usage: backtest_kit.mjs CANDLES.csv STRATEGY [--cache]");
  process.exit(2);
}
const candles = parseCandles(readFileSync(csv, "utf8"));
const given = JSON.parse(json);
const needed = given.minutes + (given.limit === undefined ? 0 : 120) + 2;
const strategy = { from: 30, to: candles.length - needed, ...given };

const { kit } = await load();
const folder = mkdtempSync(join(tmpdir(), "backtest-kit-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.chdir(folder); // its files go to ./dump
if (!options.length) kit.PersistCandleAdapter.useDummy();
kit.listenError((error) => {
  console.error(error);
  process.exit(1);
});
addExchange(kit, "csv", candles);

let runs = 0;
async function once() {
  const name = `${strategy.name}-${++runs}`; // what was closed under a name would go on being counted
  addStrategy(kit, name, strategy, candles);
  const start = performance.now();
  let trades = 0;
  for await (const event of run(kit, "csv", name)) if (event.action === "closed") trades++;
  return { milliseconds: performance.now() - start, trades };
}

const warmUntil = performance.now() + WARM_MS;
do await once();
while (performance.now() < warmUntil);
const measured = [];
for (let i = 0; i < RUNS; i++) measured.push(await once());
measured.sort((a, b) => a.milliseconds - b.milliseconds);
const { milliseconds, trades } = measured[RUNS >> 1];
const count = strategy.to - strategy.from + 1;
const row = { candles: count, milliseconds: Math.round(milliseconds * 1000) / 1000, trades };
process.stdout.write(JSON.stringify(row) + "\n", () => process.exit());
