// SPDX-License-Identifier: MIT
//
// Prints the vectors of the unit tests, from the two implementations that define them: ICU's collation
// for the natural order of ids, and a JavaScript engine's Number for the text of numbers.  Needs a Node.js built
// with full ICU; the tests themselves do not, they read the committed files:
//
//     node generate.mjs natural_order > natural_order.json
//     node generate.mjs json_numbers > json_numbers.json
//
// The seed is fixed: the same engine prints the same bytes.

// xorshift64*, so that the numbers do not depend on the engine.
let state = 0x9e3779b97f4a7c15n;
function bits64() {
  state ^= state >> 12n;
  state = (state ^ (state << 25n)) & 0xffffffffffffffffn;
  state ^= state >> 27n;
  return (state * 0x2545f4914f6cdd1dn) & 0xffffffffffffffffn;
}
const below = (n) => Number(bits64() % BigInt(n));
const pick = (list) => list[below(list.length)];
const repeat = (n, make) => Array.from({ length: n }, make);

function naturalOrder() {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  // For ASCII, the order of UTF-16 units is that of the bytes.
  const compare = (a, b) => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
  const printable = repeat(95, (_, i) => String.fromCharCode(32 + i));
  const words = ["BTC", "btc", "USDT", "ETH", "log", "Log", "LOG", "order", "my-strategy", "my_strategy", "a", "A"];
  const symbols = printable.filter((c) => /[^0-9A-Za-z]/.test(c));
  const digits = () => repeat(1 + below(below(4) ? 4 : 24), () => below(10)).join("");
  const number = () => "0".repeat(below(5) ? 0 : below(4)) + digits();
  const piece = () => pick([() => pick(words), number, () => pick(symbols), () => pick(["-", "_", "/", ":", "."])])();
  const id = () => repeat(1 + below(6), piece).join("");
  const fixed = [
    printable,
    ["log-10", "log-2", "log-1", "log-02", "LOG-2", "Log-3", "log-100", "log", "log-", "log-a", "log2", "log_2"],
    ["BTC/USDT", "BTC/USDT:USDT", "BTCUSDT", "btcusdt", "Btcusdt", "BTC-USDT", "BTC_USDT", "BTC USDT", "BTC"],
    ["0", "00", "000", "1", "01", "10", "2", "1e3", "1E3", "1.10", "1.9", "1.09", "-1", "-10", "+1", "007", "7", "07"],
    repeat(70, (_, i) => "9".repeat(i + 1)).concat(repeat(70, (_, i) => "1" + "0".repeat(i))),
    ["18446744073709551615", "18446744073709551616", "018446744073709551615", "18446744073709551614"],
    repeat(12, (_, i) => "0".repeat(i + 1) + (i % 3)),
    ["a", "aa", "a1", "a 1", "a-1", "a1a", "a1b", "a11", "a1 ", "A1a", "A1B", "ab1"],
    ["072ecee3-c047-4000-ab69-3fb214eab000", "72ecee3-c047-4000-ab69-3fb214eab000", "072ecee3-c047-4000-AB69"],
  ];
  const random = repeat(50, (_, i) => repeat(4 + (i % 15), id));
  const cases = fixed.concat(random).map((ids) => ({ ids, sorted: ids.slice().sort(compare) }));
  const source = `ICU ${process.versions.icu} localeCompare(numeric, sensitivity base), ties by byte order`;
  return { source, cases };
}

function jsonNumbers() {
  const view = new DataView(new ArrayBuffer(8));
  const fromBits = (bits) => (view.setBigUint64(0, bits), view.getFloat64(0));
  const toBits = (x) => (view.setFloat64(0, x), view.getBigUint64(0));
  const values = [0, -0, 1, -1, 0.1, 0.2, 0.1 + 0.2, 1e21, 1e-7, 1e20, 123456789012345680000, 5e-324, Number.MAX_VALUE];
  values.push(2.2250738585072014e-308, 2.225073858507201e-308, 1e22, 1e23, 4.35, 2.675, 1.005, 1 / 3, 2 / 3, 100);
  values.push(2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53 - 1), 1e15, 1e16, 1e17, 0.000001, 0.0000015, 1.5e-7);
  values.push(49524.64, 51010.3792, 48534.1472, 53169.496100000004, 1704067200000, 1750000001234, 9.5, 1e300, 1e-300);
  for (let e = -1074; e < 1024; e += 7) values.push(2 ** e);
  for (let e = -323; e < 309; e += 5) values.push(Number(`1e${e}`), Number(`9.999999999999999e${e}`));
  for (let i = 0; i < 200; i++) values.push((below(2) ? 1 : -1) * (below(10 ** 9) / 10 ** below(9)));
  for (let i = 0; i < 100; i++) values.push(below(2 ** 50) * 2 ** below(30), below(10 ** 6));
  for (let i = 0; i < 50; i++) values.push(fromBits(bits64() >> BigInt(12 + below(52))));
  for (let i = 0; i < 500; i++) values.push(fromBits(bits64()));
  const numbers = values
    .filter(Number.isFinite)
    .map((x) => [toBits(x).toString(16).padStart(16, "0"), Object.is(x, -0) ? "-0" : String(x)]);
  return { source: "V8 Number to string (shortest round trip); -0 kept", numbers };
}

const files = { natural_order: naturalOrder, json_numbers: jsonNumbers };
const make = files[process.argv[2]];
if (!make) {
  console.error(`usage: node generate.mjs ${Object.keys(files).join("|")}`);
  process.exit(2);
}
console.log(JSON.stringify(make()));
