// SPDX-License-Identifier: MIT
//
// The reference framework's own file store, driven line by line; run.sh runs it in the folder where the npm package is.
//
//     node client.mjs BASE ENTITY write < lines of {"id":...,"value":...}
//     node client.mjs BASE ENTITY read          prints the same lines, in the order of its keys()
import { PersistBase } from "backtest-kit";
import { createInterface } from "node:readline";

const [base, entity, verb] = process.argv.slice(2);
const store = new PersistBase(entity, base);
await store.waitForInit(true);
if (verb === "write") {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, value } = JSON.parse(line);
    await store.writeValue(id, value);
  }
} else {
  for await (const id of store.keys()) console.log(JSON.stringify({ id, value: await store.readValue(id) }));
}
process.exit(0);
