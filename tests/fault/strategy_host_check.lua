-- SPDX-License-Identifier: MIT
--
-- What strategy_host_test.sh needs beside the program:
--
--   strategy_host_check.lua candles COUNT SEED      prints candles as CSV
--   strategy_host_check.lua compare WANTED JOURNAL  raises unless both journals have the same events in the same order,
--                                                   each once; prints how many

local json = require("holdfast").json

if arg[1] == "candles" then
  package.path = os.getenv("HOLDFAST_SOURCE") .. "/examples/?.lua;" .. package.path
  print("timestamp,open,high,low,close,volume")
  for _, c in ipairs(require("market").candles(tonumber(arg[2]), { seed = tonumber(arg[3]) })) do
    print(("%d,%.17g,%.17g,%.17g,%.17g,%.17g"):format(c.timestamp, c.open, c.high, c.low, c.close, c.volume))
  end
  return
end

local function events(path)
  local list, seen, number = {}, {}, 0
  for line in io.lines(path) do
    number = number + 1
    local row = json.decode(line)
    if row.id then
      assert(not seen[row.id], ("%s:%d: %s is there twice"):format(path, number, row.id))
      assert(row.event.id == row.id, ("%s:%d: the event's id is another one"):format(path, number))
      seen[row.id] = true
      list[#list + 1] = row
    else
      assert(row.minute, ("%s:%d: neither minute nor event"):format(path, number))
    end
  end
  return list
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local wanted, got = events(arg[2]), events(arg[3])
for i = 1, math.max(#wanted, #got) do
  local a, b = wanted[i], got[i]
  assert(b, ("event %d is missing: %s"):format(i, a and a.id))
  assert(a, ("event %d is too many: %s"):format(i, b.id))
  assert(a.id == b.id, ("event %d is %s, not %s"):format(i, b.id, a.id))
  assert(same(a.event, b.event), ("event %d is another one:\n%s\n%s"):format(i, json.encode(a), json.encode(b)))
end
print(#wanted)
