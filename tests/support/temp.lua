-- SPDX-License-Identifier: MIT
--
-- Directories for tests: each is new, and all of them go when the test is over.

local ffi = require("ffi")

ffi.cdef([[
  char *mkdtemp(char *template);
  ssize_t readlink(const char *path, char *buffer, size_t size);
  int getpid(void);
]])

local M = {}

local made = {}

-- Where this system keeps temporary files.
local function root()
  local named = os.getenv("TMPDIR")
  if named and named ~= "" then
    return named
  end
  local file = os.tmpname()
  os.remove(file)
  return file:match("^(.*)/") or "."
end

--- A word for the shell that stands for exactly this text.
function M.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- The path of a new, empty directory.
---@param where? string  in which it is made
function M.directory(where)
  local template = (where or root()) .. "/holdfast-test-XXXXXX"
  local buffer = ffi.new("char[?]", #template + 1, template)
  if ffi.C.mkdtemp(buffer) == nil then
    error("cannot make a directory like " .. template)
  end
  local path = ffi.string(buffer)
  made[#made + 1] = path
  return path
end

--- The same in memory where the system has such a place: for thousands of files.
function M.quickDirectory()
  local probe = io.open("/dev/shm/holdfast-test-probe", "wb")
  if probe then
    probe:close()
    os.remove("/dev/shm/holdfast-test-probe")
  end
  return M.directory(probe and "/dev/shm" or nil)
end

--- Removes every directory made so far, with what is in it.
function M.removeAll()
  for i = #made, 1, -1 do
    os.execute("chmod -R u+rwX " .. M.quote(made[i]) .. " 2>/dev/null; rm -rf -- " .. M.quote(made[i]))
    made[i] = nil
  end
end

--- What this process has open below the directories made so far: a list of paths.
function M.openFiles()
  local found = {}
  local buffer = ffi.new("char[4096]")
  for fd = 3, 255 do
    local n = tonumber(ffi.C.readlink("/proc/self/fd/" .. fd, buffer, 4096))
    local path = n > 0 and ffi.string(buffer, n) or ""
    for _, directory in ipairs(made) do
      if path:sub(1, #directory + 1) == directory .. "/" then
        found[#found + 1] = path
      end
    end
  end
  return found
end

--- The whole content of a file, and the way back.
function M.readFile(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function M.writeFile(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- Replaces every occurrence of some bytes in a file by others of the same length; returns how many there were.
function M.patchFile(path, from, to)
  assert(#from == #to, "a patch keeps the length")
  local text, count = M.readFile(path), 0
  local pieces, at = {}, 1
  while true do
    local first, last = text:find(from, at, true)
    if not first then
      break
    end
    pieces[#pieces + 1] = text:sub(at, first - 1) .. to
    at, count = last + 1, count + 1
  end
  pieces[#pieces + 1] = text:sub(at)
  M.writeFile(path, table.concat(pieces))
  return count
end

return M
