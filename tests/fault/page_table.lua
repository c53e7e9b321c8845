-- SPDX-License-Identifier: MIT
--
-- The promises as a table of docs/reliability.md, with what the last large run of each saw.  Those of one test stand
-- together, as its head has them: one may say "the same" of the one before.

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
  for _, test in ipairs(promises.testsOf(promises.read(source).promises)) do
    for _, promise in ipairs(test.promises) do
      lines[#lines + 1] = ("| <a id=\"%s\"></a>`%s` | %s | %s | %s | [%s](../%s), `%s` | %s |"):format(promise.name,
        promise.name, promise.who, promise.fault, promise.holds, (test.name:gsub("^fault/", "")), test.path,
        promises.command(promise), largeRun(rows[promise.name]))
    end
  end
  return lines
end

return M
