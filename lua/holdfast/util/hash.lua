-- SPDX-License-Identifier: MIT
--
-- FNV-1a, 64 bits: tells texts apart that differ by accident, in any number of pieces, and values by what is in them.
-- No protection against somebody who means to deceive.

local bit = require "bit"
local ffi = require "ffi"

local BASIS, PRIME = 0xcbf29ce484222325ULL, 0x100000001b3ULL

local Hash = {}
Hash.__index = Hash

local M = {}

--- A hash of nothing yet.
function M.new()
  return setmetatable({ state = ffi.new("uint64_t[1]", BASIS) }, Hash)
end

--- Adds bytes.
---@param text string
function Hash:add(text)
  local h, bytes = self.state[0], ffi.cast("const uint8_t *", text)
  for i = 0, #text - 1 do h = bit.bxor(h, bytes[i]) * PRIME end
  self.state[0] = h
end

--- 16 hexadecimal digits.
---@return string
function Hash:text() return bit.tohex(self.state[0]) end

--- The hash of one text.
---@param text string
---@return string
function M.of(text)
  local hash = M.new()
  hash:add(text)
  return hash:text()
end

-- One text for each value, in whatever order its fields were set: names sorted, numbers with all their digits, and
-- lengths before texts, so that nothing in one can look like the end of it.
local function describe(value, parts)
  local kind = type(value)
  if kind == "table" then
    local keys, byKey = {}, {}
    for key, each in pairs(value) do
      local name = type(key) .. tostring(key)
      keys[#keys + 1], byKey[name] = name, each
    end
    table.sort(keys)
    parts[#parts + 1] = "{"
    for _, name in ipairs(keys) do
      describe(name, parts)
      describe(byKey[name], parts)
    end
    parts[#parts + 1] = "}"
  elseif kind == "string" then
    parts[#parts + 1] = ("%d:%s"):format(#value, value)
  elseif kind == "number" then
    parts[#parts + 1] = ("%.17g;"):format(value == 0 and 0 or value) -- 0 and -0 are equal
  else
    parts[#parts + 1] = kind == "boolean" and tostring(value) or kind
  end
end

--- The hash of a value: of its content, which is the same after it was stored and read.
---@param value any  tables have strings and numbers as keys
---@return string
function M.ofValue(value)
  local parts = {}
  describe(value, parts)
  return M.of(table.concat(parts))
end

return M
