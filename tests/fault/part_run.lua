-- SPDX-License-Identifier: MIT
--
-- Runs one part: a test, by ctest, so that it has the environment that it has everywhere, with a seed.  What it said
-- its promises' results are is what it appended to a file (`result` in lib.sh).

local M = {}

-- What a shell says of a program that ^C ended: by the signal itself, or by a shell that tells of it.
local SIGINT = 2

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function readFile(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  return text
end

-- The results in the file, by promise: those that were said twice are added.
local function readResults(path)
  local results = {}
  for name, tried, lost in readFile(path):gmatch("([^\t\n]+)\t(%d+)\t(%d+)[^\n]*\n") do
    local count = results[name] or { tried = 0, lost = 0 }
    results[name] = { tried = count.tried + tonumber(tried), lost = count.lost + tonumber(lost) }
  end
  return results
end

-- What is wrong with the results of a test that passed; nil: nothing.
local function missing(test, results)
  local known = {}
  for _, promise in ipairs(test.promises) do
    known[promise.name] = true
    if not results[promise.name] then return "it passed, and said no result of " .. promise.name end
  end
  for name in pairs(results) do
    if not known[name] then return "it said a result of " .. name .. ", which its head does not state" end
  end
end

---@class FaultEnd
---@field outcome FaultOutcome|"interrupted"
---@field seconds number
---@field results table<string, {tried: integer, lost: integer}>
---@field why string?  it failed, or was skipped

-- What became of it, from ctest's exit status and what the test wrote.
local function judge(test, status, log, results)
  if status == SIGINT or status == (128 + SIGINT) * 256 then return "interrupted" end
  if status ~= 0 then
    return "failed", log:match("\n%d+: FAIL ([^\n]*)") or log:match("%*%*%*Timeout[^\n]*") or "see its output"
  end
  if log:find("***Skipped", 1, true) then
    return "skipped", log:match("\n%d+: skipped: ([^\n]*)") or "it says not why"
  end
  local wrong = missing(test, results)
  return wrong and "failed" or "passed", wrong
end

--- Runs it.  Its output is in the file `log` afterwards.
---@param test FaultTest
---@param seed integer
---@param build string  the build folder
---@param log string  where its output goes
---@return FaultEnd
function M.run(test, seed, build, log)
  local said = log .. ".results"
  os.remove(said)
  local started = os.time()
  local status = os.execute(("exec env HOLDFAST_FAULT_SEED=%d HOLDFAST_FAULT_RESULTS=%s ctest --test-dir %s "
    .. "-V --no-tests=error -R %s </dev/null >%s 2>&1"):format(seed, quoted(said), quoted(build),
    quoted("^" .. test.name:gsub("[^%w/_-]", "\\%0") .. "$"), quoted(log)))
  local results = readResults(said)
  os.remove(said)
  local outcome, why = judge(test, status, readFile(log), results)
  return { outcome = outcome, why = why, results = results, seconds = os.difftime(os.time(), started) }
end

return M
