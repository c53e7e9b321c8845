-- SPDX-License-Identifier: MIT
--
-- How Lua spells what other languages write in another way: for code that is no Lua.

-- As they are now: what is typed may replace them.
local ipairs, table =
  ipairs, table

local M = {}

-- In the order in which they are looked for, so that `!=` is not taken for `!`.
local OTHERS = {
  { "!==", "~=" }, { "!=", "~=" }, { "===", "==" }, { "&&", "and" }, { "||", "or" }, { "<>", "~=" }, { "!", "not" },
}

-- The code without what stands in quotes.
local function bare(code)
  local parts, at = {}, 1
  while true do
    local from, _, quote = code:find("([\"'])", at)
    if not from then return table.concat(parts) .. code:sub(at) end
    parts[#parts + 1] = code:sub(at, from - 1)
    at = from + 1
    while at <= #code and code:sub(at, at) ~= quote do at = at + (code:sub(at, at) == "\\" and 2 or 1) end
    at = at + 1
  end
end

--- What to write in place of signs that Lua does not have: a piece of text that goes on after a message; "" where there
--- are none in the code.
---@param code string
---@return string
function M.hint(code)
  local rest, hints = bare(code), {}
  for _, pair in ipairs(OTHERS) do
    local theirs, ours = pair[1], pair[2]
    if rest:find(theirs, 1, true) then
      rest = rest:gsub(theirs:gsub("%p", "%%%0"), " ")
      hints[#hints + 1] = ("'%s' for '%s'"):format(ours, theirs)
    end
  end
  return #hints > 0 and "; Lua writes " .. table.concat(hints, ", ") or ""
end

return M
