-- SPDX-License-Identifier: MIT
--
-- Reading JSON lines: splitting a file into lines, and taking an object's members as
-- the texts they are, so that a value is stored as it was written and not as another
-- encoder would write it.

local core = require "holdfast.core"

local BLOCK = 65536

local M = {}

--- Iterates line number, line, and how many bytes have been read so far.  Lines may be of any length and hold any
--- byte; the last one needs no line break.
---@param file file*
---@return fun(): integer?, string?, integer?
function M.lines(file)
  local number, read = 0, 0
  local block, at = "", 1
  return function()
    local pieces
    while true do
      local stop = block:find("\n", at, true)
      if stop then
        local line = block:sub(at, stop - 1)
        at = stop + 1
        number = number + 1
        if pieces then
          pieces[#pieces + 1] = line
          line = table.concat(pieces)
        end
        return number, line, read
      end
      if at <= #block then
        pieces = pieces or {}
        pieces[#pieces + 1] = block:sub(at)
      end
      local message
      block, message = file:read(BLOCK)
      at = 1
      if not block then
        block = ""
        if message then error(core.error("io", "cannot read the input: " .. message), 0) end
        if not pieces then return nil end
        number = number + 1
        return number, table.concat(pieces), read
      end
      read = read + #block
    end
  end
end

-- The position after the string that begins at `at`.
local function skipString(text, at)
  at = at + 1
  while true do
    at = text:find('["\\]', at)
    if text:byte(at) == 34 then return at + 1 end
    at = at + 2
  end
end

-- The position after the value that begins at `at`.
local function skipValue(text, at)
  local first = text:byte(at)
  if first == 34 then return skipString(text, at) end
  if first ~= 123 and first ~= 91 then return text:find("[,%]}%s]", at) or #text + 1 end
  local depth = 0
  while true do
    at = text:find('["%[%]{}]', at)
    local c = text:byte(at)
    if c == 34 then
      at = skipString(text, at)
    else
      depth = depth + ((c == 123 or c == 91) and 1 or -1)
      at = at + 1
      if depth == 0 then return at end
    end
  end
end

--- The text of the member with this name; of several, the last.  The text must be valid JSON of an object.
---@param text string
---@param name string
---@return string?
function M.member(text, name)
  local found
  local at = text:find("%S", text:find("{", 1, true) + 1)
  while text:byte(at) == 34 do
    local stop = skipString(text, at)
    local key = text:sub(at + 1, stop - 2)
    if key:find("\\", 1, true) then key = core.json.decode(text:sub(at, stop - 1)) end
    local from = text:find("%S", text:find(":", stop, true) + 1)
    stop = skipValue(text, from)
    if key == name then found = text:sub(from, stop - 1) end
    at = text:find("%S", stop)
    if text:byte(at) == 44 then at = text:find("%S", at + 1) end
  end
  return found
end

return M
