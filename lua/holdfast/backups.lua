-- SPDX-License-Identifier: MIT
--
-- Backups, stores made of them, and room given back: the method backup() of whole stores, holdfast.restore() and
-- holdfast.compact().

local check = require "holdfast.check"
local core = require "holdfast.core"

local M = {}

core.storeMethods.backup = core.backupStore

---@class holdfast.RestoreOptions
---@field at? integer|string|{time: integer}  a revision, a time such as "2026-11-27T12:00:00Z", or one in ms: what has
---  changed since is put back
---@field progress? fun(done: integer, total: integer): boolean?  in bytes; false stops, with busy

--- Makes a store of a backup, in a place where there is none.
---@param file string
---@param url string  a directory (LMDB) or a store URL
---@param options? holdfast.RestoreOptions
---@return holdfast.RestoreReport
---@raise conflict (there is a store), corrupt (no backup, cut off or changed), compacted, unsupported, full, io, busy
function M.restore(file, url, options)
  options = options or {}
  if type(options) ~= "table" then check.misuse(nil, "restore: options must be a table, not a %s", type(options)) end
  for name in pairs(options) do
    if name ~= "at" and name ~= "progress" then
      check.misuse(nil, "restore: there is no option '%s': at and progress exist", tostring(name))
    end
  end
  return core.restoreStore(file, url, options.at, options.progress)
end

--- Gives room that is free in a store back to the disk.  It must not be open in this process.
---@param url string  a directory (LMDB) or a store URL
---@return holdfast.CompactReport
---@raise busy (it is open in this process), not_found, unsupported, corrupt, full, io
function M.compact(url) return core.compactStore(url) end

return M
