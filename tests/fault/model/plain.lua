-- SPDX-License-Identifier: MIT
--
-- Plain data: copies and texts of it, and random numbers that a seed repeats.

local bit = require "bit"

local M = {}

--- A deep copy.
---@generic T
---@param value T
---@return T
function M.copy(value)
  if type(value) ~= "table" then return value end
  local new = {}
  for k, v in pairs(value) do new[k] = M.copy(v) end
  return new
end

local function key(k) return type(k) == "string" and k:match "^[%a_][%w_]*$" and k or "[" .. M.text(k) .. "]" end

--- One text for one content, which Lua reads as it.
---@param value any
---@return string
function M.text(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "number" then
    return value == math.huge and "math.huge" or value % 1 == 0 and ("%d"):format(value) or ("%.17g"):format(value)
  end
  if type(value) ~= "table" then return tostring(value) end
  local parts, count = {}, #value
  for i = 1, count do parts[i] = M.text(value[i]) end
  local named = {}
  for k, v in pairs(value) do
    if type(k) ~= "number" or k < 1 or k > count or k % 1 ~= 0 then named[#named + 1] = key(k) .. " = " .. M.text(v) end
  end
  table.sort(named)
  for _, each in ipairs(named) do parts[#parts + 1] = each end
  return parts[1] and "{ " .. table.concat(parts, ", ") .. " }" or "{}"
end

--- A function that gives random whole numbers from 1 to `most`, the same ones for the same seed.
---@param seed number
---@return fun(most: integer): integer
function M.random(seed)
  local x = bit.tobit(seed % 1000000007 * 2654435 + 88172645)
  if x == 0 then x = 1 end
  local function step()
    x = bit.bxor(x, bit.lshift(x, 13))
    x = bit.bxor(x, bit.rshift(x, 17))
    x = bit.bxor(x, bit.lshift(x, 5))
    return x % 4294967296
  end
  for _ = 1, 8 do step() end
  return function(most) return step() % most + 1 end
end

--- A number from 0 to 1 that depends on these two alone.
---@param seed number
---@param n number  whole
function M.noise(seed, n)
  local x = bit.tobit(seed % 1000000007 * 374761 + n % 16777216 * 668265)
  x = bit.bxor(x, bit.rshift(x, 15))
  x = bit.tobit(bit.band(x, 0xffff) * 40503 + bit.rshift(x, 16) * 30011)
  x = bit.bxor(x, bit.rshift(x, 13))
  return bit.band(x, 0xffffff) / 0x1000000
end

return M
