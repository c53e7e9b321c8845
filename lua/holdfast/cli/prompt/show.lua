-- SPDX-License-Identifier: MIT
--
-- Values as the prompt prints them.  In a pipe each is one line: JSON where it is JSON, and what Lua calls it
-- elsewhere.  On a terminal a table that has no room in one line gets several, and of much only the beginning is
-- shown; nothing in it moves the cursor.

local core = require "holdfast.core"
local glyphs = require "holdfast.cli.console.glyphs"
local text = require "holdfast.cli.console.text"

-- As they are now: what is typed may replace them.
local debug, ipairs, math, next, pairs, pcall, rawget, string, table, tostring, type =
  debug, ipairs, math, next, pairs, pcall, rawget, string, table, tostring, type

local encode, isArray = core.json.encode, core.json.isArray

local MEMBERS = 20 -- of a table
local DEPTH = 6 -- of tables in tables
local LONGEST = 1000 -- columns of a text
local INDENT = 2

local M = {}

-- What Lua calls a value; its metatable may raise.
local function called(value)
  local ok, name = pcall(tostring, value)
  return ok and type(name) == "string" and name or "(a " .. type(value) .. ")"
end

local function hasOwnText(value)
  local metatable = debug.getmetatable(value)
  return type(metatable) == "table" and rawget(metatable, "__tostring") ~= nil
end

-- The JSON of a value, if it has one.
local function jsonOf(value)
  if type(value) == "table" and hasOwnText(value) then return nil end
  local ok, json = pcall(encode, value)
  return ok and json or nil
end

-- A table that is not JSON, such as a class: its members by name, one level deep.
local function memberTexts(value)
  local parts = {}
  for key, member in next, value do
    local shown = type(member) == "table" and called(member) or type(member) ~= "table" and jsonOf(member)
    parts[#parts + 1] = called(key) .. " = " .. (shown or called(member))
  end
  table.sort(parts)
  return parts
end

--- A value in one line.
---@param value any
---@return string
function M.line(value)
  if value == nil then return "nil" end
  local json = jsonOf(value)
  if json then return json end
  if type(value) ~= "table" or hasOwnText(value) then return called(value) end
  return "{ " .. table.concat(memberTexts(value), ", ") .. " }"
end

-- How a value begins, where there is more of it than anybody reads.
local function beginning(shown)
  if #shown <= LONGEST then return shown end
  return glyphs.cut(text.utf8(shown:sub(1, 4 * LONGEST)), LONGEST) .. string.format(" (%s)", text.bytes(#shown))
end

local function isList(value) return isArray(value) or #value > 0 end

-- The keys of a table that is JSON, in an order that people find things in.
local function keysOf(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  return keys
end

-- A value that is JSON in one line, its keys in that order.
local function ordered(value)
  if type(value) ~= "table" or next(value) == nil then return glyphs.harmless(encode(value)) end
  local list, parts = isList(value), {}
  for i, key in ipairs(keysOf(value)) do
    parts[i] = (list and "" or encode(tostring(key)) .. ":") .. ordered(value[key])
  end
  return (list and "[" or "{") .. table.concat(parts, ",") .. (list and "]" or "}")
end

local branch

local function addMembers(lines, value, indent, depth, width)
  local list = isList(value)
  local keys = keysOf(value)
  for i = 1, math.min(#keys, MEMBERS) do
    local name = list and "" or encode(tostring(keys[i])) .. ": "
    local comma = i < #keys and "," or ""
    branch(lines, (" "):rep(indent) .. name, value[keys[i]], comma, depth, width)
  end
  if #keys > MEMBERS then
    lines[#lines + 1] = string.format("%s... %s more", (" "):rep(indent), text.count(#keys - MEMBERS))
  end
end

-- Adds the lines of a value that is JSON, after `lead` and before `tail`.
function branch(lines, lead, value, tail, depth, width)
  local json = ordered(value)
  if type(value) ~= "table" or #lead + glyphs.width(json) + #tail <= width then
    lines[#lines + 1] = lead .. beginning(json) .. tail
  elseif depth == 0 then
    lines[#lines + 1] = lead .. glyphs.cut(json, math.max(width - #lead - #tail, 1)) .. tail
  else
    local list = isList(value)
    local indent = #lead:match("^ *")
    lines[#lines + 1] = lead .. (list and "[" or "{")
    addMembers(lines, value, indent + INDENT, depth - 1, width)
    lines[#lines + 1] = (" "):rep(indent) .. (list and "]" or "}") .. tail
  end
end

-- The lines of a table that is not JSON.
local function membersPretty(value, width)
  local parts = memberTexts(value)
  local whole = glyphs.harmless("{ " .. table.concat(parts, ", ") .. " }")
  if glyphs.width(whole) <= width then return whole end
  local lines = { "{" }
  for i = 1, math.min(#parts, 2 * MEMBERS) do
    lines[#lines + 1] = "  " .. glyphs.cut(glyphs.harmless(parts[i]), math.max(width - INDENT, 1))
  end
  if #parts > 2 * MEMBERS then lines[#lines + 1] = string.format("  ... %d more", #parts - 2 * MEMBERS) end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n")
end

--- A value for a terminal, of whose like there are many: in one line, cut to its room.
---@param value any
---@param width integer
---@return string
function M.short(value, width)
  local shown = jsonOf(value) and ordered(value) or glyphs.harmless(M.line(value))
  return glyphs.cut(shown, math.max(width, 1))
end

--- A value for a terminal.
---@param value any
---@param width integer  of the terminal
---@return string
function M.pretty(value, width)
  if value == nil then return "nil" end
  if jsonOf(value) then
    local lines = {}
    branch(lines, "", value, "", DEPTH, width)
    return table.concat(lines, "\n")
  end
  if type(value) == "table" and not hasOwnText(value) then return membersPretty(value, width) end
  return beginning(glyphs.harmless(called(value)))
end

return M
