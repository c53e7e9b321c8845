-- SPDX-License-Identifier: MIT
--
-- Rows of one kind in PersistHostAdapter, such as all pauses: read once a minute for all runs of the process together.
--
-- A row that cannot be read hides no other one.  Whoever must be sure of one row reads it by its name: an entity in
-- quarantine is in no loop.

local core = require "holdfast.core"
local adapter = require("holdfast.adapters").PersistHostAdapter

local M = {}

---@class holdfast.host.Row
---@field name string  after the kind, as it was written
---@field value any

local function decode(text) return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)) end

-- All rows of a kind in a collection that can be read, and what the first raised that cannot be.
local function listOf(collection, kind)
  local list, damage, last = {}, nil, nil
  local prefix = kind .. "/"
  local step = collection:entries { prefix = prefix }
  while true do
    local ok, id, value = pcall(step)
    if ok then
      if id == nil then return list, damage end
      list[#list + 1] = { name = decode(id:sub(#prefix + 1)), value = value }
    elseif core.isError(id, "corrupt") and id.entityId and id.entityId ~= last then
      damage, last = damage or id, id.entityId
    else
      error(id, 0)
    end
  end
end

--- All rows of a kind that can be read, in order of their names.
---@param kind string
---@return holdfast.host.Row[] rows
---@return holdfast.Error? damage  what the first of those raised that cannot be read
---@raise io, unavailable, ...
function M.list(kind) return listOf(adapter.collection(), kind) end

--- What was read of a kind in a minute, for all who ask in that minute.
---@class holdfast.host.Minute
---@field kind string
---@field make fun(rows: holdfast.host.Row[]): any  what is handed out
---@field when? number  the minute
---@field made any
---@field failure? any  what nobody has been told of yet
local Minute = {}
Minute.__index = Minute

local all = {} -- those of all kinds: a handle on the collection serves them together

--- Makes what is read of one kind, once a minute for all runs.
---@param kind string
---@param make fun(rows: holdfast.host.Row[]): any
---@return holdfast.host.Minute
function M.minute(kind, make)
  local self = setmetatable({ kind = kind, make = make, made = make {} }, Minute)
  all[#all + 1] = self
  return self
end

local function readAll(when)
  local isThere, collection = pcall(adapter.collection)
  for _, each in ipairs(all) do
    if each.when ~= when then
      local ok, rows, damage = isThere, collection, nil
      if isThere then ok, rows, damage = pcall(listOf, collection, each.kind) end
      if ok then each.made, each.failure = each.make(rows), damage else each.failure = rows end
      each.when = when
    end
  end
end

--- What there is in a minute.  Where it cannot be read, what was last there, and once in the minute why.
---@param when number
---@return any made
---@return any? failure
function Minute:at(when)
  if self.when ~= when then readAll(when) end
  local failure = self.failure
  self.failure = nil
  return self.made, failure
end

--- Something was changed here: it is read again when it is next asked for.
function Minute:forget() self.when = nil end

return M
