-- SPDX-License-Identifier: MIT
--
-- Stores with indexes, in which entities and indexes change at random between one question and the next, and in the
-- transaction that asks: by single writes, batches, removals, in transactions that are undone, in nested ones, and by
-- several in one commit.  Whatever is asked then is judged as without indexes (judge.lua).

local core = require "holdfast.core"
local holdfast = require "holdfast"
local cases = require "support.asked.cases"
local collections = require "support.asked.collections"
local draws = require "support.asked.draws"
local expressions = require "support.asked.expressions"
local judge = require "support.asked.judge"
local ordered = require "support.asked.ordered"
local predicates = require "support.asked.predicates"
local sharp = require "support.asked.sharp"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

M.kinds = { "lmdb", "memory" }

-- ---- indexes

-- The path of a field in the spelling of conditions.
local function spelt(path)
  local parts = { "v" }
  for i, key in ipairs(path.steps) do
    parts[i + 1] = "[" .. (type(key) == "number" and key or expressions.quoted(key)) .. "]"
  end
  return table.concat(parts)
end

-- The paths of an index: of one that has some sort of value in most documents, or any; often only one, and often the
-- one that has few entities for each value.
local function newIndex(draw, shape)
  local all, paths, steps = predicates.paths(shape), {}, {}
  for i = 1, oneIn(draw, 4) and 1 + draw(3) or 1 do
    local path = pick(draw, all)
    if (path.kind == "object" or path.kind == "array") and not oneIn(draw, 5) then path = pick(draw, all) end
    if oneIn(draw, i == 1 and 2 or 3) then path = { steps = { "key" } } end
    paths[i], steps[i] = spelt(path), path.steps
  end
  return paths, steps
end

-- A path that stands in an index twice is refused.
local function makeIndex(draw, session, store, shape)
  local list = core.indexes(store)
  if #list >= 5 then return end
  local paths, steps = newIndex(draw, shape)
  local ok, raised = pcall(core.createIndex, store, paths)
  if ok then
    session.made = session.made + 1
    for _, index in ipairs(list) do list[index.name] = true end
    for _, index in ipairs(core.indexes(store)) do
      if not list[index.name] then session.steps[index.name] = steps end
    end
  elseif not core.isError(raised, "invalid_argument") then
    error(raised, 0)
  end
end

local function dropIndex(draw, session, store)
  local list = core.indexes(store)
  if not list[1] then return end
  core.dropIndex(store, pick(draw, list).paths)
  session.dropped = session.dropped + 1
end

local function dropAll(store)
  for _, index in ipairs(core.indexes(store)) do core.dropIndex(store, index.paths) end
end

--- The names of a store's indexes, for reports.
---@param store PersistBase
---@return string
function M.names(store)
  local names = {}
  for i, index in ipairs(core.indexes(store)) do names[i] = index.name end
  return table.concat(names, " | ")
end

-- ---- changes

local MOST = 400 -- ids

local change

local function batch(draw, store, texts)
  local ids, some = {}, {}
  for i = 1, draw(40) do ids[i], some[i] = collections.id(draw(MOST)), pick(draw, texts) end
  core.writeTexts(store, ids, some)
end

-- Some changes in a transaction, which is sometimes undone.
local function part(draw, session, store, case, depth)
  return function()
    change(draw, session, store, case, depth)
    if oneIn(draw, 3) then
      session.undone = session.undone + 1
      error("undo", 0)
    end
  end
end

local function inTransaction(draw, session, store, case, depth)
  if oneIn(draw, 2) then
    local ok, raised = pcall(holdfast.transaction, part(draw, session, store, case, depth))
    if not ok and raised ~= "undo" and not tostring(raised):find "undo" then error(raised, 0) end
  else
    local parts = {}
    for i = 1, 1 + draw(3) do parts[i] = part(draw, session, store, case, depth) end
    for _, result in ipairs(holdfast.transactions(parts)) do
      if not result.ok and not tostring(result.error):find "undo" then error(result.error, 0) end
    end
  end
end

-- A few changes at random.
function change(draw, session, store, case, depth)
  for _ = 1, draw(4) do
    local way = draw(14)
    if way <= 4 then
      core.writeText(store, collections.id(draw(MOST)), pick(draw, case.texts))
    elseif way <= 6 then
      batch(draw, store, case.texts)
    elseif way <= 8 then
      store:removeMany { collections.id(draw(MOST)), collections.id(draw(MOST)) }
    elseif way == 9 and oneIn(draw, 4) then
      store:removeAll()
      batch(draw, store, case.texts)
    elseif way <= 12 and depth < 3 then
      inTransaction(draw, session, store, case, depth + 1)
    elseif way == 13 and depth == 0 then
      makeIndex(draw, session, store, case.shape)
    elseif way == 14 and depth == 0 then
      dropIndex(draw, session, store)
    end
  end
end

-- ---- questions

-- What a store has, in its order.
local function textsOf(store)
  local texts = {}
  for _, text in core.texts(store) do texts[#texts + 1] = text end
  return texts
end

local function withTexts(case, store) return setmetatable({ texts = textsOf(store) }, { __index = case }) end

-- What is wrong with the indexes of a store; nil: nothing.
local function disagreement(store)
  local count, first = core.checkIndexes(store, false)
  if count == 0 then return nil end
  local one = first[1] or { index = "?", entityId = "?", problem = "?" }
  return ("%d differences between indexes and entities, such as %s of %s: %s"):format(count, one.index, one.entityId,
    one.problem)
end

-- Notes whether a predicate is answered by an index.  One that is sharp may change variables when it is read: this one
-- has its own.
local function noteUse(session, store, case)
  local ok, predicate = pcall(assert(loadstring(case.text)), { null = holdfast.null, holdfast = holdfast,
    log = function(...) return ... end, tamper = function() end })
  local explained, explanation = pcall(store.explain, store, ok and predicate or function() end)
  local isUsed = explained and (explanation.index or (explanation.statement or ""):find "Index Cond")
  if isUsed then session.used = session.used + 1 end
end

local function ask(draw, session, store, case, trial)
  local found = judge.judge(session, withTexts(case, store), trial)
  session.pairs = session.pairs + 1
  if found then return found .. "\nwith the indexes " .. M.names(store) end
end

-- Asks in a transaction that has changed something, which is undone then, or not.
local function askInside(draw, session, store, case, trial)
  local found
  trial.snapshot = false
  local ok, raised = pcall(holdfast.transaction, function()
    change(draw, session, store, case, 1)
    found = ask(draw, session, store, case, trial)
    if oneIn(draw, 2) then error("undo", 0) end
  end)
  if not ok and not tostring(raised):find "undo" then error(raised, 0) end
  return found
end

---@class asked.IndexedSession: asked.Session
---@field made integer     indexes
---@field dropped integer
---@field undone integer   transactions
---@field used integer     predicates that an index answers
---@field walked integer   iterations in the order of an index
---@field steps table<string, any[][]>  of the paths of the indexes that were made, by their names
---@field inLua? boolean   whether the backends are

--- A session: its stores are those of judge.session.
---@param ways string[]
---@param kinds? string[]
---@return asked.IndexedSession
function M.session(ways, kinds)
  local session = judge.session(kinds or M.kinds, ways)
  session.made, session.dropped, session.undone, session.used, session.walked, session.steps = 0, 0, 0, 0, 0, {}
  return session
end

-- Before the entities are there, or after.
local function fill(draw, session, store, all)
  local function indexes()
    for _ = 1, draw(4) do makeIndex(draw, session, store, all.shape) end
  end
  dropAll(store)
  store:removeAll()
  local before = oneIn(draw, 2)
  if before then indexes() end
  collections.fill(store, all.texts)
  if not before then indexes() end
end

--- Judges the documents and predicates of a seed, with changes in between.
---@param session asked.IndexedSession
---@param seed integer
---@param count integer  of predicates
---@return string? report  of the first failure
function M.collection(session, seed, count)
  local draw = draws.fresh(seed + 700)
  local all = sharp.documents(draw, cases.documents(seed))
  for _, kind in ipairs(session.kinds) do fill(draw, session, session.stores[kind], all) end
  if #all.texts > 1000 then count = math.min(count, 3) end
  for number = 1, count do
    local case, trial = cases.withPredicate(all, number), judge.trial(draw, session, session.kinds)
    local store = session.stores[trial.kind]
    if not oneIn(draw, 3) then case = sharp.predicate(draw, case) end
    change(draw, session, store, case, 0)
    if #core.indexes(store) == 0 and not oneIn(draw, 4) then makeIndex(draw, session, store, case.shape) end
    -- A backend in Lua calls what is tampered with.
    if not (session.inLua and case.text:find "tamper%(%d") then
      local found = (oneIn(draw, 4) and askInside or ask)(draw, session, store, case, trial)
      noteUse(session, store, case)
      local problem = not found and store.supports.indexOrder
        and (disagreement(store) or ordered.problem(draw, session, store))
      if problem then found = ("seed %d, after predicate %d, in %s: %s"):format(seed, number, trial.kind, problem) end
      if found then return found end
    end
  end
end

return M
