-- SPDX-License-Identifier: MIT
--
-- The note by which a store says that it follows another one: whom, and how far.  While it is there, nobody else writes
-- to the store, as far as that can be held: LMDB refuses every process; hosts refuse to start, whatever the store is.
--
-- Stores that keep notes have it beside their entities.  In others, such as those of scripts, it is an entity of a name
-- of its own, which is no part of what is followed.

local PersistBase = require "holdfast.PersistBase"
local core = require "holdfast.core"

local M = {}

local NOTE = "follows"
local ID = "note"

--- The entity name of it where a store keeps no notes.
M.ENTITY = "holdfast.follows"

---@class holdfast.Follows
---@field state "copying"|"following"  copying: what was there at first is not all here yet: the store is none
---@field source string      URL of the store that is followed, without passwords
---@field sourceId? string   what that one calls itself: another store in its place calls itself something else
---@field entities? string[] only these entity names of it; nil: all
---@field revision integer   everything until this revision of it is here, and nothing later, if `exact`
---@field exact boolean
---@field at integer         when that was committed, ms since 1970; 0: not known
---@field since integer      when following began
---@field holder string      who follows, or did last
---@field token string       what no other follower has

---@class holdfast.FollowsNote
---@field persist PersistBase  some of the store
---@field isKept boolean       beside the entities
local Note = {}
Note.__index = Note

--- The note of a store.
---@param open fun(entityName: string): PersistBase
---@return holdfast.FollowsNote
function M.of(open)
  local persist = open(M.ENTITY)
  return setmetatable({ persist = persist, isKept = core.notesKept(persist) }, Note)
end

-- The note of the store of an instance; nil: it has none.  A server whose classes are scripts has it among its
-- entities, if at all: looking for it makes nothing there.
local function noteOf(persist)
  if core.notesKept(persist) then return setmetatable({ persist = persist, isKept = true }, Note) end
  local url = core.baseOf(persist)
  if type(url) ~= "string" or not url:find "^%l[%l%d+.-]*://" then return nil end
  local opened, store = pcall(core.openStore, url)
  if not opened then return nil end -- what a class calls its base need not be a store of ours
  local ok, names = pcall(store.entities, store)
  store:close()
  for _, name in ipairs(ok and names or {}) do
    if name == M.ENTITY then return M.of(function() return PersistBase(name, url) end) end
  end
end

--- Raises where the store of an instance follows another one, as far as that can be seen.
---@param persist PersistBase
---@param what string  what cannot be, for the message
---@raise readonly
function M.refuse(persist, what)
  local note = noteOf(persist)
  local says = note and note:read()
  if not says then return end
  error(core.error("readonly", ("%s: its store follows %s, where it may be running: 'holdfast promote' makes it a "
    .. "store of its own, once that one is out of use"):format(what, says.source)), 0)
end

--- The note as text; nil: the store follows none.
---@return string?
function Note:text()
  if self.isKept then return core.noteRead(self.persist, NOTE) end
  local ok, found = pcall(core.readText, self.persist, ID)
  if ok then return found end
  if core.isError(found, "not_found") then return nil end
  error(found, 0)
end

--- What it says; nil: the store follows none.
---@return holdfast.Follows?
function Note:read()
  local found = self:text()
  if not found then return nil end
  local ok, value = pcall(core.json.decode, found)
  if ok and type(value) == "table" and type(value.source) == "string" and type(value.revision) == "number"
    and type(value.at) == "number" and type(value.state) == "string" then
    return value
  end
  error(core.error("corrupt", "the note of whom the store follows is damaged: 'holdfast promote --force' takes it "
    .. "away"), 0)
end

--- Keeps it, in the transaction that the caller is in; nil: no longer.
---@param says? holdfast.Follows
function Note:write(says)
  local text = says and core.json.encode(says) or nil
  if self.isKept then
    core.noteWrite(self.persist, NOTE, text)
  elseif text then
    core.writeText(self.persist, ID, text)
  else
    self.persist:removeMany { ID }
  end
end

return M
