-- SPDX-License-Identifier: MIT
--
-- Which process this is: what a connection belongs to, and what names files that no other process makes.

local ffi = require "ffi"

-- Names of our own: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
int hf_process_getpid(void) __asm__("getpid");
int hf_process_gethostname(char *name, size_t size) __asm__("gethostname");
]]

local M = {}

--- The number of this process.
---@return integer
function M.id() return ffi.C.hf_process_getpid() end

--- The name of this machine, as it calls itself.
---@return string
function M.machine()
  local name = ffi.new("char[256]")
  ffi.C.hf_process_gethostname(name, 255)
  return ffi.string(name)
end

return M
