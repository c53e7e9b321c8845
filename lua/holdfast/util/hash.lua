-- SPDX-License-Identifier: MIT
--
-- FNV-1a, 64 bits: tells texts apart that differ by accident, in any number of pieces, and values by what is in them.
-- No protection against somebody who means to deceive.

local bit = require "bit"
local core = require "holdfast.core"
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

--- The hash of a value: of its content, which is the same after it was stored and read.
---@param value any  tables have strings and numbers as keys
---@return string
function M.ofValue(value) return core.contentHash(value) end

return M
