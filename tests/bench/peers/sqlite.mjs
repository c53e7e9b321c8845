// SPDX-License-Identifier: MIT
//
// SQLite in Node: a row for each entity, its JSON as text, and SQLite's own functions on JSON for questions.  By the npm
// package better-sqlite3, or with `--builtin` by Node's own module.
import { mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { load, options, work } from "./work.mjs";

const { builtin } = options;
const Database = builtin ? createRequire(import.meta.url)("node:sqlite").DatabaseSync : load("better-sqlite3");

const SYMBOL = "json_extract(data, '$.metadata.symbol') = 'BTCUSDT'";
const QUESTIONS = {
  symbol: SYMBOL,
  sum: "json_extract(data, '$.priceTakeProfit') - json_extract(data, '$.priceOpen') > 1746.3",
  substring: "instr(json_extract(data, '$.symbol'), 'BTC') > 0",
};

function prepare(db, isDurable) {
  db.exec("PRAGMA journal_mode = WAL");
  db.exec(`PRAGMA synchronous = ${isDurable ? "FULL" : "OFF"}`);
  db.exec("PRAGMA cache_size = -1048576"); // KiB: all of it
  db.exec("CREATE TABLE IF NOT EXISTS e (id TEXT PRIMARY KEY, data TEXT)");
}

// better-sqlite3 gives a lone column as it is.
const lone = (statement) => (statement.pluck ? statement.pluck() : statement);
const textOf = builtin ? (row) => row.data : (row) => row;

work((dir, isDurable, isEmptied) => {
  if (isEmptied) rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const db = new Database(dir + "/e.db");
  prepare(db, isDurable);
  const upsert = db.prepare("INSERT OR REPLACE INTO e VALUES (?, ?)");
  const byId = lone(db.prepare("SELECT data FROM e WHERE id = ?"));
  const count = (condition) => db.prepare("SELECT count(*) AS n FROM e" + condition).get().n;
  const length = (condition) => {
    let n = 0;
    for (const row of lone(db.prepare("SELECT data FROM e" + condition)).iterate()) if (JSON.parse(textOf(row))) n++;
    return n;
  };
  const store = {
    size: () => count(""),
    get: (id) => JSON.parse(textOf(byId.get(id))),
    put: (id, entity) => upsert.run(id, JSON.stringify(entity)),
    load(entries) {
      db.exec("BEGIN");
      for (const [id, entity] of entries) store.put(id, entity);
      db.exec("COMMIT");
    },
    values: () => length(""),
    count: () => count(" WHERE " + SYMBOL),
    close: () => db.close(),
  };
  for (const [name, condition] of Object.entries(QUESTIONS)) store[name] = () => length(" WHERE " + condition);
  return store;
});
