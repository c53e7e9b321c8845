-- SPDX-License-Identifier: MIT
--
-- Choices at random that can be repeated and made fewer.  A generator takes all that it decides from a source, which
-- is called with a number and gives a whole one from 1 to it; 1 is always the plainest choice.  So the list of what
-- was drawn stands for what was made of it, and a shorter list with smaller numbers for something plainer: a failure
-- is made short without knowing what was generated.

local bit = require "bit"

local M = {}

---@alias asked.Draw fun(most: integer): integer

-- A random 32-bit number for each call: xorshift.
local function stream(seed)
  local x = bit.tobit(seed % 1000000007 * 2654435 + 88172645)
  if x == 0 then x = 1 end
  local function step()
    x = bit.bxor(x, bit.lshift(x, 13))
    x = bit.bxor(x, bit.rshift(x, 17))
    x = bit.bxor(x, bit.lshift(x, 5))
    return x % 4294967296
  end
  for _ = 1, 8 do step() end
  return step
end

--- A source of this seed, and the list that what is drawn is written to.
---@param seed integer
---@return asked.Draw draw
---@return integer[] list
function M.fresh(seed)
  local step, list, n = stream(seed), {}, 0
  return function(most)
    n = n + 1
    list[n] = step() % most + 1
    return list[n]
  end, list
end

--- A source that draws what is in the list, and 1 after its end.
---@param list integer[]
---@return asked.Draw draw
function M.again(list)
  local n = 0
  return function(most)
    n = n + 1
    return ((list[n] or 1) - 1) % most + 1
  end
end

--- One of a list.
---@generic T
---@param draw asked.Draw
---@param list T[]
---@return T
function M.pick(draw, list) return list[draw(#list)] end

--- True in one of `n` cases.
---@param draw asked.Draw
---@param n integer
function M.oneIn(draw, n) return draw(n) == n end

-- Lists that are a little plainer than this one, the boldest first.
local function plainer(list, try)
  for size = math.max(1, math.floor(#list / 2)), 1, -1 do
    if size < 9 or size % 8 == 0 then
      for first = #list - size + 1, 1, -size do
        local shorter = {}
        for i, x in ipairs(list) do
          if i < first or i >= first + size then shorter[#shorter + 1] = x end
        end
        if try(shorter) then return shorter end
      end
    end
  end
  for i = #list, 1, -1 do
    for _, x in ipairs { 1, math.floor(list[i] / 2), list[i] - 1 } do
      if x >= 1 and x < list[i] then
        local smaller = { unpack(list) }
        smaller[i] = x
        if try(smaller) then return smaller end
      end
    end
  end
end

--- The plainest list that was found for which `fails` is true, as it is for the one that is given.
---@param list integer[]
---@param fails fun(list: integer[]): boolean
---@param tries integer  how often `fails` is called at most
---@return integer[]
function M.shortest(list, fails, tries)
  local function try(candidate)
    tries = tries - 1
    return tries >= 0 and fails(candidate)
  end
  while tries > 0 do
    local shorter = plainer(list, try)
    if not shorter then break end
    list = shorter
  end
  return list
end

return M
