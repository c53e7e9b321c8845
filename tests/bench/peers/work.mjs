// SPDX-License-Identifier: MIT
//
// What is measured of a peer in JavaScript: work.h says what there is.  The modules beside this say how their store does
// it, and this measures.  Packages come from the folder that HOLDFAST_PEER_PACKAGES names.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const BATCH = 1000;
const folder = process.env.HOLDFAST_PEER_PACKAGES ?? ".";

/** A module of a package. */
export const load = createRequire(resolve(folder, "package.json"));

/** What is asked, as predicates: questions.lua. */
export const questions = {
  symbol: (v) => v.metadata.symbol === "BTCUSDT",
  sum: (v) => v.priceTakeProfit - v.priceOpen > 1746.3,
  substring: (v) => v.symbol.includes("BTC"),
};

/** The command line; `builtin` is for stores that are there twice. */
export const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", short: "d" },
    source: { type: "string", short: "f" },
    ops: { type: "string", short: "n", default: "100000" },
    seed: { type: "string", short: "s", default: "1" },
    durable: { type: "boolean", short: "y", default: false },
    builtin: { type: "boolean", default: false },
  },
});
const what = positionals[0];
const ops = Number(options.ops);

/** Microseconds on a clock that only goes forward. */
const now = () => Number(process.hrtime.bigint()) / 1e3;

function sizeOf(store) {
  const size = store.size();
  if (!size) throw new Error("nothing is stored");
  return size;
}

/** The xorshift32 sequence of bench_random(), as ids of a store of this size. */
function ids(size) {
  let s = Number(options.seed) >>> 0;
  return () => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return "log-" + (((s >>> 0) % size) + 1);
  };
}

/** The µs of one access: prepare() makes what act() gets, whose time counts. */
function perAccess(store, prepare, act) {
  let us = 0;
  for (let pass = 0; pass < 2; pass++) {
    const next = ids(sizeOf(store));
    us = 0;
    globalThis.gc?.();
    for (let done = 0; done < ops; done += BATCH) {
      const list = Array.from({ length: Math.min(BATCH, ops - done) }, () => prepare(next()));
      const start = now();
      for (const one of list) act(one);
      us += now() - start;
    }
  }
  return [us / ops];
}

/** The µs of an entity, and what fn gives; a first time to warm up. */
function perEntity(store, fn) {
  const size = sizeOf(store);
  fn();
  globalThis.gc?.();
  const start = now();
  const given = fn();
  return [(now() - start) / size, given];
}

const works = {
  load(store) {
    const lines = readFileSync(options.source, "utf8").trimEnd().split("\n");
    const entries = lines.map((line, i) => ["log-" + (i + 1), JSON.parse(line)]);
    const start = now();
    store.load(entries);
    return [(now() - start) / entries.length, entries.length];
  },
  get: (store) => perAccess(store, (id) => id, store.get),
  put: (store) => perAccess(store, (id) => [id, store.get(id)], ([id, entity]) => store.put(id, entity)),
};
for (const name of ["values", "symbol", "sum", "substring", "count"]) works[name] = (store) => perEntity(store, store[name]);

/**
 * Measures what the command line asks for, and prints it.  open(dir, isDurable, isEmptied) gives a store: load(entries),
 * get(id) and put(id, entity); values(), symbol(), sum() and substring() read or ask all and give how many there were;
 * count(), of one symbol; size(), of all.
 */
export function work(open) {
  if (!works[what]) throw new Error("nothing is called " + what);
  const store = open(options.dir, options.durable, what === "load");
  const [us, given] = works[what](store);
  store.close();
  console.log(us.toFixed(6), given ?? 0);
}
