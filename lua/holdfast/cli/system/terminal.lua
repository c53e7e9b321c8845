-- SPDX-License-Identifier: MIT
--
-- What the command asks of a stream: whether it is a terminal, and of what size.  LuaJIT's FFI answers, so that no
-- package is needed.

local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
int hf_cli_isatty(int fd) __asm__("isatty");
struct hf_cli_winsize { unsigned short rows, columns, width, height; };
int hf_cli_ioctl(int fd, unsigned long request, ...) __asm__("ioctl");
]]

local TIOCGWINSZ = 0x5413

local M = {}

--- Whether the stream (0 stdin, 1 stdout, 2 stderr) is a terminal.
---@param fd integer
---@return boolean
function M.isTerminal(fd)
  return ffi.C.hf_cli_isatty(fd) == 1
end

local function sizeOf(fd)
  local size = ffi.new("struct hf_cli_winsize")
  if ffi.C.hf_cli_ioctl(fd, TIOCGWINSZ, size) ~= 0 then return 0, 0 end
  return size.columns, size.rows
end

--- Columns of the terminal that the stream is; 80 where that is unknown.
---@param fd integer
---@return integer
function M.width(fd)
  local columns = sizeOf(fd)
  return columns == 0 and 80 or columns
end

--- Rows of the terminal that the stream is; 24 where that is unknown.
---@param fd integer
---@return integer
function M.height(fd)
  local _, rows = sizeOf(fd)
  return rows == 0 and 24 or rows
end

return M
