-- SPDX-License-Identifier: MIT
--
-- Fields of entities as SQL over the column `data`, or over the document that is wrapped in it.  What is written into a statement is ours; names of fields come in
-- by `give`, which makes a parameter of them, or a literal in the definition of an index.
--
-- Most paths are walked by #>, in one step.  But #> takes a name that looks like a whole number for a place in an
-- array, and a place for the name of a field, and Lua takes neither.  Such paths are walked by a strict jsonpath.

local json = require "holdfast.core".json
local tables = require "holdfast.backends.postgres.table"

local M = {}

--- Makes a value of this type part of a statement.
---@alias holdfast.postgres.Give fun(type: string, text: string): string

-- Under which a document is stored that JSONB cannot hold (document.lua): nothing is known of its fields.
local WRAPPED = "$holdfast"
M.IS_WRAPPED = "data ? '" .. WRAPPED .. "'"

-- But unique indexes compare such documents as well, where the server can read their text: the -0 of one is the 0 of
-- others.  The functions are for $1, and are such that the server puts their expressions in their place.
local OF_TEXT = ("CASE WHEN jsonb_typeof($1 -> '%s') = 'string' THEN CASE WHEN $1 - '%s' = '{}'::jsonb THEN %%s END END")
  :format(WRAPPED, WRAPPED)
local IS_READABLE = ("(char_length($1 ->> '%s') <= 10000 OR $1 ->> '%s' !~ '[0-9]{255}') AND $1 ->> '%s' !~ %s")
  :format(WRAPPED, WRAPPED, WRAPPED,
    tables.literal([[\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{4}]]))

--- Functions of the server by their names: what they give, and how.
---@type table<string, {gives: string, sql: string}>
M.functions = {
  holdfast_readable_1 = { gives = "boolean", sql = "coalesce(" .. OF_TEXT:format(IS_READABLE) .. ", TRUE)" },
  holdfast_document_1 = { gives = "jsonb", sql = ("coalesce(%s, $1)"):format(OF_TEXT:format(
    ("CASE WHEN %s THEN ($1 ->> '%s')::jsonb END"):format(IS_READABLE, WRAPPED))) },
}

--- That the server can read the document.
M.IS_READABLE = "holdfast_readable_1(data)"
M.UNWRAPPED = "holdfast_document_1(data)"

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
  ---@field document string  what it is a field in, as SQL
  return setmetatable({
    path = table.concat(path),
    names = isPlain and "{" .. table.concat(names, ",") .. "}" or nil,
    document = "data",
    parent = count > 0 and M.new(steps, count - 1) or nil,
  }, Field)
end

--- The same field, also of wrapped documents, where the server can read them.
---@return holdfast.postgres.Field
function Field:unwrapped()
  return setmetatable({
    path = self.path, names = self.names, document = M.UNWRAPPED, parent = self.parent and self.parent:unwrapped(),
  }, Field)
end

--- Its value as jsonb; NULL where there is none.
---@param give holdfast.postgres.Give
---@return string
function Field:value(give)
  if not self.parent then return self.document end
  if self.names then return self.document .. " #> " .. give("text[]", self.names) end
  return ("jsonb_path_query_first(%s, %s, '{}', true)"):format(self.document, give("jsonpath", self.path))
end

--- Its value as text; NULL where there is none, or null.
---@param give holdfast.postgres.Give
---@return string
function Field:text(give)
  if self.names then return self.document .. " #>> " .. give("text[]", self.names) end
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
  return ("(%s OR %s)"):format(isNone, self.document == "data" and M.IS_WRAPPED or "NOT " .. M.IS_READABLE)
end

-- ---- in an index

-- Characters of a text that an index keeps: four fields of them fit into one of its pages, whatever they are.
M.KEPT = 100

--- What an index has of a text, given as SQL: the text, or its beginning and a digest.  Both begin as the text does, so
--- that a range of them is one of texts.
---@param text string
---@return string
function M.cut(text)
  return ("(CASE WHEN char_length(%s) <= %d THEN %s ELSE left(%s, %d) || md5(%s) END)")
    :format(text, M.KEPT, text, text, M.KEPT, text)
end

-- What a double cannot hold, or holds as a zero: casting it would fail.
local IS_ODD = "(abs((%s)::numeric) >= '1.7976931348623158e308'::numeric"
  .. " OR (abs((%s)::numeric) < '5e-324'::numeric AND (%s)::numeric <> '0'::numeric))"

--- What an index has of it, first as text: a letter for its kind, and a string itself.
---   d null   f false   k true   n a number   o one that no double holds   s... a string   t a table
---   m nothing   u what it would be in cannot be walked, or is not known
---@param give holdfast.postgres.Give
---@return string
function Field:key(give)
  local value = self:value(give)
  return ("(CASE %s WHEN 'string' THEN 's' || %s WHEN 'number' THEN CASE WHEN %s THEN 'o' ELSE 'n' END"
    .. " WHEN 'boolean' THEN CASE WHEN %s = 'true'::jsonb THEN 'k' ELSE 'f' END WHEN 'null' THEN 'd'"
    .. " WHEN 'object' THEN 't' WHEN 'array' THEN 't' ELSE CASE WHEN %s THEN 'u' ELSE 'm' END END COLLATE \"C\")")
    :format(self:type(give), M.cut("(" .. self:text(give) .. ")"), IS_ODD:format(value, value, value), value,
      self.parent:unwalkable(give))
end

--- And as a number: 0 where it is none.
---@param give holdfast.postgres.Give
---@return string
function Field:number(give)
  local value = self:value(give)
  return ("(CASE WHEN %s = 'number' THEN CASE WHEN %s THEN '0'::float8 ELSE (%s)::numeric::float8 END"
    .. " ELSE '0'::float8 END)"):format(self:type(give), IS_ODD:format(value, value, value), value)
end

return M
