-- SPDX-License-Identifier: MIT
--
-- The members of JSON texts in the order in which they are stored, each as its own text: decoded tables have lost that
-- order, and the spelling of numbers.  The texts come from stores, so they are valid; nothing here checks them.

local core = require "holdfast.core"

local decode = core.json.decode

local M = {}

local QUOTE, OPEN_ARRAY, OPEN_OBJECT = ('"'):byte(), ("["):byte(), ("{"):byte()

-- Where the next thing begins.
local function skip(json, at) return json:find("[^ \t\r\n,:]", at) or #json + 1 end

-- Where it goes on after the string that begins here.
local function afterString(json, at)
  at = at + 1
  while true do
    at = json:find('["\\]', at)
    if json:byte(at) == QUOTE then return at + 1 end
    at = at + 2
  end
end

-- Where it goes on after the value that begins here.
local function afterValue(json, at)
  local first = json:byte(at)
  if first == QUOTE then return afterString(json, at) end
  if first ~= OPEN_ARRAY and first ~= OPEN_OBJECT then return json:find("[ \t\r\n,%]}]", at) or #json + 1 end
  local depth = 0
  repeat
    at = json:find('["%[%]{}]', at)
    local byte = json:byte(at)
    if byte == QUOTE then
      at = afterString(json, at)
    else
      depth = depth + ((byte == OPEN_ARRAY or byte == OPEN_OBJECT) and 1 or -1)
      at = at + 1
    end
  until depth == 0
  return at
end

--- What kind of value a JSON text is.
---@param json string
---@return "object"|"array"|"string"|"number"|"literal"
function M.kind(json)
  local first = json:sub(skip(json, 1)):byte()
  if first == OPEN_OBJECT then return "object" end
  if first == OPEN_ARRAY then return "array" end
  if first == QUOTE then return "string" end
  return string.char(first):find("[-%d]") and "number" or "literal"
end

local function ended() return nil end

--- Iterates the members of an object, name and text, or of an array, number and text; those of anything else are none.
---@param json string
---@return fun(): string|integer?, string?
function M.of(json)
  local at = skip(json, 1)
  local isObject = json:byte(at) == OPEN_OBJECT
  if not isObject and json:byte(at) ~= OPEN_ARRAY then return ended end
  at = at + 1
  local number = 0
  return function()
    at = skip(json, at)
    if json:find("^[%]}]", at) then return nil end
    local name
    number = number + 1
    if isObject then
      local stop = afterString(json, at)
      name = json:sub(at + 1, stop - 2)
      if name:find("\\", 1, true) then name = decode(json:sub(at, stop - 1)) end
      at = skip(json, stop)
    end
    local start = at
    at = afterValue(json, at)
    return name or number, json:sub(start, at - 1)
  end
end

-- The member of a name; of several with one name the last, which decoding gives, too.
local function member(json, wanted)
  local found
  for name, text in M.of(json) do
    if tostring(name) == wanted then found = text end
  end
  return found
end

--- The text at a path such as `a.b` or `a.1`; a name with dots in it goes before a path.  nil: there is nothing.
---@param json string
---@param path string
---@return string?
function M.at(json, path)
  local found = member(json, path)
  local from = 1
  while not found do
    local dot = path:find(".", from, true)
    if not dot then return nil end
    local inner = member(json, path:sub(1, dot - 1))
    found = inner and M.at(inner, path:sub(dot + 1))
    from = dot + 1
  end
  return found
end

return M
