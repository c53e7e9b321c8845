-- SPDX-License-Identifier: MIT
--
-- What a line says, written and read: {"entity":"signal","id":"BTC","value":{...}}, in which the text of a value goes
-- out and comes back byte for byte; what is damaged has "damaged", which says why, and "bytes", as they were found, in
-- Base64.  What expires has "expiresAt", ms since 1970-01-01 UTC.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local base64 = require "holdfast.cli.lines.base64"
local jsonlines = require "holdfast.cli.lines.jsonlines"
local text = require "holdfast.cli.console.text"

local M = {}

-- -------------------------------------------------------------------- writing

local quote = holdfast.json.encode

--- What gives the lines about sound entities of one name.
---@param name string
---@return fun(id: string, json: string, expiresAt?: integer): string
function M.writer(name)
  local head = '{"entity":' .. quote(name) .. ',"id":'
  return function(id, json, expiresAt)
    local tail = expiresAt and string.format(',"expiresAt":%.0f}', expiresAt) or "}"
    return head .. quote(id) .. ',"value":' .. text.oneLine(json) .. tail
  end
end

--- What is damaged, as a line; nil for what no JSON text can name.
---@param name string
---@param id string
---@param damage {problem: string, bytes?: string}
---@return string?
function M.damaged(name, id, damage)
  local ok, line = pcall(text.object, "entity", name, "id", id, "damaged", text.utf8(damage.problem),
    "bytes", damage.bytes and base64.encode(damage.bytes))
  return ok and line or nil
end

--- The member that tells of indexes; "" without any.
---@param definitions holdfast.cli.Definition[]
---@return string
function M.indexes(definitions)
  local list = {}
  for i, one in ipairs(definitions) do
    list[i] = text.object("entity", one.entity, "paths", core.json.array { unpack(one.paths) }, "unique", one.unique)
  end
  return list[1] and ',"exportIndexes":[' .. table.concat(list, ",") .. "]" or ""
end

-- -------------------------------------------------------------------- reading

local function wrong(message) error(core.error("invalid_value", message), 0) end

-- What a line says is damaged.
local function parseDamaged(object)
  if type(object.damaged) ~= "string" then wrong('"damaged" must be a string that says what is wrong') end
  local bytes = object.bytes
  if bytes ~= nil then
    bytes = type(bytes) == "string" and base64.decode(bytes) or wrong('"bytes" must be text in Base64')
  end
  return { problem = object.damaged, bytes = bytes }
end

local function isDefinition(one)
  if type(one) ~= "table" or type(one.entity) ~= "string" or type(one.unique) ~= "boolean" then return false end
  if type(one.paths) ~= "table" or #one.paths == 0 then return false end
  for _, path in ipairs(one.paths) do
    if type(path) ~= "string" then return false end
  end
  return true
end

-- When the entity expires; nil: never.
local function parseExpiry(object)
  local at = object.expiresAt
  if at == nil then return nil end
  if type(at) ~= "number" or at < 1 or at >= 2 ^ 48 or at % 1 ~= 0 then
    wrong('"expiresAt" must be a time in ms since 1970-01-01 UTC')
  end
  return at
end

-- The indexes that a line tells of.
local function parseIndexes(object)
  local list = object.exportIndexes
  if list == nil then return nil end
  if type(list) ~= "table" then wrong('"exportIndexes" must be a list') end
  for _, one in ipairs(list) do
    if not isDefinition(one) then
      wrong('"exportIndexes" must be a list such as [{"entity":"signal","paths":["symbol"],"unique":false}]')
    end
  end
  return list
end

--- Takes a line apart.  Raises what is wrong with it, without the line's number.
---@param line string
---@param entityName? string  whatever the line says
---@return string? name  nil where the line is about no entity
---@return (string|number)? id
---@return string? json
---@return {problem: string, bytes?: string}? damage
---@return holdfast.cli.Definition[]? indexes
---@return integer? expiresAt
function M.parse(line, entityName)
  local object = holdfast.json.decode(line)
  if type(object) ~= "table" or holdfast.isArray(object) then
    wrong('each line must be an object such as {"entity":"signal","id":"BTC","value":{}}')
  end
  if object.exportEnd ~= nil and object.id == nil then return nil end -- of an export of nothing
  local name, id = entityName or object.entity, object.id
  if name == nil then wrong('"entity" is missing: add it, or give --entity NAME') end
  if type(name) ~= "string" then wrong('"entity" must be a string') end
  if id == nil then wrong('"id" is missing') end
  if type(id) ~= "string" and type(id) ~= "number" then wrong('"id" must be a string or a number') end
  local indexes = parseIndexes(object)
  if object.value ~= nil then return name, id, jsonlines.member(line, "value"), nil, indexes, parseExpiry(object) end
  if object.damaged == nil then wrong('"value" is missing') end
  return name, id, nil, parseDamaged(object), indexes
end

return M
