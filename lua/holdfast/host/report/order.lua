-- SPDX-License-Identifier: MIT
--
-- Sorting long lists of records by a number, where what is equal keeps its order: table.sort does not, and calls a
-- function for each comparison, which LuaJIT does not compile.  It merges the runs that are in order already: there are
-- few, since what is stored comes by strategy and symbol, and of each in order of time.

local M = {}

-- Merges two runs that follow each other, [first, middle) and [middle, past), into another list.
local function merge(from, to, first, middle, past, field)
  local a, b = first, middle
  for place = first, past - 1 do
    if a < middle and (b >= past or from[a][field] <= from[b][field]) then
      to[place] = from[a]
      a = a + 1
    else
      to[place] = from[b]
      b = b + 1
    end
  end
end

-- Where runs begin that are in order, and the place after the last.
local function runsOf(list, field)
  local runs = { 1 }
  for i = 2, #list do
    if list[i - 1][field] > list[i][field] then runs[#runs + 1] = i end
  end
  runs[#runs + 1] = #list + 1
  return runs
end

--- Sorts a list.
---@param list table[]
---@param field string  of its records, a number in each
function M.by(list, field)
  local runs, from, to = runsOf(list, field), list, {}
  while #runs > 2 do
    local merged = {}
    for i = 1, #runs - 1, 2 do
      merged[#merged + 1] = runs[i]
      merge(from, to, runs[i], runs[i + 1], runs[i + 2] or runs[i + 1], field)
    end
    merged[#merged + 1] = #list + 1
    runs, from, to = merged, to, from
  end
  if from == list then return end
  for i = 1, #from do list[i] = from[i] end
end

return M
