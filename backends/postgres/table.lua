-- SPDX-License-Identifier: MIT
--
-- The table of a collection: "persist_" and its name, as the framework's programs have it.  A name in lower case
-- letters, digits and underscores gives the very table that they use; any other name gives a quoted one of its own,
-- so that no two names share a table.

local M = {}

local LONGEST = 55 -- of PostgreSQL's 63 bytes

-- Whether an id has characters beyond ASCII, asked in a way that makes the planner expect it of few.
M.NOT_ASCII = "least(octet_length(entity_id) - char_length(entity_id), 1) = 1"
M.ASCII = "least(octet_length(entity_id) - char_length(entity_id), 1) <> 1"

-- 64 bits of a name, in hexadecimal digits.
local function digest(name)
  local a, b = 2166136261, 5381
  for i = 1, #name do
    local byte = name:byte(i)
    a = bit.bxor(a, byte)
    a = bit.tobit(a * 403 + bit.lshift(a, 24)) -- FNV's prime, 2^24 + 403, in steps that a double holds
    b = bit.bxor(bit.tobit(bit.lshift(b, 5) + b), byte)
  end
  return bit.tohex(a) .. bit.tohex(b)
end

-- The first bytes of a text, up to the end of a character.
local function head(text, size)
  while size > 0 and text:byte(size + 1) and text:byte(size + 1) >= 0x80 and text:byte(size + 1) < 0xC0 do
    size = size - 1
  end
  return text:sub(1, size)
end

--- The table's name, not quoted.  A long entity name is cut and gets a digest; the whole one is then the comment of the
--- table.
---@param entityName string
---@return string name
---@return boolean cut
function M.name(entityName)
  if #entityName <= LONGEST and not entityName:find("~%x+$") then return "persist_" .. entityName, false end
  return "persist_" .. head(entityName, 30) .. "~" .. digest(entityName), true
end

function M.quote(name) return '"' .. name:gsub('"', '""') .. '"' end

--- A text in a statement, whatever the server takes a backslash for.
---@param text string
---@return string
function M.literal(text)
  local quoted = "'" .. text:gsub("'", "''") .. "'"
  if not text:find("\\", 1, true) then return quoted end
  return " E" .. quoted:gsub("\\", "\\\\")
end

-- The name of an index, which must not be longer than that of the table may be.
local function index(table, purpose)
  local name = "idx_" .. table .. "_" .. purpose
  if #name > 63 then name = "idx_" .. head(table, 30) .. "~" .. digest(table) .. "_" .. purpose end
  return M.quote(name)
end

--- The index that gives the natural order, quoted.
---@param entityName string
---@return string
function M.naturalIndex(entityName) return index((M.name(entityName)), "natural") end

--- The index by which what has expired is found, quoted.
---@param entityName string
---@return string
function M.expiryIndex(entityName) return index((M.name(entityName)), "expires") end

--- The index over some paths, quoted.
---@param entityName string
---@param paths string  with commas between
---@return string
function M.index(entityName, paths)
  local table = M.name(entityName)
  local name = "idx_" .. table .. "_by~" .. digest(paths)
  if #name > 63 then name = "idx_" .. head(table, 40) .. "~" .. digest(table .. "/" .. paths) end
  return M.quote(name)
end

--- The statements that make what a collection needs, where it is missing.
---@param entityName string
---@param further? string  columns of a table that is not there yet
---@return string[]
function M.definition(entityName, further)
  local name, cut = M.name(entityName)
  local quoted = M.quote(name)
  local statements = {
    "CREATE COLLATION IF NOT EXISTS holdfast_natural"
      .. " (provider = icu, locale = 'und-u-kn-true-ks-level1', deterministic = false)",
    "CREATE TABLE IF NOT EXISTS " .. quoted
      .. " (entity_id TEXT PRIMARY KEY, data JSONB NOT NULL, updated_at TIMESTAMP DEFAULT NOW()"
      .. (further and ", " .. further or "") .. ")",
    ("CREATE INDEX IF NOT EXISTS %s ON %s (updated_at)"):format(index(name, "updated"), quoted),
    ("CREATE INDEX IF NOT EXISTS %s ON %s (entity_id) WHERE %s"):format(index(name, "other"), quoted, M.NOT_ASCII),
    ('CREATE INDEX IF NOT EXISTS %s ON %s (entity_id COLLATE holdfast_natural, entity_id COLLATE "C")')
      :format(M.naturalIndex(entityName), quoted), -- the last one: that it is there means that all are
  }
  if cut then table.insert(statements, 3, ("COMMENT ON TABLE %s IS %s"):format(quoted, M.literal(entityName))) end
  return statements
end

--- The entity name of a table; nil where it is none of ours.
---@param table string
---@param comment? string
---@return string?
function M.entityName(table, comment)
  local name = table:match("^persist_(.+)$")
  if not name then return nil end
  if name:find("~%x+$") then name = comment end
  return name and M.name(name) == table and name or nil
end

return M
