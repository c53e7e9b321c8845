-- SPDX-License-Identifier: MIT
--
-- The table that bench.lua prints.  A row compares a time with its baseline; its
-- aim is the largest ratio that is good enough.  All aims are of this one kind, whatever
-- words they are set in:
--
--     "at least 2 times as fast"         aim 0.5
--     "at most 1.6 us above the scan"    aim (baseline + 1.6) / baseline
--
-- so that a row is met exactly if ratio <= aim.  A row without an aim informs only.

local Report = {}
Report.__index = Report

function Report.new() return setmetatable({ rows = {} }, Report) end

---@param samples number[]
---@return number
function Report.median(samples)
  local sorted = { unpack(samples) }
  table.sort(sorted)
  local middle = math.floor(#sorted / 2)
  if #sorted % 2 == 1 then return sorted[middle + 1] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

--- Adds a row, of the part that `part` of the report names.
---@param name string
---@param samples number[]   µs of each round (MiB in rows that say so)
---@param baseline number[]  the same of the baseline
---@param aim? number|fun(baseline: number): number  the largest good ratio
---@return {name: string, us: number, baseline_us: number, ratio: number, aim: number?, part: string?}
function Report:add(name, samples, baseline, aim)
  local us, base = Report.median(samples), Report.median(baseline)
  if type(aim) == "function" then aim = aim(base) end
  local row = { name = name, us = us, baseline_us = base, ratio = us / base, aim = aim,
    part = self.part }
  self.rows[#self.rows + 1] = row
  return row
end

--- An aim: at most `us` microseconds above the baseline.
function Report.above(us)
  return function(baseline) return (baseline + us) / baseline end
end

local function verdict(row)
  if not row.aim then return "" end
  return row.ratio <= row.aim and "ok" or "missed"
end

--- A number with about three digits.
---@param x number
---@return string
function Report.number(x)
  if x >= 100 then return string.format("%.0f", x) end
  return string.format(x >= 10 and "%.1f" or "%.3f", x)
end

local function cells(row)
  return {
    row.name, Report.number(row.us), Report.number(row.baseline_us), string.format("%.2f", row.ratio),
    row.aim and string.format("%.2f", row.aim) or "", verdict(row),
  }
end

local HEAD = { "name", "us", "baseline us", "ratio", "aim", "" }

-- UTF-8 characters of a text.
local function width(text) return select(2, text:gsub("[^\128-\191]", "")) end

--- The table as text for a terminal.
function Report:text()
  local lines, widths = { HEAD }, {}
  for _, row in ipairs(self.rows) do lines[#lines + 1] = cells(row) end
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do widths[i] = math.max(widths[i] or 0, width(cell)) end
  end
  for n, line in ipairs(lines) do
    local padded = {}
    for i, cell in ipairs(line) do
      local blank = string.rep(" ", widths[i] - width(cell))
      padded[i] = (i == 1 or i == #line) and cell .. blank or blank .. cell
    end
    lines[n] = (table.concat(padded, "  "):gsub(" +$", ""))
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The table in Markdown, for docs/performance.md.
---@param isWanted? fun(row: table): boolean  for some rows only
---@return string
function Report:markdown(isWanted)
  local lines = { "| what | µs | baseline µs | ratio | aim | |", "|---|---:|---:|---:|---:|---|" }
  for _, row in ipairs(self.rows) do
    if not isWanted or isWanted(row) then lines[#lines + 1] = "| " .. table.concat(cells(row), " | ") .. " |" end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The rows as JSON: an array of {name, us, baseline_us, ratio, aim}; aim is null where there is none.
---@param quote fun(text: string): string
function Report:json(quote)
  local lines = {}
  for i, row in ipairs(self.rows) do
    lines[i] = string.format(
      '  {"name": %s, "us": %.4f, "baseline_us": %.4f, "ratio": %.4f, "aim": %s}',
      quote(row.name), row.us, row.baseline_us, row.ratio, row.aim and string.format("%.4f", row.aim) or "null"
    )
  end
  return "[\n" .. table.concat(lines, ",\n") .. "\n]\n"
end

--- How many rows have an aim, and how many of those missed it.
function Report:score()
  local aims, missed = 0, 0
  for _, row in ipairs(self.rows) do
    if row.aim then aims = aims + 1 end
    if verdict(row) == "missed" then missed = missed + 1 end
  end
  return aims, missed
end

return Report
