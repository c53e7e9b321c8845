-- SPDX-License-Identifier: MIT
--
-- Which entities --where is true of: their texts, asked where they are stored as far as the expression is understood
-- (holdfast.asking).  What the expression raises names the entity.

local asking = require "holdfast.asking"
local core = require "holdfast.core"

local decode, xpcall = core.json.decode, xpcall

local M = {}

-- A range without what its loop does itself: its limit is of those that are wanted.
local function plain(range)
  return { prefix = range.prefix, from = range.from, to = range.to, reverse = range.reverse }
end

-- What the expression raised for an entity, as an error.
local function raisedAt(persist, id, raised)
  raised = core.toError(raised)
  raised.message = string.format("the expression raised at %s:%s: %s", persist.entityName, id, raised.message)
  raised.entityName, raised.entityId, raised.showTraceback = persist.entityName, id, false
  if raised.code == "corrupt" then raised.code = "script" end -- what it says is damaged is not this entity
  return raised
end

--- Iterates id, JSON text and when it expires (nil: never) of the entities for which the range's `where` is true, a
--- function of value and id.
---@param persist PersistBase
---@param range table
---@return fun(): string?, string?, integer?
function M.texts(persist, range)
  local predicate = range.where
  local step, iterator, isIndexed = core.scan(persist, plain(range), "texts")
  local left, asked = asking.patience(iterator, isIndexed), nil
  return function()
    while true do
      left = left - 1
      if left < 0 then left, asked = asking.attend(asked, iterator, predicate, 2) end
      local id, json, expiresAt = step()
      if id == nil then return nil end
      local ok, wanted = xpcall(predicate, core.traceback, decode(json), id)
      if not ok then error(raisedAt(persist, id, wanted), 0) end
      if wanted then return id, json, expiresAt end
    end
  end
end

--- How many entities there are for which the range's `where` is true.
---@param persist PersistBase
---@param range table
---@return integer
---@raise corrupt, and what the expression raises
function M.count(persist, range)
  local ok, total = pcall(asking.count, persist, range.where, plain(range))
  if ok then return total end
  if core.isError(total, "corrupt") then error(total, 0) end
  total = 0 -- the loop over texts says for which entity it raises
  for _ in M.texts(persist, range) do total = total + 1 end
  return total
end

return M
