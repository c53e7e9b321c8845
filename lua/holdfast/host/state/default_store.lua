-- SPDX-License-Identifier: MIT
--
-- The store of a host for which nobody has registered one: where it is not there yet, the host makes it one that keeps
-- a log of changes, with the values that were replaced.  A store that is there stays as it is, and one that was
-- registered is as its owner wants it.

local core = require "holdfast.core"

local M = {}

--- What it is made with.
M.SETTINGS = { changes = "7d", history = "true" }

-- Where it is, unless somebody has registered another one.
local function base()
  for _, row in ipairs(core.adapters.list()) do
    if row.name == "PersistSignalAdapter" and not row.registered then return row.base end
  end
end

local function isMissing(url)
  local ok, found = pcall(core.openStore, url, { create = false })
  if ok then found:close() end
  return not ok and core.isError(found, "not_found")
end

--- Makes it, if it is missing.  Where that cannot be, whoever uses it says so.
---@raise full, io  it is there, and keeps no log
function M.make()
  local url = base()
  if not url or not isMissing(url) then return end
  local ok, store = pcall(core.openStore, url)
  if not ok then return end
  local set, raised = pcall(store.settings, store, M.SETTINGS)
  store:close()
  if not set then error(raised, 0) end
end

return M
