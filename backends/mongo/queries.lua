-- SPDX-License-Identifier: MIT
--
-- Queries as sets of documents, which can be united and cut: each is MongoDB's query document as JSON text, or
-- everything, or nothing.  Values go in as JSON and out as BSON (writer.lua), never as anything that is parsed for
-- operators.

local core = require "holdfast.core"

local concat, ipairs, max, sort = table.concat, ipairs, math.max, table.sort

local M = {}

-- Of one query: its operators, and how deep they are in each other.  Beyond that it is everything: always right.
local SIZE_MAX, DEPTH_MAX = 400, 30

---@class holdfast.mongo.Query
---@field text string
---@field size integer
---@field depth integer
---@field any? holdfast.mongo.Query[]  what it is the union of
---@field all? holdfast.mongo.Query[]  what it is the cut of

M.ALL, M.NONE = { text = "{}", size = 0, depth = 0 }, { text = '{"$nor":[{}]}', size = 0, depth = 0 }
local ALL, NONE = M.ALL, M.NONE

--- A name or a value as JSON.
function M.json(value) return core.json.encode(value) end

--- The documents in which a field fits an operator: field("data.n", "$gt", "5").
---@param key string
---@param operator string
---@param json string  its value
---@return holdfast.mongo.Query
function M.field(key, operator, json)
  local fits = operator == "$eq" and json or ('{"%s":%s}'):format(operator, json)
  return { text = ("{%s:%s}"):format(M.json(key), fits), size = 1, depth = 1 }
end

--- Likewise where it fits two operators at once; in an array, each may fit another element.
function M.both(key, first, firstJson, second, secondJson)
  local text = ('{%s:{"%s":%s,"%s":%s}}'):format(M.json(key), first, firstJson, second, secondJson)
  return { text = text, size = 2, depth = 1 }
end

-- The members of a union or a cut, each once and with those of its members that are of the same kind, and how much they
-- are together; `neutral` is left out.
local function collect(list, kind, neutral)
  local out, seen, size, depth = {}, {}, 1, 0
  local function add(query)
    if query[kind] then
      for _, member in ipairs(query[kind]) do add(member) end
    elseif query ~= neutral and not seen[query.text] then
      seen[query.text] = true
      out[#out + 1] = query
      size, depth = size + query.size, max(depth, query.depth)
    end
  end
  for _, query in ipairs(list) do add(query) end
  return out, size, depth + 1
end

local function combine(operator, kind, neutral, ...)
  local list = { ... }
  local members, size, depth = collect(list, kind, neutral)
  if #members == 0 then return neutral end
  if #members == 1 then return members[1] end
  if size > SIZE_MAX or depth > DEPTH_MAX then return nil end
  local texts = {}
  for i, member in ipairs(members) do texts[i] = member.text end
  return { text = ('{"%s":[%s]}'):format(operator, concat(texts, ",")), size = size, depth = depth, [kind] = members }
end

--- The documents that are in one of some queries.
---@param ... holdfast.mongo.Query
---@return holdfast.mongo.Query
function M.any(...)
  for _, query in ipairs { ... } do
    if query == ALL then return ALL end
  end
  return combine("$or", "any", NONE, ...) or ALL
end

--- The documents that are in all of some queries, or a few more.
---@param ... holdfast.mongo.Query
---@return holdfast.mongo.Query
function M.all(...)
  for _, query in ipairs { ... } do
    if query == NONE then return NONE end
  end
  local cut = combine("$and", "all", ALL, ...)
  if cut then return cut end
  -- Too large: the smallest of them alone.
  local list = { ... }
  sort(list, function(a, b) return a.size < b.size end)
  for _, query in ipairs(list) do
    if query ~= ALL then return query end
  end
  return ALL
end

return M
