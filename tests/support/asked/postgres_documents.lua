-- SPDX-License-Identifier: MIT
--
-- Rows as other programs may have written them to PostgreSQL: each kind of value wherever a predicate might look,
-- numerics that round to the doubles that are asked for, documents that are wrapped, or look as if they were.

local json = require "holdfast.core".json

local M = {}

-- As JSONB takes them.
local VALUES = {
  "null", "true", "false", "0", "-1e-400", "1e-400", "5e-324", "2.4e-324", "2.6e-324", "1", "5", "-5", "1.5", "0.1",
  "0.10000000000000001", "0.1000000000000000055511151231257827", "0.10000000000000001249", "0.09999999999999999",
  "4.9999999999999997", "4.9999999999999995", "5.0000000000000004", "5.0000000000000005", "5.00000000000000045",
  "5.000000000000000444089209850062616169452667236328125",
  "9007199254740991", "9007199254740991.25", "9007199254740991.75", "9007199254740992",
  "9007199254740993", "9007199254740994", "9007199254740995",
  "9007199254740996", "-9007199254740993", "1.7976931348623157e308", "1.797693134862315807e308",
  "1.797693134862315808e308", "1e309", "-1e309", "9223372036854775808",
  '""', '"a"', '"abc"', '"b"', '"B"', '"ab"', '"abcd"', '"zabc"', '"é"', '"€"', '"😀"', '"\\uffff"', '"5"', '"true"',
  '"nil"', '"number"', '"a.c"', '"a\\\\c"', '"a\\"c"', '"abc\\n"', "{}", "[]", '{"length": 5}', '{"b": {"c": 5}}',
  '{"$holdfast": 5}', '{"$holdfast": "5", "b": 5}',
}
for _, text in ipairs { ("x"):rep(99), ("x"):rep(100), ("x"):rep(101), ("x"):rep(100) .. "é", ("é"):rep(100) .. "x" } do
  VALUES[#VALUES + 1] = '"' .. text .. '"'
end

-- The texts of documents that JSONB cannot hold, and of some that it can.
local WRAPPED = {
  '{"a":-0}', '{"a":-0.0,"c":"abc"}', '{"a":{"b":-0}}', '{"a":"a\\u0000b"}', '{"a":"abc","c":"\\u0000"}',
  '{"a":5,"c":"\\ud800"}', '{"a":"\\udfff"}', '{"a":1e-99999}', '{"a":5e00001}', '{"a":[-0]}', '{"a":null,"c":-0}',
  "-0", '"\\u0000"', "5", '"abc"', "null", "[]", "{}", '{"a":5}', '{"a":"abc"}', '{"$holdfast":"x","a":5}',
  '{"a":"\\\\u0000"}', '{"a":true,"b":-0}', '{"a":{"b":{"c":5,"d":-0}}}', '{"a":"' .. ("x"):rep(120) .. '","c":-0}',
}

local SHAPES = {
  '{"a": V}', '{"a": V, "c": "abc"}', '{"a": [V]}', '{"a": {"b": V}}', '{"a": [{"b": V}]}', '{"a": {"b": [V]}}',
  '{"a": {"b": {"c": V}}}', '{"a": [[V, V], V]}', '{"a.b": V, "b": V}', '[{"a": V}]', "V", '{"a": V, "1": 5, "b": 5}',
}

--- All of them.
---@return string[]
function M.documents()
  local out = {}
  for _, value in ipairs(VALUES) do
    for _, shape in ipairs(SHAPES) do out[#out + 1] = (shape:gsub("V", function() return value end)) end
  end
  for _, text in ipairs(WRAPPED) do out[#out + 1] = '{"$holdfast": ' .. json.encode(text) .. "}" end
  return out
end

--- What predicates compare fields with.
M.CONSTANTS = {
  "5", '"abc"', "true", "false", "nil", "null", "0", "-0", "2^53", "2^53 + 2", "2^53 + 4", "-2^53", "0.1", "1/0",
  "-1/0", "0/0", "5e-324", "1.7976931348623157e308", '""', '"B"', '"5"', '"a\\0b"', '"\\255"', '"é"', '"a\\\\c"', "{}",
  "k99", "k100", "k101", "k1", "k2",
}
M.ORDERED = {
  "5", "0", "-5", "-0", "0.1", '"abc"', '""', "2^53", "2^53 + 2", "-2^53", "1/0", "-1/0", "0/0", "nil", "true", '"é"',
  '"\\255"', "5e-324", "1.7976931348623157e308", "k99", "k100", "k101", "k1", "k2",
}

--- Texts around the length at which indexes cut them.
M.HEAD = "local k99, k100, k101 = (\"x\"):rep(99), (\"x\"):rep(100), (\"x\"):rep(101)\n"
  .. "local k1, k2 = k100 .. \"é\", (\"é\"):rep(100) .. \"x\"\n"

return M
