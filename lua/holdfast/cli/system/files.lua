-- SPDX-License-Identifier: MIT
--
-- What the command asks the filesystem beyond Lua's own io: folders, what is at a path,
-- paths without links, and files that are replaced whole.  LuaJIT's FFI answers, as in terminal.lua.

local bit = require "bit"
local ffi = require "ffi"

-- As it is now: a script that has run may have replaced it.
local io = io

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
int hf_cli_fileno(void *file) __asm__("fileno");
int hf_cli_ferror(void *file) __asm__("ferror");
int hf_cli_fsync(int fd) __asm__("fsync");
int hf_cli_open(const char *path, int flags, ...) __asm__("open");
int hf_cli_close(int fd) __asm__("close");
long hf_cli_write(int fd, const char *bytes, size_t count) __asm__("write");
int hf_cli_fchmod(int fd, unsigned int mode) __asm__("fchmod");
int hf_cli_fchown(int fd, unsigned int user, unsigned int group) __asm__("fchown");
struct hf_cli_statx { /* the kernel's, the same on every machine */
  uint32_t mask, blksize;
  uint64_t attributes;
  uint32_t links, user, group;
  uint16_t mode, spare;
  uint64_t inode, size, blocks, attributes_mask;
  uint64_t times[8]; /* of access, birth, change and modification: each seconds, and nanoseconds in the lower half */
  uint32_t rdev_major, rdev_minor, device_major, device_minor;
  uint64_t more[14];
};
int hf_cli_statx(int folder, const char *path, int flags, unsigned int mask, struct hf_cli_statx *out) __asm__("statx");
int hf_cli_mkdir(const char *path, unsigned int mode) __asm__("mkdir");
char *hf_cli_realpath(const char *path, char *resolved) __asm__("realpath");
char *hf_cli_strerror(int number) __asm__("strerror");
]]

local ENOENT, EEXIST, ENOTDIR, EINVAL = 2, 17, 20, 22
local APPENDING = 0x441 -- O_WRONLY | O_CREAT | O_APPEND
local PATH_MAX = 4096
local AT_FDCWD, AT_NO_FOLLOW, AT_EMPTY_PATH, STATX_BASIC = -100, 0x100, 0x1000, 0x7ff
local KINDS = { [4] = "folder", [8] = "file" } -- by the upper bits of the mode

local M = {}

-- Why the last look at a path found nothing, and the system's number for it; nil: there is nothing.
local function problemOf(path)
  local number = ffi.errno()
  if number == ENOENT or number == ENOTDIR then return nil end
  return string.format("%s: %s", path, ffi.string(ffi.C.hf_cli_strerror(number))), number
end

local function failure(what, path)
  return nil, string.format("cannot %s %s: %s", what, path, ffi.string(ffi.C.hf_cli_strerror(ffi.errno())))
end

--- The path without links, `.` and `..`; nil if there is nothing at it, with a problem if it cannot be looked at.
---@param path string
---@return string? real
---@return string? problem
---@return integer? number  the system's, of the problem
function M.real(path)
  local resolved = ffi.new("char[?]", PATH_MAX)
  if ffi.C.hf_cli_realpath(path, resolved) == nil then return nil, problemOf(path) end
  return ffi.string(resolved)
end

local function looked(folder, path, flags)
  local found = ffi.new("struct hf_cli_statx")
  if ffi.C.hf_cli_statx(folder, path, flags, STATX_BASIC, found) ~= 0 then return nil, problemOf(path) end
  return {
    kind = KINDS[bit.rshift(found.mode, 12)] or "other",
    mode = bit.band(found.mode, 4095), user = found.user, group = found.group,
    modifiedAt = tonumber(ffi.cast("int64_t", found.times[6])) * 1000
      + math.floor(tonumber(bit.band(found.times[7], 0xffffffffull)) / 1e6),
    identity = string.format("%d:%d:%s", found.device_major, found.device_minor, tostring(found.inode)),
  }
end

--- What is at a path, links followed: its kind, "file", "folder" or "other", and its identity, which other names of it
--- have as well; nil if there is nothing, with a problem if it cannot be looked at.
---@param path string
---@return {kind: string, mode: integer, user: integer, group: integer, modifiedAt: integer, identity: string}? found
---@return string? problem
---@return integer? number  the system's, of the problem
function M.look(path) return looked(AT_FDCWD, path, 0) end

--- The same for an open file.
---@param fd integer
function M.lookAt(fd) return looked(fd, "", AT_EMPTY_PATH) end

--- The path without links of a file that need not exist.
---@param path string
---@return string? real
---@return string? problem
---@return integer? number  the system's, of the problem
function M.realFile(path)
  local real, problem, number = M.real(path)
  if real or problem then return real, problem, number end
  if looked(AT_FDCWD, path, AT_NO_FOLLOW) then return nil, path .. ": it is a link to nothing" end
  local folder, name = path:match("^(.*/)([^/]+)$")
  folder, problem, number = M.real(folder or ".")
  if not folder then return nil, problem or path .. ": No such file or directory", number end
  return (folder == "/" and "" or folder) .. "/" .. (name or path)
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

--- Whether anything that was written to an open file, or read from it, has failed.  LuaJIT's compiled code does a write
--- that fails once more, and then says that all is well, when a part of it may be there twice.
---@param file file*
---@return boolean
function M.hasFailed(file) return io.type(file) == "file" and ffi.C.hf_cli_ferror(file) ~= 0 end

--- Adds to a file, or makes it, in one write, so that several processes may; and gives it a mode.
---@param path string
---@param text string
---@param mode integer
---@return boolean? added
---@return string? problem
function M.append(path, text, mode)
  local fd = ffi.C.hf_cli_open(path, APPENDING, ffi.new("int", mode))
  if fd < 0 then return failure("open", path) end
  local found = M.lookAt(fd)
  if found and found.kind == "file" and found.mode ~= mode then ffi.C.hf_cli_fchmod(fd, mode) end
  local ok, problem = true, nil
  if ffi.C.hf_cli_write(fd, text, #text) ~= #text then ok, problem = failure("write", path) end
  ffi.C.hf_cli_close(fd)
  return ok, problem
end

-- ------------------------------------------------------------------ replacing

local Replacement = {}
Replacement.__index = Replacement

--- Begins to replace a file, or to make it, by way of another one beside it: at any moment, also that of a power cut,
--- it has its old content or the new one.
---@param path string
---@param beside string  a path in the same folder, for as long as it takes
---@return table? replacement  write(text), then finish() or abandon()
---@return string? problem
---@return integer? number  the system's, of the problem
function M.begin(path, beside)
  local file, problem, number = io.open(beside, "wb")
  if not file then return nil, "cannot open " .. problem, number end
  return setmetatable({ path = path, beside = beside, file = file }, Replacement)
end

--- Gives the new file the mode, and as far as that is allowed the owner, of another.
---@param like {mode: integer, user: integer, group: integer}  as look() told them
function Replacement:resemble(like)
  local fd = ffi.C.hf_cli_fileno(self.file)
  ffi.C.hf_cli_fchown(fd, like.user, like.group) -- root's to do; before the mode, which it may change
  ffi.C.hf_cli_fchmod(fd, like.mode)
end

---@param text string
---@return boolean? written
---@return string? problem
function Replacement:write(text)
  return self.file:write(text)
end

--- Puts the new content in the place of the old.
---@return boolean? replaced  nil: the old content is there still, and nothing beside it
---@return string? problem
function Replacement:finish()
  local ok, problem = self.file:flush()
  if ok and M.hasFailed(self.file) then ok, problem = nil, "a write to it has failed" end
  if ok and ffi.C.hf_cli_fsync(ffi.C.hf_cli_fileno(self.file)) ~= 0 then ok, problem = failure("flush", self.beside) end
  local closed, why = self.file:close()
  if ok and not closed then ok, problem = nil, why end
  if ok then ok, problem = os.rename(self.beside, self.path) end
  if not ok then os.remove(self.beside) end
  return ok, problem
end

--- Leaves the old content.
function Replacement:abandon()
  self.file:close()
  os.remove(self.beside)
end

--- Replaces a file, or makes it, by way of PATH.new.
---@param path string
---@param text string
---@return boolean? replaced
---@return string? problem
function M.replace(path, text)
  local replacement, problem = M.begin(path, path .. ".new")
  if not replacement then return nil, problem end
  local ok
  ok, problem = replacement:write(text)
  if ok then return replacement:finish() end
  replacement:abandon()
  return nil, problem
end

--- Flushes the folder that a file is in: its name survives a power cut, too.
---@param path string
---@return boolean? flushed
---@return string? problem
function M.flushFolder(path)
  local folder = path:match("^(.*)/[^/]*$")
  folder = folder == "" and "/" or folder or "."
  local fd = ffi.C.hf_cli_open(folder, 0)
  if fd < 0 then return failure("open the folder", folder) end
  local ok, problem = true, nil
  -- Some filesystems have no such thing.
  if ffi.C.hf_cli_fsync(fd) ~= 0 and ffi.errno() ~= EINVAL then ok, problem = failure("flush the folder", folder) end
  ffi.C.hf_cli_close(fd)
  return ok, problem
end

return M
