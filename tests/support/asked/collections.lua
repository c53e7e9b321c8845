-- SPDX-License-Identifier: MIT
--
-- The same documents in stores of each kind: in those that have texts as they were written, in those that make their
-- own of the values, and in a class that keeps something else than scripts see.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local temp = require "support.temp"

local M = {}

local made = 0

local BASES = {
  lmdb = function() return "lmdb:" .. temp.quickDirectory() .. "/store?durability=nosync" end,
  memory = function()
    made = made + 1
    return "memory:asked-" .. made
  end,
  file = function() return "file:" .. temp.quickDirectory() .. "/store?durability=nosync" end,
  script = function()
    made = made + 1
    return "lua:support.ScriptPersist?base=asked-" .. made
  end,
  texts = function() return "lua:support.asked.TextPersist?base=x" end,
  wrapper = function() return "lua:support.WrapPersist?base=" .. temp.quickDirectory() .. "/store" end,
}

--- Adds a kind.
---@param kind string
---@param url string
function M.add(kind, url)
  BASES[kind] = function() return url end
end

--- All kinds that need no server.  The first two are fast.
M.kinds = { "lmdb", "memory", "file", "script", "texts", "wrapper" }

--- A new, empty store.
---@param kind string
---@return PersistBase
function M.open(kind) return holdfast.PersistBase("asked", BASES[kind]()) end

--- The id of the nth document; those of all have one of two prefixes.
function M.id(n) return (n % 3 == 0 and "f" or "e") .. n end

--- Puts these texts in the place of all that is in a store.
---@param store PersistBase
---@param texts string[]
function M.fill(store, texts)
  store:removeAll()
  local ids = {}
  for i = 1, #texts do ids[i] = M.id(i) end
  core.writeTexts(store, ids, texts)
end

return M
