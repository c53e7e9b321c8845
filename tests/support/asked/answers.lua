-- SPDX-License-Identifier: MIT
--
-- The answers of conditions, one by one, beside what the function does with the decoded value.  "no" and "yes" must be
-- what it gives, without an error and without an effect; where the answer is "raises" it must raise.

local condition = require "holdfast.condition"
local core = require "holdfast.core"
local holdfast = require "holdfast"
local cases = require "support.asked.cases"
local collections = require "support.asked.collections"
local loops = require "support.asked.loops"
local record = require "support.asked.record"

local M = {}

local decode, test, format = holdfast.json.decode, core.condition.test, string.format
local pcall, error, tostring, type = pcall, error, tostring, type
local create, resume, status = coroutine.create, coroutine.resume, coroutine.status

local MOST = 50 -- documents for a predicate

---@class asked.Counts
---@field no integer
---@field yes integer
---@field raises integer
---@field ask integer

-- Calls it in a coroutine, and counts how often it yields there.
local function called(predicate, value, id)
  local yields, ok, result = 0, nil, nil
  local co = create(function() ok, result = pcall(predicate, value, id) end)
  while true do
    local alive, raised = resume(co)
    if not alive then error(raised, 0) end
    if status(co) == "dead" then return ok, result, yields end
    yields = yields + 1
  end
end

-- What is wrong with an answer; nil if nothing is.
local function problem(answer, ok, result, effects)
  if answer == "raises" then return ok and "it gives " .. record.text(result) or nil end
  if not ok then return "it raises " .. tostring(result) end
  if (answer == "yes") ~= not not result then return "it gives " .. record.text(result) end
  return effects
end

-- The effects of a call, as far as they can be seen: what was noted, variables, and a field that only predicates set.
local function state(variables, value, notes)
  local seen = type(value) == "table" and value.seen or nil
  return format("%s %s %d", record.text(variables()), record.text(seen), notes)
end

-- Compares the answers for all documents in turn, with the body of the loop in between.
local function compare(functions, texts, notes, counts)
  local predicate, body, variables = functions[1], functions[2], functions[3]
  local ids = loops.withId(predicate) or debug.getinfo(predicate, "u").nparams == 0 -- as the command does
  local asked = condition.of(predicate, ids and 2 or 1)
  local n = 0
  for i = 1, #texts do
    local id, text = collections.id(i), texts[i]
    local answer, reason = "ask", nil
    if asked and asked:changed() == nil then asked = nil end -- as a loop does
    if asked then answer, reason = test(asked.condition, id, text) end
    local value = decode(text)
    local before = answer ~= "ask" and answer ~= "raises" and state(variables, value, #notes)
    local ok, result, yields = called(predicate, value, ids and id or nil)
    if answer ~= "ask" then
      local effects = before and (before ~= state(variables, value, #notes) or yields > 0) and "it has effects" or nil
      local found = problem(answer, ok, result, effects)
      local why = reason and ": " .. reason or ""
      if found then return format("%s: the answer is %s%s, but %s", text, answer, why, found) end
    end
    counts[answer] = counts[answer] + 1
    if ok and result then
      n = n + 1
      pcall(body, n, value)
    end
  end
end

-- Has the trace compiler compile a predicate, before anybody has read it.
local function heat(chunk, texts)
  record.of(chunk, function(predicate)
    for i = 1, #texts do pcall(predicate, decode(texts[i]), collections.id(i)) end
  end)
end

-- What is wrong with the first answer for a chunk that is wrong.
local function judge(text, texts, hot, counts)
  local chunk = assert(loadstring(text, "=predicate"))
  if hot then heat(chunk, texts) end
  local found
  record.of(chunk, function(predicate, body, _, variables, notes)
    found = compare({ predicate, body, variables }, texts, notes, counts)
  end)
  return found
end

--- Judges the answers for the documents and predicates of a seed.
---@param seed integer
---@param count integer        of predicates
---@param counts asked.Counts  of answers, which are added to
---@return string? report      of the first failure
function M.collection(seed, count, counts)
  local all = cases.documents(seed)
  for i = #all.texts, MOST + 1, -1 do all.texts[i] = nil end
  for number = 1, count do
    local case, hot = cases.withPredicate(all, number), number % 2 == 0
    local found = judge(case.text, case.texts, hot, counts)
    if found then
      local none = { no = 0, yes = 0, ask = 0, raises = 0 }
      local function fails(some, shorter) return judge(shorter, some, hot, none) ~= nil end
      local texts, text = cases.shortest(case, fails)
      if texts then found = judge(text, texts, hot, none) end
      return ("seed %d, predicate %d%s\n%s\n%s"):format(seed, number, hot and ", hot" or "", text or case.text, found)
    end
  end
end

return M
