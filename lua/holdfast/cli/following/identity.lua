-- SPDX-License-Identifier: MIT
--
-- What a store calls itself: a random number, given once, so that whoever follows it notices another store in its
-- place.

local core = require "holdfast.core"

local M = {}

local NOTE = "identity"

--- A number that nobody else has.
---@return string
function M.random()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(16)
  file:close()
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- What a store calls itself; it is given a name where it has none.  Nil: it cannot keep one.
---@param persist PersistBase  some of the store
---@return string?
function M.of(persist)
  if not core.notesKept(persist) then return nil end
  local found = core.noteRead(persist, NOTE)
  if found then return core.json.decode(found) end
  local made = M.random()
  local ok, raised = pcall(core.noteWrite, persist, NOTE, core.json.encode(made))
  if ok then return made end
  if core.isError(raised, "readonly") or core.isError(raised, "unsupported") then return nil end
  error(raised, 0)
end

return M
