-- SPDX-License-Identifier: MIT
--
-- Which process this is: what a connection belongs to, and what names files that no other process makes.

local ffi = require "ffi"

-- A name of our own: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
int hf_process_getpid(void) __asm__("getpid");
]]

local M = {}

--- The number of this process.
---@return integer
function M.id() return ffi.C.hf_process_getpid() end

return M
