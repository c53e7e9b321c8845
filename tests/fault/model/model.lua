-- SPDX-License-Identifier: MIT
--
-- The model of the host, by hand and for the tests:
--
--
-- FOLDER is where things may be stored.  What it has tried is said in lines "tried NAME COUNT".

package.path = assert(os.getenv "HOLDFAST_SOURCE", "HOLDFAST_SOURCE is the source folder") .. "/tests/fault/?.lua;"
  .. package.path

local explore = require "model.explore"
local histories = require "model.histories"
local parts = require "model.parts"

io.stdout:setvbuf "line"
jit.off() -- each process has functions of its own: they do not live long enough to be worth compiling

local command, folder = arg[1], arg[2]

local function say(...) io.stdout:write(string.format(...), "\n") end

local function fail(...)
  io.stderr:write("FAIL ", string.format(...), "\n")
  os.exit(1)
end

-- Crashes of a history of so many minutes.
local function crashesOn(store, seed, minutes, down)
  local options = {
    store = store, seed = seed, minutes = minutes, folder = folder, strategies = 3, down = down,
    crashes = down > 0 and 1 or nil, -- a minute lost is another history: there would be no end
  }
  local problem, counts = explore.run(options)
  if problem then fail("seed %d, store %s, %d minutes down: %s", seed, store, down, problem) end
  say("%s, started %s: %d moments, %d states, %d minutes", store, down == 0 and "at once" or "a minute later",
    counts.moments, counts.states, counts.minutes)
  return counts.states
end

local function crashes(seed, minutes, isAll)
  local _, stores = parts.all "stores"
  local total, down = 0, 0
  for i, store in ipairs(stores) do
    total = total + crashesOn(store, seed, minutes, 0)
    if isAll or seed % #stores + 1 == i then down = down + crashesOn(store, seed, minutes, 1) end
  end
  say("tried crash %d", total)
  say("tried down %d", down)
end

local function random(first, count)
  local totals = {}
  for seed = first, first + count - 1 do
    local history = histories.make(seed)
    local problem, counts = histories.live(history, folder)
    if problem then
      local short = histories.shorten(history, folder)
      local again = histories.live(short, folder)
      fail("seed %d: %s\nthis history shows it, too (model.lua replay FOLDER FILE): %s\n%s", seed, problem,
        tostring(again), histories.show(short))
    end
    for name, n in pairs(counts) do totals[name] = (totals[name] or 0) + n end
  end
  local names = {}
  for name in pairs(totals) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do say("tried %s %d", name, totals[name]) end
end

if command == "crashes" then
  crashes(tonumber(arg[3]), tonumber(arg[4]), arg[5] == "all")
elseif command == "histories" then
  random(tonumber(arg[3]), tonumber(arg[4]))
elseif command == "replay" then
  local problem = histories.live(assert(loadfile(arg[3]))(), folder)
  if problem then fail("%s", problem) end
elseif command == "mutants" then
  local caught, missed = require "model.mutants".run(folder, say, tonumber(arg[3]), tonumber(arg[4]))
  for _, name in ipairs(missed) do io.stderr:write("FAIL not caught: ", name, "\n") end
  say("tried mutant %d", caught + #missed)
  if missed[1] then os.exit(1) end
else
  fail("there is no command %s", tostring(command))
end
