-- SPDX-License-Identifier: MIT
--
-- Puts the tables of a run into a document, in place of those that are there.  A table follows a line that says by
-- which command it was made: `<!-- ./dev bench --only ask --markdown -->`.

local M = {}

local function readAll(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- The places of the first byte of the table and of the one after it; the table may be empty.
local function find(text, path, marker)
  local _, last = text:find("\n" .. marker .. "\n", 1, true)
  if not last then error(("bench: %s has no line %s"):format(path, marker), 0) end
  local first, after = last + 1, last + 1
  while text:find("^|", after) do
    after = (text:find("\n", after, true) or #text) + 1
  end
  return first, after
end

--- Exchanges one table.
---@param path string       the document
---@param options string    of ./dev bench, by which the table is found: " --only ask"
---@param markdown string
---@raise  if there is no such place
function M.replace(path, options, markdown)
  local text = readAll(path)
  local first, after = find(text, path, "<!-- ./dev bench" .. options .. " --markdown -->")
  local file = assert(io.open(path, "wb"))
  file:write(text:sub(1, first - 1), markdown, text:sub(after))
  assert(file:close())
end

return M
