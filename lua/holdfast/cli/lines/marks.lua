-- SPDX-License-Identifier: MIT
--
-- What tells a whole export from a cut one: the first line has a member that says that an export begins, the last one a
-- member with the number of lines and their checksum.  Both are the last members of lines about entities, not lines of
-- their own: each line is still one entity, and readers that know nothing of them need not.
--
--     {"entity":"e","id":"a","value":1,"exportBegin":1}
--     {"entity":"e","id":"b","value":2,"exportEnd":{"lines":2,"crc64":"..."}}
--
-- The first line of an export of collections that have indexes says which, in a member before its mark:
-- `exportIndexes`.
--
-- The checksum is of all lines, each with its line break, as they are without exportEnd.  Only an export of nothing has
-- a line of its own.

local core = require "holdfast.core"

local BEGIN = ',"exportBegin":1}'
local END = '^,"exportEnd":{"lines":(%d+),"crc64":"(%x+)"}}$'
local END_MAX = 80 -- bytes of the mark at the end of a line
local NOTHING = '{"exportBegin":1'

local M = {}

-- -------------------------------------------------------------------- writing

local Writer = {}
Writer.__index = Writer

--- Lines on their way out, which get their marks.  finish() must follow the last of them; without it nobody takes what
--- came out for a whole export.
---@param out fun(line: string)
---@param members? string  more of the first line, as JSON: ',"exportIndexes":[...]'
function M.writer(out, members)
  return setmetatable({ out = out, count = 0, sum = core.checksum(), begin = (members or "") .. BEGIN }, Writer)
end

--- A line that is a JSON object.  It goes out when the next one comes: the last one gets the mark.
---@param line string
function Writer:line(line)
  if self.held then
    self.out(self.held)
  else
    line = line:sub(1, -2) .. self.begin
  end
  self.count = self.count + 1
  self.sum:add(line)
  self.sum:add("\n")
  self.held = line
end

--- Ends the export.
function Writer:finish()
  local last = self.held and self.held:sub(1, -2) or NOTHING
  self.out(string.format('%s,"exportEnd":{"lines":%.0f,"crc64":"%s"}}', last, self.count, self.sum:text()))
end

-- -------------------------------------------------------------------- reading

local Reader = {}
Reader.__index = Reader

--- Looks at the lines of an import, one by one, for exports that are not whole.  There may be several, one after the
--- other, and lines that belong to none.
function M.reader()
  return setmetatable({ exports = 0, line = 0 }, Reader)
end

function Reader:note(problem, number)
  self.problem = self.problem or string.format(problem, number or self.line)
end

-- The line without its end mark, and what that says, if it has one.
local function takeEnd(line)
  local tail = line:sub(-END_MAX)
  local at = tail:find(',"exportEnd":{', 1, true)
  if not at then return line end
  local mark = tail:sub(at)
  local count, sum = mark:match(END)
  if not count then return line end
  return line:sub(1, -1 - #mark) .. "}", tonumber(count), sum
end

--- The next line that is not empty.
---@param line string
---@param number integer
function Reader:add(line, number)
  self.line = number
  if line:byte(-1) <= 32 then line = line:match("^(.-)%s*$") end
  local whole, count, sum = takeEnd(line)
  if whole:sub(-#BEGIN) == BEGIN or whole == NOTHING .. "}" then
    if self.sum then self:note("line %d begins another export, but the one before it has no end") end
    self.sum, self.count = core.checksum(), 0
  end
  if self.sum and not (count and whole == NOTHING .. "}") then
    self.count = self.count + 1
    self.sum:add(whole)
    self.sum:add("\n")
  end
  if count then self:checkEnd(count, sum) end
end

function Reader:checkEnd(count, sum)
  if not self.sum then
    self:note("line %d ends an export whose beginning is missing")
  elseif self.count ~= count then
    self:note(string.format("line %%d ends an export of %.0f lines, of which %.0f are here", count, self.count))
  elseif self.sum:text() ~= sum then
    self:note("the export that ends in line %d was changed since: its checksum does not match")
  end
  self.exports = self.exports + 1
  self.sum = nil
end

--- At the end of the lines: what is wrong, or nil; then whether there was an export at all.
---@return string? problem
---@return boolean marked
function Reader:finish()
  if self.sum then self:note("it ends after line %d, in the middle of an export: the rest is missing") end
  return self.problem, self.exports > 0 or self.problem ~= nil
end

return M
