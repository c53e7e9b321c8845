-- SPDX-License-Identifier: MIT
--
-- The conformance kit: whether a backend keeps the contract.  `holdfast test` runs it
-- from the command line; in a test file of busted:
--
--     local conformance = require "holdfast.conformance"
--     conformance.suite { name = "MyPersist", class = require "my_persist" }
--
-- and with any other test framework conformance.run { ... } gives a report as a table.
--
-- A target is one of
--     class    a class made with PersistBase:extend() or by extending a store
--     path     a file that returns such a class
--     url      a store URL
--     factory  function(entityName, base) that returns an instance
--
-- Every check has entity names, and where the target takes one a base, of its own, and what it leaves is removed.
-- What is skipped follows from what the store declares in `supports` and from the kind of target,
-- never from the caller.

local context = require "holdfast.conformance.context"
local core = require "holdfast.core"
local load = require "holdfast.load"
local PersistBase = require "holdfast.PersistBase"
local processes = require "holdfast.conformance.processes"
local report = require "holdfast.conformance.report"
local classes = require "holdfast.class"

-- In an order of dependence, as are the checks of each: what a check needs, those before it have tested.  So the first
-- that fails is the one to begin with.
local GROUPS = {
  { "template", "the reference's test template" },
  { "contract", "contract" },
  { "transactions", "transactions" }, -- of which batches may be made
  { "batches", "batches" }, -- of which loops may be made
  { "identity", "ids and names" },
  { "values", "values" },
  { "lifecycle", "states" },
  { "iteration", "loops" },
  { "asking", "questions" },
  { "conditions", "conditions of a class" },
  { "capabilities", "capabilities" },
  { "indexes", "indexes" },
  { "unique", "unique indexes" },
  { "expiry", "expiry" },
  { "changes", "the log of changes" },
  { "past", "looking back" },
  { "concurrency", "other processes" },
  { "failures", "storage that fails" },
}

local M = { report = report }

---@class holdfast.conformance.Options
---@field name? string         what the report calls it
---@field class? table
---@field path? string
---@field url? string
---@field factory? fun(entityName: string, base: string): PersistBase
---@field base? string         a directory, or what else the class takes as base; checks get bases below it
---@field fail? fun(instance: PersistBase): fun()  makes the instance's storage fail until what it returns is called
---@field only? string         only checks whose group or name contain this (a Lua pattern)
---@field entities? integer    how many are "many" (2500: above the page size of most services)
---@field timeout? number      seconds that a check may take (30); a class's C calls that block are not interrupted
---@field onResult? fun(result: table)  called after each check

local function refuse(...) error(core.error("invalid_argument", string.format(...)), 0) end

-- ---- checks

local checks

--- All checks, in order: {group=, name=, method=, needs=, ...}.
---@return table[]
function M.checks()
  if checks then return checks end
  checks = {}
  for _, group in ipairs(GROUPS) do
    local file, title = group[1], group[2]
    require("holdfast.conformance." .. file)(function(name, options, run)
      options.group, options.name, options.run = title, name, run
      checks[#checks + 1] = options
    end)
  end
  return checks
end

-- ---- targets

local function temporary()
  local path = os.tmpname()
  os.remove(path)
  return path .. "-conformance"
end

-- What the checks work with: open(entityName, base), newBase(), class, source (Lua text of a function like open, for
-- other processes).
local function makeTarget(options)
  local kinds = {}
  for _, kind in ipairs { "class", "path", "url", "factory" } do
    if options[kind] ~= nil then kinds[#kinds + 1] = kind end
  end
  if #kinds ~= 1 then
    refuse("give one of class, path, url and factory, not %s", #kinds == 0 and "none" or table.concat(kinds, " and "))
  end
  local target = { temporary = options.base == nil and temporary() or nil }
  local root, made = options.base or target.temporary, 0
  function target.newBase()
    made = made + 1
    return string.format("%s/%d", root, made)
  end

  local class = options.class
  if options.path then
    class = load.file(options.path)
    target.source = string.format("assert(loadfile(%q))()", options.path)
  end
  if class then
    if not classes.isClass(class) then
      refuse("class must be a class made with holdfast.PersistBase:extend(\"Name\"), not a %s", type(class))
    end
    if not classes.isNative(class) then classes.checkComplete(class) end
    target.class = class
    target.name = class.className
    target.poison, target.fail = class.conformancePoison, class.conformanceFail
    target.open = function(entityName, base) return class(entityName, base) end
  elseif options.factory then
    target.name = "a factory"
    target.open = options.factory
  elseif options.url:match("^lua:") and not options.url:find("[?&]base=") then
    target.name = core.redact(options.url)
    target.source = string.format([[function(n, b)
      local escaped = b:gsub("[%%%%&?]", function(c) return ("%%%%%%02X"):format(c:byte()) end)
      return require("holdfast").PersistBase(n, %q .. escaped)
    end]], options.url .. (options.url:find("?", 1, true) and "&base=" or "?base="))
    target.open = assert(loadstring("return " .. target.source))()
  else
    target.name = core.redact(options.url)
    target.source = string.format("function(n) return require('holdfast').PersistBase(n, %q) end", options.url)
    target.open = function(entityName) return PersistBase(entityName, options.url) end
    target.newBase = nil
  end
  target.fail = options.fail or target.fail
  return target
end

-- ---- running

-- Compiled code does not look at hooks: what is tested is interpreted, so that a loop without end can be ended.
local function interpret(class)
  while class and not classes.isNative(class) do
    for _, method in pairs(class) do
      if type(method) == "function" then pcall(jit.off, method, true) end
    end
    class = classes.record(class).parent
  end
end

local function withLimit(seconds, fn, ...)
  local clock = require("holdfast.util.clock").now
  local limit = clock() + seconds
  debug.sethook(function()
    if clock() > limit then -- again and again: what is raised may be caught, and what goes on goes round for ever
      error(core.error("timeout", string.format("the check did not end within %g seconds "
        .. "(the option timeout gives it more, entities makes \"many\" fewer)", seconds)), 0)
    end
  end, "", 100000)
  local ok, raised = xpcall(fn, function(raised)
    if getmetatable(raised) == context.Failure then return raised end
    return core.traceback(raised)
  end, ...)
  debug.sethook()
  return ok, raised
end

-- "file.lua:12" of the method of a class.
local function lineOf(target, method)
  local class = target.class
  if not class or not method then return nil end
  local ok, fn = pcall(classes.ownMethod, class, method)
  if not ok or not fn then return nil end
  local info = debug.getinfo(fn, "S")
  return info.linedefined > 0 and string.format("%s:%d", info.source:gsub("^@", ""), info.linedefined) or nil
end

-- Without the lines of the kit and the runtime.
local function ownTraceback(traceback)
  local kept = {}
  for line in (traceback or ""):gmatch("[^\n]+") do
    if not line:find("holdfast/conformance", 1, true) and not line:find("[holdfast ", 1, true)
      and not line:find("[C]", 1, true) and not line:find("/lua/holdfast/", 1, true) then
      kept[#kept + 1] = line
    end
  end
  return #kept > 1 and table.concat(kept, "\n") or nil
end

local function explain(result, raised, check, target, t)
  result.status = "failed"
  result.why = check.why
  result.method = t.method or check.method
  if getmetatable(raised) == context.Failure then
    result.message, result.expected, result.got = raised.message, raised.expected, raised.got
    result.where = t.where
  else
    result.message = string.format("%s: %s", raised.code, raised.message)
    result.where = raised.where
    -- The error's own line, unless it is one of ours.
    if result.where and result.where:find("conformance", 1, true) then result.where = nil end
    result.traceback = ownTraceback(raised.cause and tostring(raised.cause) or raised.traceback)
  end
  result.where = result.where or lineOf(target, result.method)
end

-- Why a check does not apply, or nil; the second result says that this needs no words.
local function skipReason(check, target, supports)
  if check.needs and not supports[check.needs] then return "supports." .. check.needs .. " is not declared", true end
  if check.lacks and supports[check.lacks] then return "supports." .. check.lacks .. " is declared", true end
  if check.alsoNeeds and not supports[check.alsoNeeds] then
    return "supports." .. check.alsoNeeds .. " is not declared", true
  end
  if check.needsBase and not target.newBase then return "the target is one store: there is no other base" end
  if check.needsProcess and not processes.possible(target) then
    return "another process cannot open this target: give a path or a url"
  end
  if check.needsPoison and target.poison == nil then
    return "the class names no value that its storage refuses: conformancePoison", not target.class
  end
  if check.needsFail and not target.fail then
    return "nothing says how to make the storage fail: conformanceFail in the class, or the option fail",
      not target.class
  end
  if check.needsConditions and not target.knowsConditions then
    return "the class evaluates no conditions: `conditions` is not true", true
  end
  return check.notTested
end

local runs = 0

-- Runs one check and returns its result.
local function runCheck(check, target, supports, options, number)
  local result = {
    group = check.group, name = check.name, capability = check.needs or check.lacks, status = "passed", seconds = 0,
  }
  local reason, silent = skipReason(check, target, supports)
  if reason then
    result.status, result.message, result.silent = "skipped", reason, silent
    return result
  end
  local clock = require("holdfast.util.clock").now
  local started = clock()
  local base = target.newBase and target.newBase() or ""
  local name = string.format("conformance-%d-%d-%d", os.time() % 1000000, runs, number)
  local t = context.new(target, base, name, supports, options)
  local ok, raised = withLimit(options.timeout, check.run, t)
  if not ok then explain(result, raised, check, target, t) end
  withLimit(options.timeout, t.cleanUp, t)
  result.seconds = clock() - started
  return result
end

local function settings(options)
  if type(options) ~= "table" then refuse("give a table such as {class = MyPersist}, not a %s", type(options)) end
  for name in pairs(options) do
    local known = { name = 1, class = 1, path = 1, url = 1, factory = 1, base = 1, only = 1, entities = 1, timeout = 1,
      onResult = 1, fail = 1 }
    if not known[name] then
      refuse("there is no option '%s': name, class, path, url, factory, base, fail, only, entities, timeout and "
        .. "onResult exist", tostring(name))
    end
  end
  return {
    entities = options.entities or 2500, timeout = options.timeout or 30, only = options.only, base = options.base,
    onResult = options.onResult or function() end,
  }
end

-- What the target declares.
local function supportsOf(target)
  local store = target.open("conformance-probe", target.newBase and target.newBase() or "")
  local supports, kind = store.supports, getmetatable(store)
  target.knowsConditions = kind.isScript and classes.knowsConditions(kind.class)
  store:close()
  if type(supports) ~= "table" then
    refuse("%s makes no instance of PersistBase: its `supports` is a %s", target.name, type(supports))
  end
  return supports
end

local function wanted(check, only)
  return not only or (check.group .. ": " .. check.name):lower():find(only:lower()) ~= nil
end

local function discard(target)
  if target.temporary then os.execute(string.format("rm -rf -- '%s'", target.temporary)) end
end

--- Runs the checks.
---@param options holdfast.conformance.Options
---@return table report  {name=, passed=, failed=, skipped=, seconds=, supports=, results={{group=, name=, status=,
--- ...}}}
---@raise invalid_argument, not_found, script: the target cannot be tested
function M.run(options)
  local chosen, target = settings(options), makeTarget(options)
  local clock = require("holdfast.util.clock").now
  local found = { name = options.name or target.name, results = {}, passed = 0, failed = 0, skipped = 0 }
  local started = clock()
  runs = runs + 1
  found.supports = supportsOf(target)
  if target.class then interpret(target.class) end
  for number, check in ipairs(M.checks()) do
    if wanted(check, chosen.only) then
      local result = runCheck(check, target, found.supports, chosen, number)
      found.results[#found.results + 1] = result
      found[result.status] = found[result.status] + 1
      chosen.onResult(result)
    end
  end
  discard(target)
  found.seconds = clock() - started
  return found
end

--- Defines describe() and it() of busted for every check; skipped ones are pending.
---@param options holdfast.conformance.Options
function M.suite(options)
  local env = getfenv(2)
  local describe, it, pending, teardown = env.describe, env.it, env.pending, env.teardown
  if not describe or not it then refuse("conformance.suite is called in a test file of busted") end
  local chosen, target = settings(options), makeTarget(options)
  local supports = supportsOf(target)
  runs = runs + 1
  if target.class then interpret(target.class) end
  describe((options.name or target.name) .. " conforms:", function()
    for number, check in ipairs(M.checks()) do
      if wanted(check, chosen.only) then
        local title = check.group .. ": " .. check.name
        local reason, silent = skipReason(check, target, supports)
        if reason then
          if not silent then pending(title .. ": " .. reason) end
        else
          it(title, function()
            local result = runCheck(check, target, supports, chosen, number)
            if result.status ~= "failed" then return end
            local lines = { result.message }
            for _, field in ipairs { "expected", "got", "why", "where" } do
              if result[field] then lines[#lines + 1] = field .. ": " .. result[field] end
            end
            error(table.concat(lines, "\n"), 0)
          end)
        end
      end
    end
    teardown(function() discard(target) end)
  end)
end

return M
