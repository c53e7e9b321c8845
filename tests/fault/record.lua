-- SPDX-License-Identifier: MIT
--
-- The record of large runs, record.tsv: a line for each promise with what the last one saw, by hand, of which sources,
-- and when.  docs/reliability.md has it in its table.
--
--     promise  tried  lost  seeds  commit  date
--
-- What is recorded of other seeds at the same commit is added; another commit begins again.

local parts = require "parts"

local M = {}

local HEAD = "# What large runs saw, written by ./dev fault --record: promise, tried, lost, seeds, commit, date\n"

---@class FaultRow
---@field tried integer
---@field lost integer
---@field seeds string  such as "1-40, 55"
---@field commit string
---@field date string  2026-11-28

--- The rows of a record, by promise; none if there is no such file.
---@param path string
---@return table<string, FaultRow>
function M.read(path)
  local file, rows = io.open(path, "rb"), {}
  if not file then return rows end
  local number = 0
  for line in file:lines() do
    number = number + 1
    if not line:find("^#") then
      local name, tried, lost, seeds, commit, date =
        line:match("^([%l%d%-]+)\t(%d+)\t(%d+)\t([%d, %-]+)\t(%x+)\t(%d%d%d%d%-%d%d%-%d%d)$")
      if not name then error(("%s:%d: is no row of a record"):format(path, number), 0) end
      if rows[name] then error(("%s:%d: a second row of %s"):format(path, number, name), 0) end
      rows[name] = { tried = tonumber(tried), lost = tonumber(lost), seeds = seeds, commit = commit, date = date }
    end
  end
  file:close()
  return rows
end

---@param path string
---@param rows table<string, FaultRow>
function M.write(path, rows)
  local names, lines = {}, { HEAD }
  for name in pairs(rows) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local row = rows[name]
    lines[#lines + 1] = table.concat({ name, row.tried, row.lost, row.seeds, row.commit, row.date }, "\t") .. "\n"
  end
  local file = assert(io.open(path .. ".new", "wb"))
  assert(file:write(table.concat(lines)))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

-- Both lists of seeds as one, or nil if they share a seed.
local function joined(one, other)
  local seen, all = {}, {}
  for _, seed in ipairs(parts.numbers(one)) do
    seen[seed] = true
    all[#all + 1] = seed
  end
  for _, seed in ipairs(parts.numbers(other)) do
    if seen[seed] then return nil end
    all[#all + 1] = seed
  end
  table.sort(all)
  return parts.ranges(all)
end

--- What to record where `old` stands: both together if they are of one commit and of different seeds, or else `new`.
---@param old FaultRow?
---@param new FaultRow
---@return FaultRow
function M.merge(old, new)
  local seeds = old and old.commit == new.commit and joined(old.seeds, new.seeds)
  if not seeds then return new end
  return { tried = old.tried + new.tried, lost = old.lost + new.lost, seeds = seeds, commit = new.commit,
    date = new.date }
end

return M
