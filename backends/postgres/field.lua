-- SPDX-License-Identifier: MIT
--
-- Fields of entities as SQL over the column `data`.  What is written into a statement is ours; names of fields come in
-- by `give`, which makes a parameter of them, or a literal in the definition of an index.
--
-- Most paths are walked by #>, in one step.  But #> takes a name that looks like a whole number for a place in an
-- array, and a place for the name of a field, and Lua takes neither.  Such paths are walked by a strict jsonpath.

local json = require "holdfast.core".json
local key = require "holdfast.backends.postgres.key"

local M = {}

--- Makes a value of this type part of a statement.
---@alias holdfast.postgres.Give fun(type: string, text: string): string

-- Under which a document is stored that JSONB cannot hold (document.lua): nothing is known of its fields.
local WRAPPED = key.WRAPPED
M.IS_WRAPPED = "data ? '" .. WRAPPED .. "'"

local LARGEST_PLACE = 2147483647

-- Whether the server takes the text for UTF-8, and for one without NUL.
local function isText(text)
  if text:find("%z") or text:find("^[\128-\191]") then return false end
  for lead, tail in text:gmatch("([\192-\255])([\128-\191]*)") do
    local byte, second = lead:byte(), tail:byte() or 0
    local length = byte < 0xC2 and 0 or byte < 0xE0 and 1 or byte < 0xF0 and 2 or byte < 0xF5 and 3 or 0
    if #tail ~= length or length == 0 then return false end
    if byte == 0xE0 and second < 0xA0 or byte == 0xED and second > 0x9F then return false end
    if byte == 0xF0 and second < 0x90 or byte == 0xF4 and second > 0x8F then return false end
  end
  return not text:find("[%z\1-\127][\128-\191]")
end
M.isText = isText

-- Whether #> may take the name for a place, as strtol() does.
local function looksLikePlace(name) return name:find("^[%s+-]*%d+$") ~= nil end

local function quoted(name) return '"' .. name:gsub('[\\"]', "\\%0") .. '"' end

local Field = {}
Field.__index = Field

--- The field at these steps, names and places from 1 on; nil where the server cannot be asked for it.
---@param steps (string|integer)[]
---@param count integer  how many of them
---@return holdfast.postgres.Field?
function M.new(steps, count)
  local names, path, isPlain = {}, { "strict $" }, true
  if steps[1] == WRAPPED then return nil end
  for i = 1, count do
    local step = steps[i]
    if type(step) == "number" then
      if step < 1 or step > LARGEST_PLACE or step % 1 ~= 0 then return nil end
      isPlain, path[i + 1] = false, ("[%d]"):format(step - 1)
    else
      if not isText(step) then return nil end
      isPlain = isPlain and not looksLikePlace(step)
      names[i], path[i + 1] = quoted(step), "." .. json.encode(step)
    end
  end
  ---@class holdfast.postgres.Field
  ---@field path string   as a strict jsonpath, which tells all apart
  ---@field names? string as an array of text, where #> walks it as Lua does
  ---@field parent? holdfast.postgres.Field  what it is a field of
  return setmetatable({
    path = table.concat(path),
    names = isPlain and "{" .. table.concat(names, ",") .. "}" or nil,
    parent = count > 0 and M.new(steps, count - 1) or nil,
  }, Field)
end

--- Its value as jsonb; NULL where there is none.
---@param give holdfast.postgres.Give
---@return string
function Field:value(give)
  if not self.parent then return "data" end
  if self.names then return "data #> " .. give("text[]", self.names) end
  return ("jsonb_path_query_first(data, %s, '{}', true)"):format(give("jsonpath", self.path))
end

--- Its value as text; NULL where there is none, or null.
---@param give holdfast.postgres.Give
---@return string
function Field:text(give)
  if self.names then return "data #>> " .. give("text[]", self.names) end
  return "(" .. self:value(give) .. ") #>> '{}'"
end

--- What jsonb_typeof() says of it.
---@param give holdfast.postgres.Give
---@return string
function Field:type(give) return "jsonb_typeof(" .. self:value(give) .. ")" end

--- True where indexing it would raise in Lua, or where nothing is known of it: it is neither an object nor an array,
--- or the row is wrapped.
---@param give holdfast.postgres.Give
---@return string
function Field:unwalkable(give)
  local isNone = self:type(give) .. " NOT IN ('object', 'array')"
  if self.parent then isNone = "coalesce(" .. isNone .. ", TRUE)" end
  return ("(%s OR %s)"):format(isNone, M.IS_WRAPPED)
end

--- What an index has of it (key.lua).
---@param give holdfast.postgres.Give
---@return string
function Field:key(give)
  return ('(%s(data, %s, %s) COLLATE "C")'):format(key.FUNCTION, give("jsonpath", self.path),
    give("jsonpath", self.parent.path))
end

return M
