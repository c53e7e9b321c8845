-- SPDX-License-Identifier: MIT
--
-- Which folder a log of iorecord_preload.c says was flushed last; for replaced_folder_test.sh.
--
--   replaced_folder.lua put BASE    writes a document
--   replaced_folder.lua last LOG    prints the inode number of what was flushed last; 0 for nothing

local ffi = require "ffi"

-- As iorecord.h has it.
ffi.cdef "struct hf_test_iorecord { uint32_t op, flags; uint64_t file; int64_t offset; uint64_t size; };"
local SYNC = 5

local function last(path)
  local file = assert(io.open(path, "rb"))
  local log, at, found = file:read("*a"), 0, 0ULL
  file:close()
  while at < #log do
    local record = ffi.cast("struct hf_test_iorecord *", ffi.cast("const char *", log) + at)
    if record.op == SYNC then found = record.file end
    at = at + ffi.sizeof("struct hf_test_iorecord") + tonumber(record.size)
  end
  print((tostring(found):gsub("ULL", "")))
end

if arg[1] == "put" then
  require "holdfast".FilePersist("signal", arg[2]):writeValue("a", 1)
else
  last(arg[2])
end
