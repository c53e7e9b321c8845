-- SPDX-License-Identifier: MIT
--
-- The promises as a table of docs/reliability.md, with what the last large run of each saw.

local promises = require "promises"
local record = require "record"

local M = {}

local function grouped(n) return (tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")) end

local function largeRun(row)
  if not row then return "none yet" end
  return ("tried %s, lost %s; seeds %s, `%s`, %s"):format(grouped(row.tried), grouped(row.lost), row.seeds, row.commit,
    row.date)
end

--- Its lines.
---@param source string  the folder of the source tree
---@return string[]
function M.lines(source)
  local rows = record.read(source .. "/tests/fault/record.tsv")
  local lines = { "| promise | of | what happens | what holds | test, command | large run |",
    "|---|---|---|---|---|---|" }
  for _, promise in ipairs(promises.read(source).promises) do
    local test = promise.test.name:gsub("^fault/", "")
    lines[#lines + 1] = ("| <a id=\"%s\"></a>`%s` | %s | %s | %s | [%s](../%s), `%s` | %s |"):format(promise.name,
      promise.name, promise.who, promise.fault, promise.holds, test, promise.test.path, promises.command(promise),
      largeRun(rows[promise.name]))
  end
  return lines
end

return M
