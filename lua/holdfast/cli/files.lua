-- SPDX-License-Identifier: MIT
--
-- What the command asks the filesystem beyond Lua's own io: folders, paths without
-- links, and files that are replaced whole.  LuaJIT's FFI answers, as in terminal.lua.

local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
int hf_cli_fileno(void *file) __asm__("fileno");
int hf_cli_fsync(int fd) __asm__("fsync");
int hf_cli_mkdir(const char *path, unsigned int mode) __asm__("mkdir");
char *hf_cli_realpath(const char *path, char *resolved) __asm__("realpath");
char *hf_cli_strerror(int number) __asm__("strerror");
]]

local EEXIST = 17
local PATH_MAX = 4096

local M = {}

local function failure(what, path)
  return nil, string.format("cannot %s %s: %s", what, path, ffi.string(ffi.C.hf_cli_strerror(ffi.errno())))
end

--- The path without links, `.` and `..`; nil if there is nothing at it.
---@param path string
---@return string?
function M.real(path)
  local resolved = ffi.new("char[?]", PATH_MAX)
  if ffi.C.hf_cli_realpath(path, resolved) == nil then return nil end
  return ffi.string(resolved)
end

--- Makes a folder, and those above it, for nobody but the user.
---@param path string
---@return boolean? made
---@return string? problem
function M.makeFolder(path)
  for at in path:gmatch("()/") do
    if at > 1 then ffi.C.hf_cli_mkdir(path:sub(1, at - 1), 448) end -- what fails here fails below, too
  end
  if ffi.C.hf_cli_mkdir(path, 448) ~= 0 and ffi.errno() ~= EEXIST then return failure("make the folder", path) end
  return true
end

local function writeFlushed(path, text)
  local file, problem = io.open(path, "wb")
  if not file then return nil, problem end
  local ok
  ok, problem = file:write(text)
  if ok then ok, problem = file:flush() end
  if ok and ffi.C.hf_cli_fsync(ffi.C.hf_cli_fileno(file)) ~= 0 then ok, problem = failure("flush", path) end
  file:close()
  return ok, problem
end

--- Replaces a file, or makes it, by way of PATH.new: at any moment, also that of a power cut, it has its old content or
--- the new one.
---@param path string
---@param text string
---@return boolean? replaced
---@return string? problem
function M.replace(path, text)
  local beside = path .. ".new"
  local ok, problem = writeFlushed(beside, text)
  if ok then ok, problem = os.rename(beside, path) end
  if not ok then os.remove(beside) end
  return ok, problem
end

return M
