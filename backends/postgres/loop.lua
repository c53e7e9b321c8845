-- SPDX-License-Identifier: MIT
--
-- Loops over a table, in natural order.
--
-- Ids of printable ASCII are ordered by the server, by an ICU collation that compares as the contract does, a page at a
-- time.  For other characters ICU has an order of its own, so that the ids that have some are listed, sorted here, and
-- merged in.  A loop that asks has what it asks for found by the server (found.lua).

local found = require "holdfast.backends.postgres.found"
local holdfast = require "holdfast"
local pages = require "holdfast.backends.postgres.page"

local M = {}

M.KEYS, M.TEXTS, M.ENTRIES, M.INFO = pages.KEYS, pages.TEXTS, pages.ENTRIES, pages.INFO
M.array = pages.array

local isId = pages.isId

-- ---- the server's order

-- The SQL of a page of ASCII ids with these columns, and its values but for the last id and the size.
local function pageQuery(self, range, columns)
  local values = {}
  local function give(text)
    values[#values + 1] = text
    return ("$%d::text"):format(#values)
  end
  local conditions = pages.conditions(range, give)
  local tail = pages.order(range) .. (" LIMIT $%d::int"):format(#values + 1)
  local head = "SELECT entity_id" .. columns .. self.from .. " WHERE "
  local firstSql = head .. table.concat(conditions, " AND ") .. tail
  conditions[#conditions + 1] = pages.beyond(range, ("$%d::text"):format(#values + 2))
  return firstSql, head .. table.concat(conditions, " AND ") .. tail, values
end

-- Gives page after page of all rows.
local function plainPages(self, range, columns)
  local firstSql, nextSql, values = pageQuery(self, range, columns)
  local size, last, given, ended = pages.FIRST, nil, #values, false
  return function()
    if ended then return nil end
    values[given + 1], values[given + 2] = tostring(size), last
    local result = self.connection:query("read", last and nextSql or firstSql, values)
    last = result[#result - result.columns + 1]
    ended = result.rows < size
    local page = pages.of(result, columns)
    size = pages.nextSize(size, result.rows, page.bytes)
    return page
  end
end

-- Steps through the ASCII ids.
local function asciiSteps(self, range, columns, asked)
  if range.prefix and not pages.isAscii(range.prefix) then return function() end end
  local nextPage = asked and found.pages(self, range, columns, asked) or plainPages(self, range, columns)
  local page, at = nil, 0
  return function()
    while not page or at == page.count do
      page, at = nextPage(), 0
      if not page then return nil end
    end
    at = at + 1
    return page.ids[at], page.texts[at], page.revisions[at], page.times[at], page.expiries[at]
  end
end

-- ---- other ids

-- Those that are not ASCII, in order.
local function otherIds(self, range, asked)
  local ids, prefix = {}, range.prefix or ""
  local result = asked and found.others(self, asked) or self.connection:query("read", self.sql.others)
  for _, id in ipairs(result) do
    if isId(id) and id:sub(1, #prefix) == prefix then ids[#ids + 1] = id end
  end
  table.sort(ids, pages.before(range))
  return ids
end

-- Steps through them.
local function otherSteps(self, range, columns, asked)
  local ids = otherIds(self, range, asked)
  local at, texts, upTo = 0, {}, 0
  return function()
    while true do
      at = at + 1
      local id = ids[at]
      if not id or columns == M.KEYS then return id end
      if at > upTo then
        upTo = math.min(at + pages.FIRST - 1, #ids)
        texts = pages.read(self, ids, at, upTo)
      end
      if texts[id] then return id, unpack(texts[id], 1, 4) end -- else it has gone
    end
  end
end

-- ---- both

--- Steps through the entities of a range.
---@param self table     an instance of the class
---@param range? holdfast.Range
---@param columns string KEYS, TEXTS or ENTRIES
---@return fun(): string?, string?, number?, number?, number?
function M.steps(self, range, columns)
  range = range or {}
  local asked = columns ~= M.KEYS and found.asked(range) or nil
  local nextAscii, nextOther = asciiSteps(self, range, columns, asked), otherSteps(self, range, columns, asked)
  local a, aText, aRevision, aTime, aExpiry = nextAscii()
  local b, bText, bRevision, bTime, bExpiry = nextOther()
  local before = holdfast.naturalOrder
  return function()
    local fromAscii = a and (not b or before(a, b) ~= (range.reverse or false))
    local id, text, revision, time, expiry
    if fromAscii then
      id, text, revision, time, expiry = a, aText, aRevision, aTime, aExpiry
      a, aText, aRevision, aTime, aExpiry = nextAscii()
    else
      id, text, revision, time, expiry = b, bText, bRevision, bTime, bExpiry
      if b then b, bText, bRevision, bTime, bExpiry = nextOther() end
    end
    return id, text, revision, time, expiry
  end
end

return M
