-- SPDX-License-Identifier: MIT
--
-- What a word at the prompt may become: dot commands, globals, fields and methods of what the names before it mean,
-- entity names of the open store, in quotes too.  It looks and calls nothing, but for metatables' __index.

-- As they are now: what is typed may replace them.
local debug, ipairs, next, pairs, pcall, rawget, table, type =
  debug, ipairs, next, pairs, pcall, rawget, table, type

local M = {}

local KEYWORDS = {
  "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not",
  "or", "repeat", "return", "then", "true", "until", "while",
}
local CHAIN = 12 -- tables that are looked into, one for what the other lacks

-- The names in a table, and in those that stand in for it, and what they are: name -> value.
local function names(value)
  local found = {}
  for _ = 1, CHAIN do
    if type(value) == "table" then
      for key, member in next, value do
        if type(key) == "string" and key:find("^[%a_][%w_]*$") and found[key] == nil then found[key] = member end
      end
    end
    local metatable = debug.getmetatable(value)
    value = type(metatable) == "table" and rawget(metatable, "__index") or nil
    if value == nil then break end
  end
  return found
end

-- What a name is in a value; nil where looking raises.
local function field(value, name)
  local ok, found = pcall(function() return value[name] end)
  return ok and found or nil
end

-- Those of the names that begin so, after `lead`, in order.
local function beginning(found, prefix, lead, wanted)
  local list = {}
  for name, value in pairs(found) do
    if name:sub(1, #prefix) == prefix and (not wanted or wanted(value)) then
      list[#list + 1] = lead .. name .. (type(value) == "function" and "(" or "")
    end
  end
  table.sort(list)
  return list
end

local function isFunction(value) return type(value) == "function" end

-- What a path such as `db.signal:co` may become.
local function ofPath(session, word)
  local path, separator, last = word:match("^(.*)([.:])([%w_]*)$")
  if path == "" or path:find("[.:]$") or path:find(":", 1, true) then return {} end
  local value = _G
  for name in path:gmatch("[^.]+") do
    value = field(value, name)
    if value == nil then return {} end
  end
  local lead = path .. separator
  if value == session.db and separator == "." then
    local found = {}
    for _, name in ipairs(session:names()) do
      if name:find("^[%a_][%w_]*$") then found[name] = true end
    end
    return beginning(found, last, lead)
  end
  return beginning(names(value), last, lead, separator == ":" and isFunction or nil)
end

-- What a word of its own may become.
local function ofName(word)
  local found = names(_G)
  for _, keyword in ipairs(KEYWORDS) do found[keyword] = true end
  return beginning(found, word, "")
end

local function set(list)
  local found = {}
  for _, name in ipairs(list) do found[name] = true end
  return found
end

-- Whether the text ends inside a string.
local function isInString(text)
  local quote
  local at = 1
  while at <= #text do
    local character = text:sub(at, at)
    if quote and character == "\\" then
      at = at + 1
    elseif quote then
      if character == quote then quote = nil end
    elseif character == '"' or character == "'" then
      quote = character
    end
    at = at + 1
  end
  return quote ~= nil
end

local function wordsOf(session, before, word)
  if before == "" and word:sub(1, 1) == "." then
    return beginning(set(session.commands), word:sub(2), ".")
  end
  if before:find("^%.") and not before:find("^%.open%s") and not isInString(before) then
    return beginning(set(session:names()), word, "")
  end
  if before:find("^%.") or isInString(before) then
    local found = beginning(set(session:names()), word, "")
    return #found > 0 and found or nil
  end
  return word:find("[.:]") and ofPath(session, word) or ofName(word)
end

--- The words that a word may become.
---@param session holdfast.cli.Session
---@param before string  the line up to the word
---@param word string
---@return string[]?  nil: names of files
function M.words(session, before, word)
  session.looking = true
  local ok, words = pcall(wordsOf, session, before, word)
  session.looking = nil
  if not ok then return {} end
  return words
end

return M
