-- SPDX-License-Identifier: MIT
--
-- Asks stores in both ways, by the loop that decodes everything and by the one that is judged, and says where their
-- records differ.  A trial is a way to ask one of the stores, with the trace compiler on or off, and a predicate that
-- was or was not compiled before.

local cases = require "support.asked.cases"
local collections = require "support.asked.collections"
local draws = require "support.asked.draws"
local loops = require "support.asked.loops"
local record = require "support.asked.record"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

---@class asked.Trial
---@field kind string       of store
---@field way string        of asking
---@field range? table
---@field hot boolean       whether the predicate was called often before
---@field compiler boolean  whether the trace compiler is on
---@field snapshot boolean

-- ---- one trial

local function run(store, chunk, ask, trial)
  return record.of(chunk, function(predicate, body, note)
    local function go() ask(store, predicate, trial.range, body, note) end
    if not trial.snapshot then return go() end
    store:snapshot(go)
  end)
end

--- Both records of a trial.
---@param store PersistBase
---@param text string  of a chunk
---@param trial asked.Trial
---@return string[] old
---@return string[] new
function M.records(store, text, trial)
  local chunk = assert(loadstring(text, "=predicate"))
  local way = loops.ways[trial.way]
  local old = run(store, chunk, way.old, trial)
  if not trial.hot then chunk = assert(loadstring(text, "=predicate")) end
  if not trial.compiler then jit.off() end
  local ok, new = pcall(run, store, chunk, way.new, trial)
  jit.on()
  if not ok then error(new, 0) end
  return old, new
end

-- ---- what is tried

local RANGES = {
  {}, { reverse = true }, { prefix = "e" }, { from = "e20" }, { to = "e40", reverse = true }, { limit = 1 },
  { limit = 3 },
  { prefix = "f", limit = 2, reverse = true }, { from = "e11", to = "f30" }, { prefix = "g" }, { limit = 20 },
  { limit = 0 },
}

---@class asked.Session
---@field stores table<string, PersistBase>
---@field ways string[]  of asking
---@field pairs integer  of a predicate and a document that were judged
---@field trials integer
---@field hits integer   entities that were let through
---@field raised integer  errors
---@field by table<string, integer>  trials by way, and by kind of store

--- A session: stores that are used for one collection after the other.
---@param kinds string[]
---@param ways string[]
---@return asked.Session
function M.session(kinds, ways)
  local session = { stores = {}, kinds = kinds, ways = ways, pairs = 0, trials = 0, hits = 0, raised = 0, by = {} }
  for _, kind in ipairs(kinds) do session.stores[kind] = collections.open(kind) end
  return session
end

function M.close(session)
  for _, store in pairs(session.stores) do store:close() end
end

--- A trial by chance.
---@param draw asked.Draw
---@param session asked.Session
---@param kinds string[]
---@return asked.Trial
function M.trial(draw, session, kinds)
  local trial = {
    kind = pick(draw, kinds),
    way = pick(draw, session.ways),
    range = oneIn(draw, 3) and pick(draw, RANGES) or nil,
    hot = oneIn(draw, 2),
    compiler = not oneIn(draw, 3),
  }
  trial.snapshot = oneIn(draw, 12) and session.stores[trial.kind].supports.snapshot
  return trial
end

-- ---- a failure as text

local function trialText(trial)
  local range = {}
  for name, value in pairs(trial.range or {}) do range[#range + 1] = name .. " = " .. tostring(value) end
  table.sort(range)
  return ("%s over %s%s, %s, the trace compiler %s%s"):format(trial.way, trial.kind,
    range[1] and " { " .. table.concat(range, ", ") .. " }" or "", trial.hot and "hot" or "cold",
    trial.compiler and "on" or "off", trial.snapshot and ", in a snapshot" or "")
end

local function differs(store, texts, text, trial)
  if not pcall(collections.fill, store, texts) then return false end
  local ok, old, new = pcall(M.records, store, text, trial)
  return not ok or record.difference(old, new) ~= nil -- not ok: it is the loop itself that broke
end

local function differenceText(old, new)
  return ("line %s of the record\n  expected %s\n  got      %s"):format(record.difference(old, new))
end

-- What is said of a failure.
local function report(session, case, trial, happened)
  local store = session.stores[trial.kind]
  local texts, text = cases.shortest(case, function(some, shorter) return differs(store, some, shorter, trial) end)
  local lines = { ("seed %d, predicate %d: %s"):format(case.seed, case.number, trialText(trial)) }
  if not texts then
    lines[2] = "it did not happen again when it was to be made shorter"
    texts, text = case.texts, case.text
  else
    collections.fill(store, texts)
    local ok, old, new = pcall(M.records, store, text, trial)
    happened = ok and differenceText(old, new) or "raised: " .. tostring(old)
  end
  lines[#lines + 1] = text .. "\n" .. cases.textOf(texts) .. "\n" .. happened
  return table.concat(lines, "\n")
end

-- ---- a collection

local MANY, FEW = 1000, 2 -- documents, and predicates that are enough for as many

local function tally(session, trial, old)
  session.trials = session.trials + 1
  for _, what in ipairs { trial.way, trial.kind } do session.by[what] = (session.by[what] or 0) + 1 end
  for _, line in ipairs(old) do
    if line:find "^got" then session.hits = session.hits + 1 end
    if line:find "^error" then session.raised = session.raised + 1 end
  end
end

--- One trial of a predicate.
---@param session asked.Session
---@param case asked.Case  its texts are those in the store
---@param trial asked.Trial
---@return string? report  where it fails
function M.judge(session, case, trial)
  local ok, old, new = pcall(M.records, session.stores[trial.kind], case.text, trial)
  if not ok then return report(session, case, trial, "raised: " .. tostring(old)) end
  tally(session, trial, old)
  if record.difference(old, new) then return report(session, case, trial, differenceText(old, new)) end
end

--- Judges the documents and predicates of a seed.
---@param session asked.Session
---@param seed integer
---@param count integer  of predicates
---@return string? report  of the first failure
function M.collection(session, seed, count)
  local draw, all = draws.fresh(seed + 500), cases.documents(seed)
  local kinds = { session.kinds[1], session.kinds[2] }
  -- The slow kinds now and then, each in its turn.
  if #all.texts < 100 then kinds[3] = session.kinds[3 + seed % (#session.kinds - 2)] end
  for _, kind in ipairs(kinds) do collections.fill(session.stores[kind], all.texts) end
  if #all.texts > MANY then count = math.min(count, FEW) end
  for number = 1, count do
    local case = cases.withPredicate(all, number)
    local found = M.judge(session, case, M.trial(draw, session, kinds))
    if found then return found end
    session.pairs = session.pairs + #all.texts
  end
end

return M
