-- SPDX-License-Identifier: MIT
--
-- What an index has of a field, as a text: a letter for the kind, and the value, so that the order of bytes is that of
-- values.
--   d  null           f  false          k  true           t  an object or array
--   n  a number: the bits of the double that it rounds to, in hexadecimal digits
--   o  a number that no double holds, or that is not 0 and rounds to it
--   s  a string, of a long one the beginning and a digest
--   m  nothing        u  what it would be in cannot be walked, or the server cannot read the document
--
-- A function of the server makes it of a document, in one step and also of one that is wrapped (document.lua), so that
-- a unique index compares the -0 in it with the 0 of others.

local ffi = require "ffi"
local leads = require "holdfast.backends.postgres.lead"

local M = {}

--- Under which a document is stored that JSONB cannot hold.
M.WRAPPED = "$holdfast"

--- The function.  Indexes are made of it: another one needs another name.
M.FUNCTION = "holdfast_key_1"
M.SIGNATURE = M.FUNCTION .. "(jsonb,jsonpath,jsonpath)"

-- Characters of a string that are kept: four fields of them fit into a page of an index, whatever they are.
local KEPT = 100

local BODY = [[
DECLARE
  value jsonb;
  content text;
  number numeric;
BEGIN
  IF document ? '$holdfast' AND jsonb_typeof(document -> '$holdfast') = 'string' THEN
    IF document - '$holdfast' = '{}' THEN
      content := document ->> '$holdfast';
      IF content ~ '[\\]u0000|[\\]u[dD][89a-fA-F]|[eE][+-]?[0-9]{4}'
        OR (char_length(content) > 10000 AND content ~ '[0-9]{255}') THEN
        RETURN 'u';
      END IF;
      document := content::jsonb;
    END IF;
  END IF;
  value := jsonb_path_query_first(document, path, '{}', true);
  CASE jsonb_typeof(value)
    WHEN 'string' THEN
      content := value #>> '{}';
      IF char_length(content) > KEPT THEN content := left(content, KEPT) || md5(content); END IF;
      RETURN 's' || content;
    WHEN 'number' THEN
      number := value::numeric;
      IF number = 0 THEN RETURN 'n8000000000000000'; END IF;
      IF abs(number) >= 1.7976931348623158e308 OR abs(number) < 5e-324 THEN RETURN 'o'; END IF;
      content := encode(float8send(number::float8), 'hex');
      IF number < 0 THEN RETURN 'n' || translate(content, '0123456789abcdef', 'fedcba9876543210'); END IF;
      RETURN 'n' || translate(left(content, 1), '01234567', '89abcdef') || substr(content, 2);
    WHEN 'boolean' THEN
      RETURN CASE WHEN value = 'true' THEN 'k' ELSE 'f' END;
    WHEN 'null' THEN
      RETURN 'd';
    WHEN 'object', 'array' THEN
      RETURN 't';
    ELSE
      value := jsonb_path_query_first(document, parent, '{}', true);
      RETURN CASE WHEN jsonb_typeof(value) IN ('object', 'array') THEN 'm' ELSE 'u' END;
  END CASE;
END]]

--- The statement that makes the function.
M.DEFINITION = "CREATE FUNCTION " .. M.FUNCTION .. "(document jsonb, path jsonpath, parent jsonpath) RETURNS text"
  .. " LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$" .. BODY:gsub("KEPT", KEPT) .. "$function$"

--- That the server can read a document, as SQL over `data`.
M.IS_READABLE = M.FUNCTION .. "(data, 'strict $'::jsonpath, 'strict $'::jsonpath) <> 'u'"

-- ---- of what is asked for

local INVERTED = {}
for i = 0, 15 do INVERTED[("%x"):format(i)] = ("%x"):format(15 - i) end

local bits = ffi.new("union { double number; struct { uint32_t low, high; } parts; }")

--- What an index has of a number that is no NaN; of one that is infinite what would stand beyond all others.
---@param number number
---@return string
function M.ofNumber(number)
  bits.number = number == 0 and 0 or number
  local parts = ffi.abi("le") and { bits.parts.high, bits.parts.low } or { bits.parts.low, bits.parts.high }
  local hex = bit.tohex(parts[1]) .. bit.tohex(parts[2])
  if number < 0 then return "n" .. hex:gsub("%x", INVERTED) end
  return "n" .. ("%x"):format(tonumber(hex:sub(1, 1), 16) + 8) .. hex:sub(2)
end

local ODD = leads.points { "o" } -- which round to zeros, or to what is infinite

--- Ranges of what it has of the numbers that are as the operator says.
---@param operator "<"|"<="|">"|">="
---@param number number
---@return table
function M.ofNumbers(operator, number)
  local key = M.ofNumber(number)
  if operator == "<" then return leads.union(leads.range("n", key), ODD) end
  if operator == "<=" then return leads.union(leads.range("n", leads.after(key)), ODD) end
  return leads.union(leads.range(operator == ">" and leads.after(key) or key, "o"), ODD)
end

-- The first characters of a text, and whether there are more.
local function head(text)
  local count, at = 0, 1
  while at <= #text do
    if count == KEPT then return text:sub(1, at - 1), true end
    local byte = text:byte(at)
    at, count = at + (byte < 0xC0 and 1 or byte < 0xE0 and 2 or byte < 0xF0 and 3 or 4), count + 1
  end
  return text, false
end

-- Up to where a cut text lies with its digest.
local AFTER_DIGESTS = "g"

--- Ranges of what it has of a text: of a long one, of all that begin as it does.
---@param text string
---@return table
function M.ofText(text)
  local kept, isLong = head(text)
  if not isLong then return leads.points { "s" .. text } end
  return leads.range("s" .. kept, "s" .. kept .. AFTER_DIGESTS)
end

--- Ranges of what it has of all texts that begin with one.
---@param text string
---@return table
function M.ofBeginning(text)
  local kept = head(text)
  local before, last = kept:match("^(.-)([%z\1-\126])[\127-\255]*$") -- a character that has a next one
  return leads.range("s" .. kept, last and "s" .. before .. string.char(last:byte() + 1) or "t")
end

--- Ranges of what it has of the texts that are as the operator says.
---@param operator "<"|"<="|">"|">="
---@param text string
---@return table
function M.ofTexts(operator, text)
  local kept = head(text)
  if operator == "<" or operator == "<=" then return leads.range("s", "s" .. kept .. AFTER_DIGESTS) end
  return leads.range("s" .. kept, "t")
end

return M
