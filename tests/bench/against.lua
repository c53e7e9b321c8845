-- SPDX-License-Identifier: MIT
--
-- `./dev bench --against COMMIT`: two builds on the same work.  bench.lua of this tree is run for one and then for the
-- other, a round at a time and in changing order, so that a slow moment of the machine hits both.
--
--     holdfast run tests/bench/against.lua BUILD OTHER_BUILD [--rounds N] [--only PART[,PART]] [--quick]
--
-- A row is outside when the medians differ by more than 3 %, or 10 % where commits are flushed: a disk is moody.  The
-- parts with such rows are measured again, up to three times in all, and what remains outside is named at the end.

local here = arg[0]:match("^(.*)/") or "."
local decode = require("holdfast").json.decode

local UNSYNCED, SYNCED = 0.03, 0.10
local REPEATS = 3
-- Those that compare what Holdfast does itself.  The others start servers, or have no time of their own.
local PARTS = { "codec", "write", "read", "iterate", "names", "scripts", "files", "adapters", "host" }

local builds = { table.remove(arg, 1), table.remove(arg, 1) }
local rounds, parts, quick = 5, PARTS, ""

do
  local i = 1
  while arg[i] do
    if arg[i] == "--rounds" then
      i = i + 1
      rounds = assert(tonumber(arg[i]), "against: --rounds needs a number")
    elseif arg[i] == "--only" then
      i = i + 1
      parts = {}
      for part in assert(arg[i], "against: --only needs a part"):gmatch("[^,]+") do parts[#parts + 1] = part end
    elseif arg[i] == "--quick" then
      quick = " --quick"
    else
      io.stderr:write("against: there is no option ", arg[i], "\n")
      os.exit(2)
    end
    i = i + 1
  end
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- One round of a part with a build: its rows.
local function measure(build, part)
  local json = os.tmpname()
  local command = ("HOLDFAST_BUILD=%s %s run %s --only %s --rounds 1%s --json %s >/dev/null 2>%s.log"):format(
    quoted(build), quoted(build .. "/holdfast"), quoted(here .. "/bench.lua"), part, quick, json, json)
  local status = os.execute(command)
  local file = io.open(json)
  local text = file and file:read("*a") or ""
  if file then file:close() end
  local log = io.open(json .. ".log")
  local said = log and log:read("*a") or ""
  if log then log:close() end
  os.remove(json)
  os.remove(json .. ".log")
  if status ~= 0 then error(("against: %s of %s failed:\n%s"):format(part, build, said), 0) end
  return decode(text)
end

local function median(samples)
  table.sort(samples)
  local middle = math.floor(#samples / 2)
  if #samples % 2 == 1 then return samples[middle + 1] end
  return (samples[middle] + samples[middle + 1]) / 2
end

-- Rows of a part: {name=, ours=, theirs=, ratio=, bound=}, in order.
local function compare(part)
  local samples, names = { {}, {} }, {}
  for round = 1, rounds do
    for turn = 1, 2 do
      local which = (round + turn) % 2 + 1
      for _, row in ipairs(measure(builds[which], part)) do
        if not samples[1][row.name] then
          names[#names + 1] = row.name
          samples[1][row.name], samples[2][row.name] = {}, {}
        end
        table.insert(samples[which][row.name], row.us)
      end
      io.stderr:write(("against: %s, round %d of %d\r"):format(part, round, rounds))
    end
  end
  local rows = {}
  for _, name in ipairs(names) do
    if #samples[1][name] == rounds and #samples[2][name] == rounds then
      local ours, theirs = median(samples[1][name]), median(samples[2][name])
      rows[#rows + 1] = { name = name, ours = ours, theirs = theirs, ratio = ours / theirs,
        bound = 1 + (name:find("synced", 1, true) and not name:find("unsynced", 1, true) and SYNCED or UNSYNCED) }
    end
  end
  return rows
end

local function show(rows, title)
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, #row.name) end
  print(title)
  for _, row in ipairs(rows) do
    local padding = (" "):rep(width - #row.name) -- string.format pads to 99 at most
    print(("  %s%s  %10.3f  %10.3f  %5.2f%s"):format(row.name, padding, row.ours, row.theirs, row.ratio,
      row.ratio > row.bound and "  slower" or ""))
  end
end

local function outside(rows)
  local slower = {}
  for _, row in ipairs(rows) do
    if row.ratio > row.bound then slower[row.name] = row end
  end
  return slower
end

local remaining = {}
for _, part in ipairs(parts) do
  local slower
  for attempt = 1, REPEATS do
    local rows = compare(part)
    show(rows, ("%s, measurement %d: us here, us there, ratio"):format(part, attempt))
    local now = outside(rows)
    if slower then -- slower each time, or noise
      for name in pairs(slower) do if not now[name] then slower[name] = nil end end
    else
      slower = now
    end
    if not next(slower) then break end
  end
  for name, row in pairs(slower) do remaining[#remaining + 1] = ("%s: %s, %.2f"):format(part, name, row.ratio) end
end

table.sort(remaining)
print(#remaining == 0 and "no row is slower" or "slower in each of " .. REPEATS .. " measurements:\n  "
  .. table.concat(remaining, "\n  "))
os.exit(#remaining == 0 and 0 or 1)
