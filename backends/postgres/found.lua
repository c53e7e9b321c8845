-- SPDX-License-Identifier: MIT
--
-- Loops that ask: the server leaves out the rows to which the condition is a sure no (condition.lua), and what it gives
-- is asked here as ever.
--
-- One statement over the whole table is what finds them fastest, by an index or by looking at every row in whatever
-- order they lie; they are then put in order here, and the large ones among them read when their turn comes.  But a
-- loop may end after the first entity, may ask for something else after each, or begin close to the end of a large
-- table.  So it goes through the first rows in their order, in slices, but where an index leads to a few; and through
-- all of them where that is the better way: where the server would need too long for the whole at once, where little is
-- left, or where too many are found.

local condition = require "holdfast.backends.postgres.condition"
local indexes = require "holdfast.backends.postgres.index"
local keys = require "holdfast.backends.postgres.key"
local pages = require "holdfast.backends.postgres.page"
local statements = require "holdfast.backends.postgres.statement"
local tables = require "holdfast.backends.postgres.table"

local M = {}

-- Rows that a slice looks at, at most; rows that the statement over the whole table may find, and how many bytes they
-- may have on the server to come with it.
local LARGEST_SLICE, MOST, SMALL = 4096, 5000, 2000

-- The server's estimate above which it is not asked for the whole at once: about a third of a second, or 300 MB, where
-- an operation has five seconds.  Below the second one no index or table is worth a look at what is left.
local DEAR, CHEAP, USUAL_TIMEOUT = 40000, 200, 5

-- The whole is worth it where at least one in so many rows is left.
local LEFT = 64

-- How many rows are looked at in their order before the whole is asked for, by expression: more, after what that found
-- was not used to its end.
local patience = setmetatable({}, { __mode = "k" })
local IMPATIENT, IN_VAIN = 64, 16

---@class holdfast.postgres.Asked
---@field expression table
---@field parameters any[]
---@field statement table  in which all statements of the loop are made
---@field sql string       what a row must be
---@field plan? table       the statement over the whole table, see planned()

-- What a loop gives its statements beside what is asked: a page's size and last id, the range's ends, its prefix, and
-- two bounds of that.
local OWN_PARAMETERS = 7

--- What a range asks; nil where the server could leave nothing out, or is not told because there is too much of it.
---@param range holdfast.Range
---@return holdfast.postgres.Asked?
function M.asked(range)
  if not range.where then return nil end
  local asked = { expression = range.where, parameters = range.parameters or {}, statement = statements.new() }
  asked.sql = condition.sql(asked.statement, asked.expression, asked.parameters)
  if not asked.sql then return nil end
  local _, values = asked.statement:finish(asked.sql)
  return #values + OWN_PARAMETERS <= statements.MAX and asked or nil
end

-- Runs a statement, which is planned for these values.
local function ask(self, statement, sql)
  local text, values = statement:finish(sql)
  return self.connection:query("read", text, values, "once")
end

--- The ids that are not ASCII.
---@param self table
---@param asked holdfast.postgres.Asked
---@return string[]
function M.others(self, asked)
  return ask(self, asked.statement, ("SELECT entity_id%s WHERE %s AND %s")
    :format(self.from, tables.NOT_ASCII, asked.sql))
end

-- ---- in slices

local function sliceSql(self, range, asked, size, last)
  local statement = asked.statement
  local function give(text) return statement:give("text", text) end
  local conditions = pages.conditions(range, give)
  if last then conditions[#conditions + 1] = pages.beyond(range, give(last)) end
  return ("SELECT * FROM (WITH page AS MATERIALIZED (SELECT entity_id, data, xmin AS revision, updated_at, until%s"
    .. " WHERE %s%s LIMIT %s)"
    .. " SELECT entity_id, data::text, revision::text, floor(extract(epoch FROM updated_at::timestamptz) * 1000)"
    .. "::bigint::text, round(extract(epoch FROM until) * 1000)::bigint::text FROM page WHERE %s UNION ALL"
    -- And the last one that was looked at, with how many those were.
    .. " SELECT entity_id, NULL, (SELECT count(*) FROM page)::text, NULL, NULL FROM"
    .. " (SELECT entity_id FROM page OFFSET (SELECT greatest(count(*) - 1, 0) FROM page)) AS last) AS found")
    :format(self.from, table.concat(conditions, " AND "), pages.order(range), statement:give("bigint", tostring(size)),
      asked.sql)
end

-- The rows of a slice, the last id that was looked at, and how many were.
local function slice(self, range, asked, size, last)
  local result = ask(self, asked.statement, sliceSql(self, range, asked, size, last))
  local page, mark = pages.new(), #result - 4
  for i = 1, mark - 1, 5 do
    pages.add(page, result[i], result[i + 1], result[i + 2], result[i + 3], result[i + 4])
  end
  return page, result[mark], tonumber(result[mark + 2]) or 0
end

-- ---- all at once

-- What the server thinks of a statement: its plan, and what that costs.
local function planOf(self, statement, sql)
  local lines = ask(self, statement, "EXPLAIN " .. sql)
  return lines, tonumber(lines[1]:match("%.%.([%d.]+) rows=")) or math.huge
end

local function saysOf(plan, pattern) return table.concat(plan, "\n"):find(pattern) ~= nil end

-- Whether the plan goes through all rows of the table, and whether one of our indexes leads to some.
local function scansAll(plan) return saysOf(plan, "Seq Scan on ") end
local function isLed(plan) return saysOf(plan, "Index Cond: %(+" .. keys.FUNCTION) end

-- The SQL that finds all of them by this condition, but for the columns and the limit.
local function wholeSql(self, range, asked, sql)
  local conditions = { sql }
  if range.prefix or (range.to and range.from) then -- else one of these is where the loop is
    local function give(text) return asked.statement:give("text", text) end
    for _, each in ipairs(pages.conditions(range, give)) do conditions[#conditions + 1] = each end
  end
  return self.from .. " WHERE " .. table.concat(conditions, " AND ")
end

-- The SQL that finds all of them, what the server will do, and what that costs.  What holds by indexes is left out
-- where it uses none of them: it would be looked at for each row.
local function planNew(self, range, asked)
  local statement, known = asked.statement, indexes.lookup(self)
  self.isIndexed = known[1] ~= nil
  if known[1] then
    local sql, byIndexes = condition.sql(statement, asked.expression, asked.parameters, known)
    local whole = byIndexes and wholeSql(self, range, asked, ("(%s) AND (%s)"):format(byIndexes, sql))
    if whole and statement:finish(whole) then
      local plan, cost = planOf(self, statement, "SELECT entity_id" .. whole)
      if isLed(plan) then return whole, plan, cost end
    end
  end
  local whole = wholeSql(self, range, asked, asked.sql)
  return whole, planOf(self, statement, "SELECT entity_id" .. whole)
end

-- The same, thought of once in a loop.
local function planned(self, range, asked)
  if not asked.plan then asked.plan = { planNew(self, range, asked) } end
  return unpack(asked.plan)
end

-- Whether an index leads to a few rows.
local function isShort(self, range, asked)
  local _, plan, cost = planned(self, range, asked)
  return cost <= CHEAP and isLed(plan)
end

-- Whether enough rows are left after the last one.
local function isMuchLeft(self, range, last)
  local statement = statements.new()
  local beyond = last and " WHERE " .. pages.beyond(range, statement:give("text", last)) or ""
  local result = ask(self, statement, ("SELECT (SELECT count(*) FROM (SELECT 1%s%s%s LIMIT greatest(reltuples, 0) / %d)"
    .. " AS rest) >= floor(greatest(reltuples, 0) / %d), CASE WHEN reltoastrelid = 0 THEN 0 ELSE"
    .. " pg_relation_size(reltoastrelid) / 8192 END FROM pg_class WHERE oid = to_regclass(%s)")
    :format(self.from, beyond, pages.order(range), LEFT, LEFT, statement:give("text", self.table)))
  return result[1] == "t", tonumber(result[2] or 0)
end

-- The ids of rows in order: of those in the range after the last one.
local function inOrder(range, rows, last)
  local ids, before = {}, pages.before(range)
  local first, ending = range[range.reverse and "to" or "from"], range[range.reverse and "from" or "to"]
  for id in pairs(rows) do
    local isNext = (not last or before(last, id)) and not (ending and before(ending, id))
    local isBefore = first and before(id, first)
    if isNext and not isBefore and pages.isId(id) and pages.isAscii(id) then ids[#ids + 1] = id end
  end
  table.sort(ids, before)
  return ids
end

-- What a row gives beside its id: not the texts of large ones, of which there may be too many.
local function columnsOf(columns)
  return ("entity_id, CASE WHEN pg_column_size(data) <= %d THEN data::text END%s")
    :format(SMALL, columns == pages.ENTRIES and pages.INFO or "")
end

-- All rows after the last one by their ids, and these in order; nil where slices are the better way.
local function whole(self, range, columns, asked, last)
  local statement = asked.statement
  local sql, plan, cost = planned(self, range, asked)
  local dear = DEAR * self.connection.settings.timeout / USUAL_TIMEOUT
  if cost > dear then return nil end
  if cost > CHEAP then
    local isMuch, further = isMuchLeft(self, range, last)
    if not isMuch or (scansAll(plan) and cost + further > dear) then return nil end
  end
  local ok, result = pcall(ask, self, statement, ("SELECT %s%s LIMIT %d"):format(columnsOf(columns), sql, MOST + 1))
  if not ok then
    if result.code == "timeout" and self.connection.depth == 0 then return nil end
    error(result, 0)
  end
  if result.rows > MOST then return nil end
  local rows = pages.rows(result)
  return rows, inOrder(range, rows, last)
end

-- Gives these rows, page after page.
local function pagesOf(self, rows, ids, ended)
  local at, size = 1, pages.FIRST
  return function()
    if at > #ids then return ended() end
    local upTo, large = math.min(at + size - 1, #ids), {}
    for i = at, upTo do
      if not rows[ids[i]][1] then large[#large + 1] = ids[i] end
    end
    local further = rows
    if large[1] then
      local bytes
      further, bytes = pages.read(self, large, 1, #large)
      size = pages.nextSize(size, upTo - at + 1, bytes)
    end
    local page = pages.new()
    for i = at, upTo do
      local row = rows[ids[i]][1] and rows[ids[i]] or further[ids[i]]
      if row then pages.addRow(page, ids[i], row) end -- else it has gone
      rows[ids[i]] = nil
    end
    at = upTo + 1
    return page
  end
end

-- ---- both

--- Gives page after page of what the server does not refuse.
---@param self table
---@param range holdfast.Range
---@param columns string
---@param asked holdfast.postgres.Asked
---@return fun(): holdfast.postgres.Page?
function M.pages(self, range, columns, asked)
  local size, last, looked, ended = pages.FIRST, nil, 0, false
  local expression, further, tried = asked.expression, nil, false
  local function all()
    tried = true
    local rows, ids = whole(self, range, columns, asked, last)
    if not rows then return end
    if last then patience[expression] = (patience[expression] or IMPATIENT) * IN_VAIN end
    further = pagesOf(self, rows, ids, function() patience[expression] = nil end)
  end
  local function isTime()
    if not last then return self.isIndexed and isShort(self, range, asked) end
    return looked >= (patience[expression] or IMPATIENT)
  end
  return function()
    if not tried and not ended and isTime() then all() end
    if further then return further() end
    if ended then return nil end
    local page, mark, count = slice(self, range, asked, size, last)
    last, looked, ended = mark or last, looked + count, count < size
    size = pages.nextSize(size, count, page.bytes, LARGEST_SLICE)
    return page
  end
end

-- ---- for people

--- The statement that finds what a range asks for, with its values and the server's plan; nil where it is not asked.
---@param self table
---@param range holdfast.Range
---@return string?
function M.statementFor(self, range)
  local asked = M.asked(range)
  if not asked then return nil end
  local sql, plan = planned(self, range, asked)
  local text, values = asked.statement:finish("SELECT entity_id, data::text" .. sql)
  local lines = { text }
  for i, value in ipairs(values) do
    lines[#lines + 1] = ("$%d: %s"):format(i, #value > 200 and value:sub(1, 200) .. "..." or value)
  end
  lines[#lines + 1] = "the server's plan:"
  for _, line in ipairs(plan) do lines[#lines + 1] = line end
  return table.concat(lines, "\n")
end

return M
