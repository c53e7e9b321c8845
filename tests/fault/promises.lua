-- SPDX-License-Identifier: MIT
--
-- The promises that tests make, as the heads of their scripts state them:
--
--     # Promise NAME: WHO | WHAT HAPPENS | WHAT HOLDS
--     #   which may go on in lines that begin with three blanks
--     # Once: WHY                    the seed changes nothing, so one run is all there is
--     # Needs VARIABLE=VALUE: WHAT   it is skipped where that is not in the environment
--     # No promise: WHY              of a script in tests/fault that makes none
--
-- A head is the comment that a script begins with.  What is wrong with the heads is listed, a line each, for
-- tests/spec/project/fault_spec.lua to look at.

local M = {}

---@class FaultPromise
---@field name string
---@field who string   whose promise it is, in which mode
---@field fault string  what happens to it
---@field holds string  what holds all the same
---@field test FaultTest

---@class FaultTest
---@field name string  as ctest calls it
---@field path string  of the script, in the source tree
---@field promises FaultPromise[]
---@field once string?  why its seed changes nothing
---@field needs string?  the setting of the environment without which it is skipped
---@field without string?  why it makes no promise

---@class FaultTree
---@field tests FaultTest[]  those that make promises, or should
---@field promises FaultPromise[]  sorted by name
---@field problems string[]

local function readFile(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- The lines of the head, those that go on joined to those that they go on.
local function headOf(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    if line:sub(1, 1) ~= "#" then break end
    local more = line:match("^#   +(.*)$")
    if more and #lines > 0 then
      lines[#lines] = lines[#lines] .. " " .. more
    else
      lines[#lines + 1] = line
    end
  end
  return lines
end

local function trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", "")) end

local function isName(text) return ("-" .. text):gsub("%-[%l%d]+", "") == "" end

-- The promise of a line that begins with "# Promise", or what is wrong with it.
local function parse(line)
  local name, rest = line:match("^# Promise ([^:]*): (.*)$")
  if not name or not isName(name) then return nil, "write '# Promise NAME: WHO | WHAT HAPPENS | WHAT HOLDS'" end
  local parts = {}
  for part in (rest .. "|"):gmatch("([^|]*)|") do parts[#parts + 1] = trim(part) end
  if #parts ~= 3 or parts[1] == "" or parts[2] == "" or parts[3] == "" then
    return nil, name .. " has not three parts: WHO | WHAT HAPPENS | WHAT HOLDS"
  end
  return { name = name, who = parts[1], fault = parts[2], holds = parts[3] }
end

-- The names of which the script says `result`, as patterns: those with a variable in them may be any.  A name that it
-- hands to a function, which says it for several tests, is one too; the runner sees whether that was true.
local function saidIn(text)
  local said = {}
  for line in text:gmatch("[^\n]+") do
    local code = line:match("^%s*#") and "" or line
    for word in code:gmatch("%S+") do
      if word:find("-", 2, true) and isName(word) then said[#said + 1] = "^" .. word:gsub("%p", "%%%0") .. "$" end
    end
    for word in code:gmatch("%f[%w_]result%s+(%S+)") do
      local pattern = word:gsub('"', ""):gsub("%${[^}]*}", "\1"):gsub("%$[%w_]+", "\1"):gsub("%p", "%%%0")
      said[#said + 1] = "^" .. pattern:gsub("\1", ".*") .. "$"
    end
  end
  return said
end

local function isSaid(said, name)
  for _, pattern in ipairs(said) do
    if name:find(pattern) then return true end
  end
  return false
end

-- What a script of this path states; problems go to the list.
local function readTest(path, text, problems)
  local test = { name = path:gsub("^tests/", ""):gsub("/run%.sh$", ""):gsub("_test%.sh$", ""):gsub("%.sh$", ""),
    path = path, promises = {} }
  local function problem(what) problems[#problems + 1] = path .. ": " .. what end
  local said = saidIn(text)
  for _, line in ipairs(headOf(text)) do
    test.once = test.once or line:match("^# Once: (.+)$")
    test.needs = test.needs or line:match("^# Needs ([%u%d_]+=%S+): ")
    test.without = test.without or line:match("^# No promise: (.+)$")
    if line:find("^# Promise") then
      local promise, wrong = parse(line)
      if not promise then
        problem(wrong)
      else
        promise.test = test
        table.insert(test.promises, promise)
        if not isSaid(said, promise.name) then problem("says no result of " .. promise.name) end
      end
    end
  end
  if #test.promises == 0 and not test.without then problem("makes no promise: state it, or '# No promise: WHY'") end
  if #test.promises > 0 and test.without then problem("makes promises, and says that it makes none") end
  return test
end

-- The paths of the scripts that are tests, by the names for which tests/CMakeLists.txt looks.
local function scripts(source)
  local pipe = assert(io.popen(("cd '%s' && find tests -name '*.sh' -type f | sort"):format(source:gsub("'", "'\\''"))))
  local paths = {}
  for path in pipe:lines() do
    local base = path:match("[^/]*$")
    if base == "run.sh" or base:find("^run_.*%.sh$") or base:find("_test%.sh$") then paths[#paths + 1] = path end
  end
  pipe:close()
  return paths
end

local function sortedPromises(tests, problems)
  local list, known = {}, {}
  for _, test in ipairs(tests) do
    for _, promise in ipairs(test.promises) do
      local other = known[promise.name]
      if other then
        problems[#problems + 1] = ("%s: the promise %s is also that of %s"):format(test.path, promise.name, other.path)
      else
        known[promise.name] = test
        list[#list + 1] = promise
      end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- All promises of a source tree.
---@param source string  its folder
---@return FaultTree
function M.read(source)
  local tests, problems = {}, {}
  for _, path in ipairs(scripts(source)) do
    local text = readFile(source .. "/" .. path)
    if path:find("^tests/fault/") or text:find("\n# Promise ") then
      tests[#tests + 1] = readTest(path, text, problems)
    end
  end
  return { tests = tests, promises = sortedPromises(tests, problems), problems = problems }
end

-- Whether the word means the name: all of it, or with * for anything, or a folder that it is in.
local function means(word, name)
  if name == word or name:sub(1, #word + 1) == word .. "/" then return true end
  local pattern = word:gsub("%p", "%%%0"):gsub("%%%*", ".*")
  return word:find("*", 1, true) ~= nil and name:find("^" .. pattern .. "$") ~= nil
end

--- The promises that the words mean: names of promises or tests, of a test with or without `fault/`, or of a folder
--- of tests; `*` stands for anything.  No words mean all.
---@param tree FaultTree
---@param words string[]
---@return FaultPromise[]? promises  sorted by name
---@return string? unknown  the word that means none
function M.select(tree, words)
  if #words == 0 then return tree.promises end
  local chosen, list = {}, {}
  for _, word in ipairs(words) do
    local isKnown = false
    for _, promise in ipairs(tree.promises) do
      local test = promise.test.name
      if means(word, promise.name) or means(word, test) or means("fault/" .. word, test) then
        chosen[promise], isKnown = true, true
      end
    end
    if not isKnown then return nil, word end
  end
  for _, promise in ipairs(tree.promises) do
    if chosen[promise] then list[#list + 1] = promise end
  end
  return list
end

--- The tests of these promises, each once, in the order of their names.
---@param promises FaultPromise[]
---@return FaultTest[]
function M.testsOf(promises)
  local tests, seen = {}, {}
  for _, promise in ipairs(promises) do
    if not seen[promise.test] then
      seen[promise.test] = true
      tests[#tests + 1] = promise.test
    end
  end
  table.sort(tests, function(a, b) return a.name < b.name end)
  return tests
end

--- What a person types to have a promise tried.
---@param promise FaultPromise
---@return string
function M.command(promise)
  return (promise.test.needs and promise.test.needs .. " " or "") .. "./dev fault " .. promise.name
end

return M
