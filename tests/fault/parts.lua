-- SPDX-License-Identifier: MIT
--
-- The parts that were run: a file in the build folder, to which each adds a line when it has ended.  A part is one run
-- of one test with one seed and certain settings, on one state of the sources.  A run that was interrupted finds there
-- what is done, and the totals count all parts of a state.
--
--     state  test  seed  settings  outcome  seconds  results
--
-- between tabs; the results are NAME=TRIED:LOST, between blanks.  A line that was cut short is no part.

local M = {}

---@alias FaultOutcome "passed"|"failed"|"skipped"

---@class FaultPart
---@field state string  the commit, and of what else the sources are
---@field test string
---@field seed integer
---@field settings string  NAME=VALUE of the environment, between blanks
---@field outcome FaultOutcome
---@field seconds number
---@field results table<string, {tried: integer, lost: integer}>

local function format(part)
  local results = {}
  for name, count in pairs(part.results) do
    results[#results + 1] = ("%s=%d:%d"):format(name, count.tried, count.lost)
  end
  table.sort(results)
  return ("%s\t%s\t%d\t%s\t%s\t%.1f\t%s\n"):format(part.state, part.test, part.seed, part.settings, part.outcome,
    part.seconds, table.concat(results, " "))
end

local function parse(line)
  local state, test, seed, settings, outcome, seconds, rest =
    line:match("^([^\t]+)\t([^\t]+)\t(%d+)\t([^\t]*)\t(%l+)\t([%d.]+)\t([^\t]*)$")
  if not state then return nil end
  local part = { state = state, test = test, seed = tonumber(seed), settings = settings, outcome = outcome,
    seconds = tonumber(seconds), results = {} }
  for name, tried, lost in rest:gmatch("(%S+)=(%d+):(%d+)") do
    part.results[name] = { tried = tonumber(tried), lost = tonumber(lost) }
  end
  return part
end

--- The parts of a state of the sources, as they were run; none if there is no such file.
---@param path string
---@param state string
---@return FaultPart[]
function M.read(path, state)
  local file, parts = io.open(path, "rb"), {}
  if not file then return parts end
  for line in file:read("*a"):gmatch("([^\n]*)\n") do
    local part = parse(line)
    if part and part.state == state then parts[#parts + 1] = part end
  end
  file:close()
  return parts
end

--- Adds one, in one piece.
---@param path string
---@param part FaultPart
function M.append(path, part)
  local file = assert(io.open(path, "a+b"))
  local size = file:seek("end")
  file:seek("set", math.max(size - 1, 0))
  local isTorn = size > 0 and file:read(1) ~= "\n" -- by a kill or a full disk: it is no part, and spoils no other
  file:seek("end")
  assert(file:write((isTorn and "\n" or "") .. format(part)))
  assert(file:close())
end

---@param test string
---@param seed integer
---@param settings string
---@return string
function M.key(test, seed, settings) return test .. "\t" .. seed .. "\t" .. settings end

--- The keys of those that passed.
---@param parts FaultPart[]
---@return table<string, boolean>
function M.done(parts)
  local done = {}
  for _, part in ipairs(parts) do
    if part.outcome == "passed" then done[M.key(part.test, part.seed, part.settings)] = true end
  end
  return done
end

-- Each part once: the last that passed, or else the last.
local function latest(parts)
  local order, byKey = {}, {}
  for _, part in ipairs(parts) do
    local key = M.key(part.test, part.seed, part.settings)
    if not byKey[key] then order[#order + 1] = key end
    if not byKey[key] or byKey[key].outcome ~= "passed" or part.outcome == "passed" then byKey[key] = part end
  end
  local list = {}
  for i, key in ipairs(order) do list[i] = byKey[key] end
  return list
end

---@class FaultTotal
---@field tried integer
---@field lost integer
---@field seeds integer[]  of the parts that count, sorted
---@field parts integer  how many passed
---@field failed integer[]  seeds of those that failed, and did not pass when they were run again
---@field skipped boolean  it was, and never ran

--- What all parts say of a promise.
---@param parts FaultPart[]
---@param promise string
---@param test string  the test that makes it
---@return FaultTotal
function M.total(parts, promise, test)
  local total = { tried = 0, lost = 0, seeds = {}, parts = 0, failed = {}, skipped = false }
  local seen = {}
  for _, part in ipairs(latest(parts)) do
    if part.test == test then
      local count = part.results[promise]
      if count then total.tried, total.lost = total.tried + count.tried, total.lost + count.lost end
      if part.outcome == "failed" then table.insert(total.failed, part.seed) end
      if part.outcome == "skipped" then total.skipped = true end
      if part.outcome == "passed" then total.parts = total.parts + 1 end
      if part.outcome == "passed" and not seen[part.seed] then
        seen[part.seed] = true
        table.insert(total.seeds, part.seed)
      end
    end
  end
  total.skipped = total.skipped and total.parts == 0 and #total.failed == 0
  table.sort(total.seeds)
  table.sort(total.failed)
  return total
end

--- Numbers in words: "1-40, 55".
---@param numbers integer[]  sorted
---@return string
function M.ranges(numbers)
  local words, i = {}, 1
  while numbers[i] do
    local last = i
    while numbers[last + 1] == numbers[last] + 1 do last = last + 1 end
    words[#words + 1] = last == i and tostring(numbers[i]) or numbers[i] .. "-" .. numbers[last]
    i = last + 1
  end
  return table.concat(words, ", ")
end

--- The way back.
---@param text string
---@return integer[]
function M.numbers(text)
  local list = {}
  for first, last in text:gmatch("(%d+)%-?(%d*)") do
    for number = tonumber(first), tonumber(last) or tonumber(first) do list[#list + 1] = number end
  end
  return list
end

return M
