-- SPDX-License-Identifier: MIT
--
-- Base64 (RFC 4648), for bytes in JSON lines.

local bit = require "bit"

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local letters, values = {}, {}
for i = 1, #ALPHABET do
  letters[i - 1] = ALPHABET:sub(i, i)
  values[ALPHABET:byte(i)] = i - 1
end

local M = {}

-- Up to three bytes as four letters.
local function encodeGroup(group)
  local a, b, c = group:byte(1, 3)
  local n = a * 65536 + (b or 0) * 256 + (c or 0)
  return letters[bit.rshift(n, 18)] .. letters[bit.band(bit.rshift(n, 12), 63)]
    .. (b and letters[bit.band(bit.rshift(n, 6), 63)] or "=") .. (c and letters[bit.band(n, 63)] or "=")
end

--- The text of bytes.
---@param bytes string
---@return string
function M.encode(bytes)
  return (bytes:gsub("..?.?", encodeGroup))
end

-- Four letters as up to three bytes.
local function decodeGroup(group)
  local a, b, c, d = group:byte(1, 4)
  local n = values[a] * 262144 + values[b] * 4096 + (values[c] or 0) * 64 + (values[d] or 0)
  local bytes = string.char(bit.rshift(n, 16), bit.band(bit.rshift(n, 8), 255), bit.band(n, 255))
  return bytes:sub(1, values[d] and 3 or values[c] and 2 or 1)
end

--- The bytes of a text; nil if it is none.
---@param text string
---@return string?
function M.decode(text)
  if #text % 4 ~= 0 or not text:find("^[%w+/]*=?=?$") then return nil end
  return (text:gsub("....", decodeGroup))
end

return M
