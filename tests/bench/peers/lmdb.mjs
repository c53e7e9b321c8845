// SPDX-License-Identifier: MIT
//
// The npm package lmdb: a key for each entity, its JSON as text.  It asks no questions: a script decodes and filters.
import { mkdirSync, rmSync } from "node:fs";
import { load, questions, work } from "./work.mjs";

const { open } = load("lmdb");

/** How many of the values there are for which the predicate is true. */
function length(db, predicate) {
  let n = 0;
  for (const { value } of db.getRange()) if (predicate(value)) n++;
  return n;
}

work((dir, isDurable, isEmptied) => {
  if (isEmptied) rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  // Without overlappingSync a put has been flushed when it returns, as elsewhere.
  const db = open({ path: dir, encoding: "json", overlappingSync: false, noSync: !isDurable, mapSize: 2 ** 34 });
  const store = {
    size: () => db.getStats().entryCount,
    get: (id) => db.get(id),
    put: (id, entity) => db.putSync(id, entity),
    load: (entries) => db.transactionSync(() => entries.forEach(([id, entity]) => db.putSync(id, entity))),
    values: () => length(db, (value) => value.id.length > 0),
    count: () => length(db, questions.symbol),
    close: () => db.close(),
  };
  for (const [name, predicate] of Object.entries(questions)) store[name] = () => length(db, predicate);
  return store;
});
