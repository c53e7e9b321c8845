-- SPDX-License-Identifier: MIT
--
-- What other_program_test.sh has a file store do.
--
--   other_program.lua put BASE        writes a document
--   other_program.lua read BASE       reads one that is no JSON; prints the error's code, or the value
--   other_program.lua flushed LOG     prints the inode number of what a log of iorecord_preload.c has as flushed last

local ffi = require "ffi"
local holdfast = require "holdfast"

-- As iorecord.h has it.
ffi.cdef "struct hf_test_iorecord { uint32_t op, flags; uint64_t file; int64_t offset; uint64_t size; };"
local SYNC = 5

local function flushed(path)
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

local function store() return holdfast.FilePersist("signal", arg[2]) end

local verbs = {
  put = function() store():writeValue("a", 1) end,
  read = function()
    local ok, value = pcall(store().readValue, store(), "a")
    print(ok and tostring(value) or value.code)
  end,
  flushed = function() flushed(arg[2]) end,
}
verbs[arg[1]]()
