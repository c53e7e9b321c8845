-- SPDX-License-Identifier: MIT
--
-- Holdfast's side of run.sh.
--
--     interop.lua make                  prints documents, a line of JSON each
--     interop.lua BASE ENTITY write     stores the lines that it reads, as their texts are
--     interop.lua BASE ENTITY read      prints what is stored, in the order of keys()
--     interop.lua same FILE FILE        whether two such outputs have the same ids in the same order and equal values

local core = require "holdfast.core"
local holdfast = require "holdfast"

-- What both sides can store: the reference escapes nothing and lists no folders, so no slashes, leading dots, or
-- percent
-- signs.  And what both sides order: of ids that differ in case or in leading zeros only, the reference lists whichever
-- the folder has first.
local function make()
  local ids = { "log-10", "log-2", "log-1", "LOG-3", "log", "BTCUSDT", "BTC-USDT", "BTC_USDT", "BTC USDT",
    "BTC:USDT", "1", "10", "2", "7", "1e3", "a.b", "1.10", "1.9", "x(1)", "x[2]", "18446744073709551616",
    "18446744073709551615", "tilde~", "plus+", "at@home", "comma,", "dollar$", "hash#", "a.json" }
  local values = {
    '{"symbol":"BTCUSDT","position":"long","priceOpen":49524.64,"priceTakeProfit":51010.3792,"minuteEstimatedTime":60}',
    '{"note":"quotes \\" backslash \\\\ slash / tab \\t newline \\n","unicode":"é ü 漢字 😀"}',
    '{"numbers":[0,-1,0.1,0.30000000000000004,1e+21,1e-7,5e-324,1.7976931348623157e+308,9007199254740991]}',
    '[]', '{}', 'null', 'true', '"text"', '-0.5', '{"deep":[[[[{"a":[]}]]]],"empty":{}}',
      '{"nul":"a\\u0000b","del":"\127"}',
  }
  for i, id in ipairs(ids) do
    print(('{"id":%s,"value":%s}'):format(holdfast.json.encode(id), values[(i - 1) % #values + 1]))
  end
end

local function same(a, b)
  if holdfast.isArray(a) ~= holdfast.isArray(b) or type(a) ~= type(b) then return false end
  if type(a) ~= "table" then return a == b end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local function compare(left, right)
  local a, b, n = io.open(left), io.open(right), 0
  while true do
    local x, y = a:read("*l"), b:read("*l")
    if not x and not y then break end
    n = n + 1
    if not x or not y then error(("line %d is only in one of them: %s"):format(n, x or y), 0) end
    local dx, dy = holdfast.json.decode(x), holdfast.json.decode(y)
    if dx.id ~= dy.id then error(("line %d: the ids are %s and %s"):format(n, dx.id, dy.id), 0) end
    if not same(dx.value, dy.value) then error(("%s differs:\n%s\n%s"):format(dx.id, x, y), 0) end
  end
  if n == 0 then error("there is nothing to compare", 0) end
  print(n .. " documents are the same, in the same order")
end

if arg[1] == "make" then
  make()
elseif arg[1] == "same" then
  compare(arg[2], arg[3])
else
  local store = holdfast.FilePersist(arg[2], arg[1])
  if arg[3] == "write" then
    for line in io.lines() do
      -- The text as it came: key order is the other side's.
      core.writeText(store, holdfast.json.decode(line).id, line:match('"value":(.*)}$'))
    end
  else
    for id, text in core.texts(store) do print(('{"id":%s,"value":%s}'):format(holdfast.json.encode(id), text)) end
  end
end
