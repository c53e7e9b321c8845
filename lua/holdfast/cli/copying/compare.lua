-- SPDX-License-Identifier: MIT
--
-- Comparing two stores: both are read in order, side by side, and hashed on the way.
-- Values are compared by what they mean, since a store may keep JSON in a form of its own:
-- decoded, and written again with the keys of objects in order.  What is damaged is never equal to anything.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local hash = require "holdfast.util.hash"

local encode, isArray = core.json.encode, core.json.isArray

local SHOWN = 10 -- differing ids that are named, for each entity name

local M = {}

local write

local function writeArray(value, out)
  out[#out + 1] = "["
  for i = 1, #value do
    if i > 1 then out[#out + 1] = "," end
    write(value[i], out)
  end
  out[#out + 1] = "]"
end

local function writeObject(value, out)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, key in ipairs(keys) do
    if i > 1 then out[#out + 1] = "," end
    out[#out + 1] = encode(key)
    out[#out + 1] = ":"
    write(value[key], out)
  end
  out[#out + 1] = "}"
end

function write(value, out)
  if type(value) ~= "table" then
    out[#out + 1] = encode(value)
  elseif isArray(value) then
    writeArray(value, out)
  else
    writeObject(value, out)
  end
end

--- The one text for all JSON texts of equal meaning.
---@param json string
---@return string
function M.canonical(json)
  local out = {}
  write(core.json.decode(json), out)
  return table.concat(out)
end

local function newSide()
  return { count = 0, hash = hash.new() }
end

local function addTo(side, id, canonical)
  side.count = side.count + 1
  side.hash:add(id)
  side.hash:add("\0")
  side.hash:add(canonical)
  side.hash:add("\n")
end

local function note(result, problem, id, where)
  result[problem] = result[problem] + 1
  if #result.first < SHOWN then
    result.first[#result.first + 1] = { problem = problem, id = id, where = where }
  end
end

-- What the next step looks at: "missing" if only the source has it, "extra" if only the target has it, "both".
local function which(sourceId, targetId)
  if sourceId == targetId then return "both" end
  if not targetId then return "missing" end
  if not sourceId then return "extra" end
  local ok, before = pcall(holdfast.naturalOrder, sourceId, targetId)
  if not ok then return pcall(holdfast.naturalOrder, sourceId, sourceId) and "extra" or "missing" end -- no valid id
  return before and "missing" or "extra"
end

-- Takes an id that one side or both have: what it is on each, and what is to be said of it.
local function compareOne(result, found, source, target)
  local sourceDamaged = found ~= "extra" and source.damage ~= nil
  local targetDamaged = found ~= "missing" and target.damage ~= nil
  local sourceValue = found ~= "extra" and not sourceDamaged and M.canonical(source.json) or nil
  local targetValue = found ~= "missing" and not targetDamaged
    and (sourceValue and target.json == source.json and sourceValue or M.canonical(target.json)) or nil
  if sourceValue then addTo(result.source, source.id, sourceValue) end
  if targetValue then addTo(result.target, target.id, targetValue) end
  local id = found == "extra" and target.id or source.id
  if sourceDamaged or targetDamaged then
    note(result, "damaged", id, sourceDamaged and targetDamaged and "both" or sourceDamaged and "source" or "target")
  elseif found ~= "both" then
    note(result, found, id)
  elseif sourceValue ~= targetValue then
    note(result, "different", id)
  end
end

--- Compares the entities of one name, which two iterators give in natural order: id and JSON text, or id, nil and what
--- is damaged (scan.lua).
---@param nextSource fun(): string?, string?, table?
---@param nextTarget fun(): string?, string?, table?
---@param step fun()  called for each id
---@return table result  source and target {count=, hash=}; how many are missing, extra, different, damaged; the first
---of them
function M.compare(nextSource, nextTarget, step)
  local result = { missing = 0, extra = 0, different = 0, damaged = 0, first = {}, source = newSide(),
    target = newSide() }
  local source, target = {}, {}
  source.id, source.json, source.damage = nextSource()
  target.id, target.json, target.damage = nextTarget()
  while source.id or target.id do
    local found = which(source.id, target.id)
    compareOne(result, found, source, target)
    step()
    if found ~= "extra" then source.id, source.json, source.damage = nextSource() end
    if found ~= "missing" then target.id, target.json, target.damage = nextTarget() end
  end
  result.equal = result.missing + result.extra + result.different + result.damaged == 0
  for _, side in ipairs { result.source, result.target } do side.hash = side.hash:text() end
  return result
end

return M
