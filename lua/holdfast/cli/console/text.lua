-- SPDX-License-Identifier: MIT
--
-- Small pieces of text that several subcommands write: numbers for people, lists of
-- names, and JSON objects whose members keep the order in which they are given.

local core = require "holdfast.core"

local json = core.json

-- As they are now: a script whose error is being said may have replaced them.
local getmetatable, ipairs, math, os, pcall, select, setmetatable, string, table =
  getmetatable, ipairs, math, os, pcall, select, setmetatable, string, table

local M = {}

--- A count with its thousands apart: 20,000.
---@param n number
---@return string
function M.count(n)
  local digits = string.format("%.0f", n)
  return (digits:reverse():gsub("%d%d%d", "%0,"):reverse():gsub("^,", ""))
end

--- A whole number, all its digits: what Lua makes of one that is large ends in e+15.
---@param n number
---@return string
function M.whole(n) return string.format("%.0f", n) end

--- A number of bytes: 512 B, 8.6 MB.
---@param n number
---@return string
function M.bytes(n)
  if n < 1000 then return string.format("%.0f B", n) end
  for _, unit in ipairs { "kB", "MB", "GB" } do
    n = n / 1000
    if n < 999.95 then return string.format("%.1f %s", n, unit) end
  end
  return string.format("%.1f TB", n / 1000)
end

--- "1 entity", "2 entities".
---@param n number
---@param one string
---@param many string
---@return string
function M.plural(n, one, many)
  return M.count(n) .. " " .. (n == 1 and one or many)
end

--- A moment in ms since 1970 as UTC; "-" where it is unknown.
---@param ms number
---@return string
function M.time(ms)
  if not ms or ms == 0 then return "-" end
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000)) .. string.format(".%03dZ", ms % 1000)
end

--- A length of time: 12 s, 3 min, 2 h 05 min, 3 days 4 h.
---@param ms number
---@return string
function M.span(ms)
  local seconds = math.floor(ms / 1000)
  local minutes = math.floor(seconds / 60)
  if seconds < 60 then return seconds .. " s" end
  if minutes < 60 then return minutes .. " min" end
  if minutes < 1440 then return string.format("%d h %02d min", minutes / 60, minutes % 60) end
  local days = math.floor(minutes / 1440)
  return string.format("%d %s %d h", days, days == 1 and "day" or "days", minutes / 60 % 24)
end

--- JSON text on one line.  Outside of strings a line break is only space, and inside it is always escaped.
---@param value string  JSON text
---@return string
function M.oneLine(value)
  if value:find("[\r\n]") then return (value:gsub("[\r\n]+", " ")) end
  return value
end

--- A store URL without the passwords in it, also in the base of a script's store.
---@param url string
---@return string
function M.url(url) return core.redact(url) end

--- The text, with what is not UTF-8 in it replaced: for JSON, which can hold nothing else.
---@param value string
---@return string
function M.utf8(value)
  if pcall(json.encode, value) then return value end
  local parts, at = {}, 1
  while at <= #value do
    local lead = value:byte(at)
    local size = lead < 0x80 and 1 or lead < 0xE0 and 2 or lead < 0xF0 and 3 or 4
    local character = value:sub(at, at + size - 1)
    if #character < size or not pcall(json.encode, character) then
      character, size = "\239\191\189", 1
    end
    parts[#parts + 1] = character
    at = at + size
  end
  return table.concat(parts)
end

local Raw = {}

--- The keys of a table, in order.
---@param map table<string, any>
---@return string[]
function M.names(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Marks text that is JSON already, for object().
---@param value string
function M.raw(value)
  return setmetatable({ M.oneLine(value) }, Raw)
end

--- A JSON array of texts that are JSON already, for object().
---@param items string[]
function M.list(items) return M.raw("[" .. table.concat(items, ",") .. "]") end

--- A JSON object from name, value, name, value, ...; a nil value leaves the member out.
---@return string
function M.object(...)
  local parts = {}
  for i = 1, select("#", ...), 2 do
    local name, value = select(i, ...)
    if value ~= nil then
      local shown = getmetatable(value) == Raw and value[1] or json.encode(value)
      parts[#parts + 1] = json.encode(name) .. ":" .. shown
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

return M
