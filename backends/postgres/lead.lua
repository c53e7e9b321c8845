-- SPDX-License-Identifier: MIT
--
-- Where in indexes the rows are that a condition does not refuse: for each field ranges of what an index has of it
-- (key.lua), and how those of several fields go together.
--
-- A lead is nil where the rows may be anywhere.  Otherwise it has ranges by the paths of fields, all of which hold, and
-- lists of leads, of each of which one holds.

local M = {}

-- ---- ranges
--
-- A list of {from, to}, in order and apart: from `from` on, up to but not with `to`, nil: the end.  What comes right
-- after a text is the text with a \0, so that a single one is a range, too.

local function after(text) return text .. "\0" end

local function isBefore(a, b) return b == nil or (a ~= nil and a < b) end

local function byStart(a, b) return a[1] < b[1] end

local function union(a, b)
  local all, out = {}, {}
  for _, ranges in ipairs { a, b } do
    for _, range in ipairs(ranges) do all[#all + 1] = { range[1], range[2] } end
  end
  table.sort(all, byStart)
  for _, range in ipairs(all) do
    local last = out[#out]
    if last and (last[2] == nil or range[1] <= last[2]) then
      if last[2] and isBefore(last[2], range[2]) then last[2] = range[2] end
    else
      out[#out + 1] = range
    end
  end
  return out
end

local function intersection(a, b)
  local out = {}
  for _, one in ipairs(a) do
    for _, other in ipairs(b) do
      local from = one[1] < other[1] and other[1] or one[1]
      local to = isBefore(one[2], other[2]) and one[2] or other[2]
      if isBefore(from, to) then out[#out + 1] = { from, to } end
    end
  end
  table.sort(out, byStart)
  return out
end

--- These texts alone.
---@param texts string[]
---@return table
function M.points(texts)
  local out = {}
  for i, text in ipairs(texts) do out[i] = { text, after(text) } end
  table.sort(out, byStart)
  return out
end

--- From the first text on, up to but not with the second; nil: from the beginning, to the end.
---@param from? string
---@param to? string
---@return table
function M.range(from, to) return { { from or "", to } } end

M.after, M.union = after, union

-- ---- leads

---@class holdfast.postgres.Lead
---@field ranges table<string, {field: holdfast.postgres.Field, ranges: table}>
---@field lists holdfast.postgres.Lead[][]

--- To these ranges of a field.
---@param field holdfast.postgres.Field
---@param ranges table
---@return holdfast.postgres.Lead
function M.new(field, ranges) return { ranges = { [field.path] = { field = field, ranges = ranges } }, lists = {} } end

--- Where both hold.
---@param a? holdfast.postgres.Lead
---@param b? holdfast.postgres.Lead
---@return holdfast.postgres.Lead?
function M.both(a, b)
  if not a or not b or a == b then return a or b end
  local out = { ranges = {}, lists = {} }
  for _, lead in ipairs { a, b } do
    for path, of in pairs(lead.ranges) do
      local known = out.ranges[path]
      out.ranges[path] = { field = of.field,
        ranges = known and intersection(known.ranges, of.ranges) or of.ranges }
    end
    for _, list in ipairs(lead.lists) do out.lists[#out.lists + 1] = list end
  end
  return out
end

-- The only field of a lead; nil where there are others, or lists.
local function onlyOf(lead)
  local path, of = next(lead.ranges)
  if path and next(lead.ranges, path) == nil and not lead.lists[1] then return path, of end
  return nil
end

-- Adds a lead to a list; those of one field become one.
local function addTo(list, lead)
  local path, of = onlyOf(lead)
  for i, other in ipairs(list) do
    local otherPath, known = onlyOf(other)
    if path and otherPath == path then
      list[i] = M.new(of.field, union(known.ranges, of.ranges))
      return
    end
  end
  list[#list + 1] = lead
end

--- Where one of the two holds.
---@param a? holdfast.postgres.Lead
---@param b? holdfast.postgres.Lead
---@return holdfast.postgres.Lead?
function M.either(a, b)
  if not a or not b or a == b then return a and b end
  local list = {}
  for _, lead in ipairs { a, b } do
    local isList = next(lead.ranges) == nil and #lead.lists == 1
    for _, each in ipairs(isList and lead.lists[1] or { lead }) do addTo(list, each) end
  end
  return #list == 1 and list[1] or { ranges = {}, lists = { list } }
end

-- ---- as SQL

-- A range that is more than one text, as a condition.
local function rangeText(key, from, to, give)
  local parts = {}
  local function add(operator, bound) parts[#parts + 1] = key .. operator .. give("text", (bound:gsub("%z", ""))) end
  local isOpen, isClosed = from:sub(-1) == "\0", to and to:sub(-1) == "\0"
  if from ~= "" then add(isOpen and " > " or " >= ", from) end
  if to then add(isClosed and " <= " or " < ", to) end
  return parts[1] and table.concat(parts, " AND ") or "TRUE"
end

-- Each range of a field as a condition; those of one text are one condition.
local function conditionsOf(of, give)
  local key, points, out = of.field:key(give), {}, {}
  for _, range in ipairs(of.ranges) do
    local from, to = range[1], range[2]
    if to == after(from) then
      points[#points + 1] = give("text", from)
    else
      out[#out + 1] = rangeText(key, from, to, give)
    end
  end
  if points[1] then out[#out + 1] = ("%s IN (%s)"):format(key, table.concat(points, ", ")) end
  return out, #points == #of.ranges
end

local function joined(parts, word)
  if #parts == 1 then return parts[1] end
  return "(" .. table.concat(parts, ") " .. word .. " (") .. ")"
end

-- What a lead says by one index: of its first fields, as many as the lead has; all but the last of them single texts.
-- The server goes along an index for each range of the last one, within those before it.
local function byIndex(lead, index, give)
  local before, last = {}, nil
  for _, field in ipairs(index) do
    local of = lead.ranges[field.path]
    if not of then break end
    local conditions, isPoints = conditionsOf(of, give)
    if #conditions == 0 then return "FALSE" end
    last = conditions
    if not isPoints then break end
    before[#before + 1] = conditions[1]
  end
  if not last then return nil end
  if last[1] == before[#before] then before[#before] = nil end
  local arms = {}
  for i, condition in ipairs(last) do
    local parts = { unpack(before) }
    parts[#parts + 1] = condition
    arms[i] = table.concat(parts, " AND ")
  end
  return joined(arms, "OR")
end

--- What the lead says by indexes; nil: nothing.
---@param lead? holdfast.postgres.Lead
---@param indexes holdfast.postgres.Field[][]
---@param give holdfast.postgres.Give
---@return string?
function M.sql(lead, indexes, give)
  if not lead then return nil end
  local parts, known = {}, {}
  local function addPart(sql)
    if sql and not known[sql] then
      known[sql] = true
      parts[#parts + 1] = sql
    end
  end
  for _, index in ipairs(indexes) do addPart(byIndex(lead, index, give)) end
  for _, list in ipairs(lead.lists) do
    local arms = {}
    for i, each in ipairs(list) do
      local sql = M.sql(each, indexes, give)
      if not sql then
        arms = nil
        break
      end
      arms[i] = sql
    end
    if arms then addPart(joined(arms, "OR")) end
  end
  return parts[1] and joined(parts, "AND")
end

return M
