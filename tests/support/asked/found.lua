-- SPDX-License-Identifier: MIT
--
-- Whether what a server finds for a condition leaves out only what the predicate surely refuses.  Each entity that is
-- not found is decoded here, and the predicate called: it must give false or nil, without an error and without an
-- effect.

local condition = require "holdfast.condition"
local holdfast = require "holdfast"
local record = require "support.asked.record"
local connections = require "holdfast.backends.mongo.connection"
local scan = require "holdfast.backends.mongo.scan"

local M = {}

local decode = holdfast.json.decode

---@class found.Counts
---@field asked integer     predicates of which the server was asked something
---@field unasked integer   others
---@field refused integer   entities that predicates refuse, where the server was asked
---@field left integer      those of them that it left out

---@class found.Store
---@field find fun(self: found.Store, query: string): string[]?, string?  the ids of what fits, or what is wrong
---@field entries fun(self: found.Store): fun(): string?, string?         ids and texts

--- A collection as the backend for MongoDB has it.
---@param url string
---@param collection string
---@return found.Store
function M.open(url, collection)
  return { connection = connections.get(url), collection = collection, find = scan.fitting, entries = scan.entries }
end

--- The texts of all entities, by their ids.
---@param store found.Store
---@return table<string, string>
function M.texts(store)
  local out = {}
  for id, text in store:entries() do out[id] = text end
  return out
end

-- The ids that the server finds.
local function found(store, asked, makeQuery)
  local values, count = asked:parameters()
  local parameters = {}
  for i = 1, count do parameters[i] = values[i] end
  local query = makeQuery(asked.expression, parameters)
  if not query then return nil end
  local ids, error = store:find(query)
  if not ids then return nil, error or "the server refuses " .. query end
  local out = {}
  for _, id in ipairs(ids) do out[id] = true end
  return out, nil, query
end

-- What is wrong with leaving out an entity; nil if nothing is.
local function wrong(predicate, text, id, variables, notes)
  local before = record.text(variables()) .. #notes
  local isReadable, value = pcall(decode, text)
  if not isReadable then return "it cannot be read" end
  local ok, result = pcall(predicate, value, id)
  if not ok then return "it raises " .. tostring(result) end
  if result then return "it gives " .. record.text(result) end
  if before ~= record.text(variables()) .. #notes then return "it has effects" end
end

local function judge(store, texts, makeQuery, counts, functions)
  local predicate, variables, notes = functions[1], functions[2], functions[3]
  local arguments = debug.getinfo(predicate, "u").nparams == 1 and 1 or 2
  local asked = condition.of(predicate, arguments)
  if not asked then return nil end
  local ids, problem, query = found(store, asked, makeQuery)
  if problem then return problem end
  counts[ids and "asked" or "unasked"] = counts[ids and "asked" or "unasked"] + 1
  if not ids then return nil end
  for id, text in pairs(texts) do
    if asked:changed() ~= false then return nil end -- by the predicate: a loop would find all again
    local what = wrong(predicate, text, arguments == 2 and id or nil, variables, notes)
    if not what then counts.refused = counts.refused + 1 end
    if not ids[id] then
      if what then return ("%s is left out, but %s\n%s"):format(text, what, query) end
      counts.left = counts.left + 1
    end
  end
end

--- What is wrong with what the server finds for the predicate of a chunk (predicates.lua); nil if nothing is.
---@param texts table<string, string>
---@param chunk string
---@param counts found.Counts  is added to
---@param makeQuery fun(where: table, parameters: any[]): string?
---@return string?
function M.problem(store, texts, chunk, counts, makeQuery)
  local problem
  record.of(assert(loadstring(chunk, "=predicate")), function(predicate, _, _, variables, notes)
    problem = judge(store, texts, makeQuery, counts, { predicate, variables, notes })
  end)
  return problem and chunk .. "\n" .. problem
end

return M
