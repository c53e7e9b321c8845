-- SPDX-License-Identifier: MIT
--
-- Pages of rows: how large they are, which rows they have, and what is read of each.

local document = require "holdfast.backends.postgres.document"
local holdfast = require "holdfast"
local tables = require "holdfast.backends.postgres.table"

local M = {}

--- How many rows the first page has.
M.FIRST = 64
local LARGEST, BYTES = 2000, 1024 * 1024

--- The columns that say the revision of a row, its time, and when it expires.
M.INFO = ", xmin::text, floor(extract(epoch FROM updated_at::timestamptz) * 1000)::bigint::text"
  .. ", round(extract(epoch FROM until) * 1000)::bigint::text"

--- What a loop reads of each row beside its id.
M.KEYS, M.TEXTS, M.ENTRIES = "", ", data::text", ", data::text" .. M.INFO

--- Whether it is an id: what other programs may have stored under one that is none here is left out.
---@param id string
function M.isId(id) return #id >= 1 and #id <= 250 and not id:find("%c") end

function M.isAscii(text) return not text:find("[\128-\255]") end

--- Texts as an array literal.
---@param ids string[]
---@param from integer
---@param to integer
---@return string
function M.array(ids, from, to)
  local quoted = {}
  for i = from, to do quoted[#quoted + 1] = '"' .. ids[i]:gsub('[\\"]', "\\%0") .. '"' end
  return "{" .. table.concat(quoted, ",") .. "}"
end

--- How many rows the next page may have, by the bytes of this one.
---@param size integer
---@param rows integer
---@param bytes integer
---@param largest? integer
---@return integer
function M.nextSize(size, rows, bytes, largest)
  largest = largest or LARGEST
  local fits = rows > 0 and math.floor(BYTES / (bytes / rows + 1)) or largest
  return math.max(1, math.min(4 * size, largest, fits))
end

-- ---- which rows

local PAIR = '(entity_id COLLATE holdfast_natural, entity_id COLLATE "C")'

local AFTER_ALL = "\239\191\191" -- U+FFFF, which ICU sorts after every character

-- For the index: what begins alike lies together, if the beginning does not end within a number.
local function prefixBounds(prefix, conditions, give)
  local head = prefix:gsub("%d+$", "")
  if head == "" then return end
  for operator, bound in pairs({ [">="] = head, ["<"] = head .. AFTER_ALL }) do
    conditions[#conditions + 1] = ("entity_id COLLATE holdfast_natural %s %s"):format(operator, give(bound))
  end
end

--- Conditions on the rows of ASCII ids in a range.
---@param range holdfast.Range
---@param give fun(text: string): string  makes a parameter of a text
---@return string[]
function M.conditions(range, give)
  local conditions = { tables.ASCII }
  local function bound(operator, id)
    local given = give(id)
    conditions[#conditions + 1] = ("%s %s (%s, %s)"):format(PAIR, operator, given, given)
  end
  -- A bound beyond ASCII is for the caller, who looks at all that comes.
  if range.from and M.isAscii(range.from) then bound(">=", range.from) end
  if range.to and M.isAscii(range.to) then bound("<=", range.to) end
  if range.prefix then
    conditions[#conditions + 1] = ("starts_with(entity_id, %s)"):format(give(range.prefix))
    prefixBounds(range.prefix, conditions, give)
  end
  return conditions
end

--- That a row comes after the one with the given id.
---@param range holdfast.Range
---@param given string  the parameter
---@return string
function M.beyond(range, given) return ("%s %s (%s, %s)"):format(PAIR, range.reverse and "<" or ">", given, given) end

--- The order of the rows of a range.
---@param range holdfast.Range
---@return string
function M.order(range)
  local way = range.reverse and "DESC" or "ASC"
  return (' ORDER BY entity_id COLLATE holdfast_natural %s, entity_id COLLATE "C" %s'):format(way, way)
end

--- Whether an id comes before another one in the loop.
---@param range holdfast.Range
---@return fun(a: string, b: string): boolean
function M.before(range)
  if not range.reverse then return holdfast.naturalOrder end
  return function(a, b) return holdfast.naturalOrder(b, a) end
end

-- ---- what is read

---@class holdfast.postgres.Page
---@field ids string[]
---@field texts string[]
---@field revisions number[]
---@field times number[]
---@field expiries number[]
---@field count integer
---@field bytes integer  of the texts, as they were sent

--- An empty page.
---@return holdfast.postgres.Page
function M.new() return { ids = {}, texts = {}, revisions = {}, times = {}, expiries = {}, count = 0, bytes = 0 } end

--- Adds a row to a page.
---@param page holdfast.postgres.Page
---@param id string
---@param text string|false  as it was sent
---@param revision? string
---@param time? string|false
---@param expiry? string|false
function M.add(page, id, text, revision, time, expiry)
  page.bytes = page.bytes + (text and #text or 0)
  if not M.isId(id) then return end
  local count = page.count + 1
  page.count = count
  page.ids[count], page.texts[count] = id, text and document.unwrap(text)
  if not revision then return end
  page.revisions[count], page.times[count] = tonumber(revision), tonumber(time)
  if expiry then page.expiries[count] = tonumber(expiry) end
end

--- A result of the columns as a page.
---@param result string[]
---@param columns string
---@return holdfast.postgres.Page
function M.of(result, columns)
  local page, hasText, hasInfo = M.new(), columns ~= M.KEYS, columns == M.ENTRIES
  for i = 1, #result, result.columns do
    M.add(page, result[i], hasText and result[i + 1], hasInfo and result[i + 2] or nil, hasInfo and result[i + 3],
      hasInfo and result[i + 4])
  end
  return page
end

--- Adds a row as rows() gives it.
---@param page holdfast.postgres.Page
---@param id string
---@param row table
function M.addRow(page, id, row)
  local count = page.count + 1
  page.count = count
  page.ids[count], page.texts[count], page.revisions[count], page.times[count] = id, row[1], row[2], row[3]
  page.expiries[count] = row[4]
end

--- Rows by their ids: {[id] = {text, revision, time, expiry}}.
---@param result string[]
---@return table<string, table> rows
---@return integer bytes  of the texts
function M.rows(result)
  local rows, bytes, hasInfo = {}, 0, result.columns == 5
  for i = 1, #result, result.columns do
    local text = result[i + 1]
    bytes = bytes + (text and #text or 0)
    local row = { text and document.unwrap(text) }
    if hasInfo then
      row[2], row[3] = tonumber(result[i + 2]), tonumber(result[i + 3])
      row[4] = result[i + 4] and tonumber(result[i + 4]) or nil
    end
    rows[result[i]] = row
  end
  return rows, bytes
end

--- What is known of some ids.
---@param self table
---@param ids string[]
---@param from integer
---@param to integer
---@return table<string, table> rows
---@return integer bytes
function M.read(self, ids, from, to)
  return M.rows(self.connection:query("read", self.sql.readEntries, { M.array(ids, from, to) }))
end

return M
