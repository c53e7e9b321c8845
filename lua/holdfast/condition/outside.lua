-- SPDX-License-Identifier: MIT
--
-- Values outside of a predicate that it uses: its upvalues, globals, and the fields of tables that are among these.
-- Each is found by where it begins and the keys from there on, and is looked up again without calling anything: through
-- tables, and through metatables whose __index is a table.

local core = require "holdfast.core"

local concat, getfenv, ipairs, rawequal, rawget, tostring, type =
  table.concat, getfenv, ipairs, rawequal, rawget, tostring, type
-- A host may have taken the library away: then nothing is read (isSupported()).
local debug = rawget(_G, "debug") or {}
local getmetatable, getupvalue, null = debug.getmetatable, debug.getupvalue, core.json.null
local find, format = string.find, string.format

local M = {}

local INDEXES_MAX = 8 -- how many tables one key is followed through

--- Whether values outside can be looked at here.
---@return boolean
function M.isSupported() return getmetatable ~= nil and getupvalue ~= nil and getfenv ~= nil end

--- The name of an upvalue; "" in functions without names.
---@param f function
---@param number integer
---@return string
function M.upvalueName(f, number) return (getupvalue(f, number)) or "" end

--- In place of a value: it cannot be had without calling something.
M.UNREADABLE = {}

---@class holdfast.Outside
---@field root "upvalue"|"global"|"strings" `strings`: the table that the methods of strings come from
---@field upvalue? integer which one
---@field name string of the upvalue; else ""
---@field keys (string|integer)[] from the root on

--- A value that begins where another one is, or at a root.
---@param root string
---@param upvalue? integer
---@param name? string
---@return holdfast.Outside
function M.new(root, upvalue, name)
  return { root = root, upvalue = upvalue, name = name or "", keys = {} }
end

--- The field of an outside value.
---@param outside holdfast.Outside
---@param key string|integer
---@return holdfast.Outside
function M.field(outside, key)
  local made = M.new(outside.root, outside.upvalue, outside.name)
  for i, k in ipairs(outside.keys) do made.keys[i] = k end
  made.keys[#made.keys + 1] = key
  return made
end

-- What `t[key]` gives.
local function index(t, key)
  for _ = 1, INDEXES_MAX do
    local value = rawget(t, key)
    if value ~= nil then return value end
    local metatable = getmetatable(t)
    if metatable == nil then return nil end
    t = rawget(metatable, "__index")
    if t == nil then return nil end
    if type(t) ~= "table" then break end
  end
  return M.UNREADABLE
end

local function rootOf(f, outside, strings)
  if outside.root == "upvalue" then
    local _, value = getupvalue(f, outside.upvalue)
    return value
  end
  if outside.root == "global" then return getfenv(f) end
  return strings or core.condition.plainStrings()
end

--- The value now.
---@param f function the closure whose upvalues and globals it is among
---@param outside holdfast.Outside
---@param strings? table what core.condition.plainStrings() has just given
---@return any value M.UNREADABLE: it cannot be had
function M.look(f, outside, strings)
  local value, keys = rootOf(f, outside, strings), outside.keys
  for i = 1, #keys do
    if type(value) ~= "table" or rawequal(value, M.UNREADABLE) then return M.UNREADABLE end
    value = index(value, keys[i])
  end
  return value
end

--- Whether a value is still what it was, to the last bit.  Other values than numbers may have a comparison of their
--- own, which is the script's.
---@return boolean
function M.isSame(value, before)
  if type(value) ~= "number" or type(before) ~= "number" then return rawequal(value, before) end
  if value == 0 and before == 0 then return 1 / value == 1 / before end
  return value == before or (value ~= value and before ~= before)
end

--- Whether a condition can have this value in it: nil, true, false, JSON's null, a number, or a string.
---@return boolean
function M.isPlain(value)
  local kind = M.kind(value)
  return kind == "number" or kind == "string" or kind == "boolean" or kind == "nil" or kind == "null"
end

--- What kind of value it is: type(), and "null" for JSON's null.
---@return string
function M.kind(value)
  return rawequal(value, null) and "null" or type(value)
end

--- A value outside as the predicate's source has it: "self.limits.max".
---@param outside holdfast.Outside
---@return string
function M.text(outside)
  local parts = { outside.root == "upvalue" and (outside.name ~= "" and outside.name or "upvalue " .. outside.upvalue)
    or outside.root == "strings" and "string" or nil }
  for _, key in ipairs(outside.keys) do
    local isName = type(key) == "string" and find(key, "^[%a_][%w_]*$") ~= nil
    if not isName then
      parts[#parts + 1] = type(key) == "string" and format("[%q]", key) or "[" .. tostring(key) .. "]"
    else
      parts[#parts + 1] = (#parts > 0 and "." or "") .. key
    end
  end
  return concat(parts)
end

return M
