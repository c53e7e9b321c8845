-- SPDX-License-Identifier: MIT
--
-- The numerics that round to a double, as decimal texts: those between two half-way points, and these too where the
-- double is the even one.  What another program stored as 0.10000000000000001 is 0.1 here.

local floor, frexp, concat = math.floor, math.frexp, table.concat

local M = {}

-- ---- whole numbers, as limbs of seven digits, the lowest first

local BASE = 1e7

local function limbsOf(number)
  local limbs = {}
  while number > 0 do
    limbs[#limbs + 1] = number % BASE
    number = floor(number / BASE)
  end
  return limbs
end

-- limbs * factor + more; the factor below 2^23.
local function multiply(limbs, factor, more)
  local carry = more or 0
  for i = 1, #limbs do
    local product = limbs[i] * factor + carry
    carry = floor(product / BASE)
    limbs[i] = product - carry * BASE
  end
  while carry > 0 do
    limbs[#limbs + 1] = carry % BASE
    carry = floor(carry / BASE)
  end
end

local function power(limbs, base, exponent)
  local step = base == 2 and 20 or 9 -- 2^20 and 5^9 are below 2^23
  while exponent > 0 do
    local some = exponent < step and exponent or step
    multiply(limbs, base ^ some)
    exponent = exponent - some
  end
end

local function digitsOf(limbs)
  local out = {}
  for i = #limbs, 1, -1 do out[#out + 1] = ("%07d"):format(limbs[i]) end
  return (concat(out):gsub("^0+", ""))
end

-- The decimal text of limbs * 2^exponent.
local function decimal(limbs, exponent)
  if exponent >= 0 then
    power(limbs, 2, exponent)
    local digits = digitsOf(limbs)
    return digits == "" and "0" or digits
  end
  power(limbs, 5, -exponent) -- 2^-n is 5^n with n places
  local digits = digitsOf(limbs)
  if digits == "" then return "0" end
  digits = ("0"):rep(1 - exponent - #digits) .. digits
  return digits:sub(1, #digits + exponent) .. "." .. digits:sub(exponent)
end

-- ---- around a double

local DIGITS, LEAST = 53, -1074
local GREATEST = 1.7976931348623157e308

-- mantissa and exponent of a double that is not negative: whole numbers, of which the first is below 2^53.
local function parts(number)
  local fraction, exponent = frexp(number)
  local mantissa = fraction * 2 ^ DIGITS
  exponent = exponent - DIGITS
  if number == 0 or exponent < LEAST then
    mantissa, exponent = mantissa / 2 ^ (LEAST - exponent), LEAST
    if number == 0 then mantissa = 0 end
  end
  return mantissa, exponent
end

-- (mantissa * factor + more) * 2^exponent
local function text(mantissa, factor, more, exponent)
  local limbs = limbsOf(mantissa)
  multiply(limbs, factor, more)
  return decimal(limbs, exponent)
end

local function upper(mantissa, exponent) return text(mantissa, 2, 1, exponent - 1) end

-- Below a power of two the doubles lie twice as close.
local function lower(mantissa, exponent)
  if mantissa == 2 ^ (DIGITS - 1) and exponent > LEAST then return text(mantissa - 1, 4, 3, exponent - 2) end
  return text(mantissa - 1, 2, 1, exponent - 1)
end

---@class holdfast.postgres.Bounds
---@field lower? string   the lowest half-way point; nil: there is none
---@field upper? string   the highest one
---@field isClosed boolean  whether the half-way points themselves round to the double

--- The numerics that round to a double.
---@param number number  no NaN
---@return holdfast.postgres.Bounds
function M.around(number)
  if number < 0 then
    local mirrored = M.around(-number)
    local function negative(bound) return bound and "-" .. bound end
    return { lower = negative(mirrored.upper), upper = negative(mirrored.lower), isClosed = mirrored.isClosed }
  end
  if number > GREATEST then return { lower = upper(parts(GREATEST)), isClosed = true } end
  local mantissa, exponent = parts(number)
  local high = upper(mantissa, exponent)
  if mantissa == 0 then return { lower = "-" .. high, upper = high, isClosed = true } end
  return { lower = lower(mantissa, exponent), upper = high, isClosed = mantissa % 2 == 0 }
end

return M
