-- SPDX-License-Identifier: MIT
--
-- Raises unless two journals of strategy_host.c have the same events in the same order, each once; prints how many:
--
--     strategy_host_check.lua WANTED JOURNAL

local json = require("holdfast").json
local same = require("holdfast.conformance.context").same

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

local wanted, got = events(arg[1]), events(arg[2])
for i = 1, math.max(#wanted, #got) do
  local a, b = wanted[i], got[i]
  assert(b, ("event %d is missing: %s"):format(i, a and a.id))
  assert(a, ("event %d is too many: %s"):format(i, b.id))
  assert(a.id == b.id, ("event %d is %s, not %s"):format(i, b.id, a.id))
  assert(same(a.event, b.event), ("event %d is another one:\n%s\n%s"):format(i, json.encode(a), json.encode(b)))
end
print(#wanted)
