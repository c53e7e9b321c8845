-- SPDX-License-Identifier: MIT
--
-- Expressions at random, as Lua text: what predicates ask of entities.  Most are of the kinds that a condition can
-- have: paths compared with constants, upvalues and other paths, arithmetic, tests of strings and types.  With
-- `wild`, a few are none that anybody could understand, with effects or errors.

local documents = require "support.asked.documents"
local draws = require "support.asked.draws"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

---@class asked.Context
---@field draw asked.Draw
---@field shape asked.Shape
---@field roots {text: string, paths: {steps: any[], kind: string}[]}[]  variables that have (a part of) an entity
---@field locals string[]   other variables in scope
---@field upvalues boolean  whether there are any
---@field wild boolean      whether there is what no condition can say
---@field used table<string, boolean>  upvalues that were named
---@field zero? boolean   whether m1 is to be a zero, of either sign

-- ---- constants

local ODD = {
  "nil", "true", "false", "null", "0/0", "1/0", "-1/0", "-0", "0x10", "5LL", "{}", "holdfast.null",
  "string.find", "string.len", "print",
}

--- The text of a string.
function M.quoted(text) return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("%z", "\\0")) end

function M.number(c)
  if oneIn(c.draw, 4) then return pick(c.draw, documents.numbers) end
  return pick(c.draw, c.shape.numbers)
end

local function text(c)
  if oneIn(c.draw, 4) then return pick(c.draw, documents.strings) end
  return pick(c.draw, c.shape.strings)
end

function M.text(c) return M.quoted(text(c)) end

--- A constant, of this kind most of the time.
function M.constant(c, kind)
  if oneIn(c.draw, 7) then return pick(c.draw, ODD) end
  if kind == "number" or (kind ~= "string" and oneIn(c.draw, 2)) then
    return oneIn(c.draw, 9) and M.text(c) or M.number(c)
  end
  return oneIn(c.draw, 9) and M.number(c) or M.text(c)
end

-- ---- paths

local RESERVED = { ["then"] = true }

local function step(key)
  if type(key) == "number" then return "[" .. key .. "]" end
  if key:find "^[%a_][%w_]*$" and not RESERVED[key] then return "." .. key end
  return "[" .. M.quoted(key) .. "]"
end

local WRONG = {
  "[1]", "[0]", "[-1]", "[1.5]", "[2]", "[3]", "[100]", '["1"]', ".len", ".find", ".nothing", "[true]", "[2^53]",
  ".upper", ".match", ".sub",
}

-- The paths of all roots that have this kind.
local function ofKind(c, kind)
  local out = {}
  for _, root in ipairs(c.roots) do
    for _, path in ipairs(root.paths) do
      if path.kind == kind then out[#out + 1] = { root, path } end
    end
  end
  return out
end

-- Most of the time one of this kind, where there is any.
local function choose(c, kind)
  if kind and not oneIn(c.draw, 10) then
    local found = ofKind(c, kind)
    if found[1] then return unpack(pick(c.draw, found)) end
  end
  local root = pick(c.draw, c.roots)
  return root, pick(c.draw, root.paths)
end

--- A path, and the kind of what most entities have there.
---@param kind? string  that is wanted
---@return string
---@return string kind
function M.path(c, kind)
  local root, path = choose(c, kind)
  local parts = { root.text }
  for i, key in ipairs(path.steps) do parts[i + 1] = step(key) end
  local odd = c.draw(48)
  if odd == 48 then parts[#parts + 1] = step(pick(c.draw, c.shape.names)) end
  if odd == 47 then parts[#parts + 1] = pick(c.draw, WRONG) end
  if odd == 46 and #parts > 1 then parts[#parts] = step(pick(c.draw, documents.names)) end
  if odd == 45 and #parts > 1 then parts[#parts] = nil end
  if odd == 44 and c.wild then parts[#parts + 1] = "[" .. M.value(c, 1) .. "]" end
  return table.concat(parts), odd < 44 and path.kind or "any"
end

local UPVALUES = {
  "m1", "k1", "cfg.min", "self.min", "cfg.symbol", "k2", "m2", "self.symbol", "cfg.deep.x", "cfg[1]", "cfg.none",
  "self.none.x",
  "meta.x", "global1", "cfg",
}

local function upvalue(c)
  if not c.upvalues then return M.constant(c) end
  local named = pick(c.draw, UPVALUES)
  c.used[named:match "^%w+"] = true
  return named
end

local ID = { "id", "id", "#id", "id:sub(1, 1)" }

-- A value without operators in it.
local function leaf(c, kind)
  local way = c.draw(12)
  if way <= 4 and kind and not ofKind(c, kind)[1] then return M.constant(c, kind) end
  if way <= 4 then return (M.path(c, kind)) end
  if way <= 7 then return M.constant(c, kind) end
  if way <= 10 then return upvalue(c) end
  if way == 11 and c.locals[1] then return pick(c.draw, c.locals) end
  if way == 12 and c.id then return pick(c.draw, ID) end
  return (M.path(c))
end

-- ---- strings

-- What is asked of a string: S is it, T a text, P the same for a pattern, N a number.
local ON_STRINGS = {
  "S:find(T, 1, true)", "S:sub(1, N) == T", 'S:match("^P")', "#S > N", "S:find(T, 1, true) == 1", "S:sub(1, #T) == T",
  "S:sub(-(N)) == T", 'S:match("P$")', 'S:match("^P$")', "S:find(T, 1, true) ~= nil", "string.find(S, T, 1, true)",
  "#S == #T",
  'string.match(S, "^P")', "string.sub(S, N, N)", "S:sub(N, N) == T", "S:sub(N)", 'S:match("P")', 'S:match("^(P)")',
  'S:match("^P") == T', 'S:find("^P")', 'S:find("P$")', "S:len() == N", "S:find(T, N, true)", "S:find(T, 1, T)",
  "not S:find(T, 1, true)", "S:find(T)", "S:sub(T)", "S:match(T)", "find(S, T, 1, true)", "S:find(T, 1, false)",
  'S:match("^%d+$")', "S:sub(1.5, N)", "S:sub(1, -(N)) == T", "S:find(N, 1, true)", "S:find(nil, 1, true)",
  "(S):sub(N, 1e999)",
}
local WILD_ON_STRINGS = {
  "S:lower() == T", "S:upper()", "S:byte(N)", 'S:gsub("P", "")', "S:rep(2) == T", "tostring(S) == T", "tonumber(S)",
  'S:format(N) == T', "(S .. T) == T", "S:nothing()",
}

-- A text, or a piece of one.
local function piece(c)
  local whole = text(c)
  local way = c.draw(6)
  if way <= 3 then return whole end
  if way == 4 then return whole:sub(1, c.draw(4) - 1) end
  if way == 5 then return whole:sub(-c.draw(4)) end
  return whole:sub(c.draw(4), -c.draw(4))
end

local MAGIC = { ".", "*", "?", "-", "+", "%w", "[", "]", "$", "^", ")" }

local function pattern(c)
  local plain = piece(c)
  if oneIn(c.draw, 4) then plain = plain:sub(1, -2) .. pick(c.draw, MAGIC) end
  if oneIn(c.draw, 3) then plain = plain:gsub("%p", "%%%0") end
  return (M.quoted(plain):sub(2, -2))
end

-- `s:sub(-3, -2) == "ab"`, true for some text.
local function pieceTest(c)
  local first, last = c.draw(12) - 6, oneIn(c.draw, 3) and "" or c.draw(12) - 6
  local expected = text(c):sub(first, last ~= "" and last or -1)
  local arguments = last == "" and tostring(first) or first .. ", " .. last
  return ("%s:sub(%s) == %s"):format(M.path(c, "string"), arguments, M.quoted(expected))
end

--- A test of a string, or what it gives.
function M.onString(c)
  if oneIn(c.draw, 5) then return pieceTest(c) end
  local list = c.wild and oneIn(c.draw, 3) and WILD_ON_STRINGS or ON_STRINGS
  local subject = oneIn(c.draw, 8) and "(" .. leaf(c, "string") .. ")" or M.path(c, "string")
  local t = M.quoted(piece(c))
  local made = pick(c.draw, list):gsub("%u", function(letter)
    if letter == "S" then return subject end
    if letter == "T" then return c.upvalues and oneIn(c.draw, 6) and upvalue(c) or t end
    if letter == "P" then return pattern(c) end
    if letter == "N" then return oneIn(c.draw, 10) and leaf(c, "number") or tostring(c.draw(8) - 1) end
  end)
  if made:find "^find" then c.used.find = true end
  return made
end

-- ---- what nobody could understand

local WILD = {
  "log(E)", "helper(E)", "tostring(E)", "tonumber(E)", "(E .. E)", "E ^ E", "error(E)", "pcall(helper, E)",
  "math.floor(E)",
  "(function() return E end)()", "coroutine.yield(E)", 'select("#", E, E)', "count(E)", "(log(E) or E)",
  "rawget(E, E)", "next(E)",
  "#E", "helper(E, E) + E", "type(log(E))", "unpack(E)", "math.max(E, E)", "tostring(E):sub(1, 1)",
}

local function wild(c, depth)
  local made = pick(c.draw, WILD):gsub("E", function() return M.value(c, depth) end)
  for name in made:gmatch "%f[%w](%l+)%(" do c.used[name] = true end
  return made
end

-- ---- operators

local COMPARISONS = { "==", "==", "<", ">", "~=", "<=", ">=" }
local EQUALITIES = { "==", "==", "==", "~=", "~=", "<" }
local ARITHMETIC = { "+", "-", "*", "/", "%" }
local TYPES = { "string", "number", "table", "nil", "boolean", "userdata", "function", "text" }

--- A comparison of a path with something of its kind.
function M.comparison(c, depth)
  local path, kind = M.path(c)
  local other
  local way = c.draw(8)
  if way <= 4 then
    other = M.constant(c, kind)
  elseif way <= 6 then
    other = upvalue(c)
  elseif way == 7 then
    other = M.path(c, kind)
  else
    other = M.value(c, depth)
  end
  local ordered = kind == "number" or (kind == "string" and oneIn(c.draw, 3))
  if oneIn(c.draw, 5) then path, other = other, path end
  return path .. " " .. pick(c.draw, ordered and COMPARISONS or EQUALITIES) .. " " .. other
end

local function typeTest(c)
  local path = M.path(c)
  if oneIn(c.draw, 12) then return "type(" .. path .. ")" end
  return ("type(%s) %s %q"):format(path, pick(c.draw, { "==", "~=" }), pick(c.draw, TYPES))
end

-- A number, most of the time.
local function arithmetic(c, depth)
  if depth <= 0 then return leaf(c, "number") end
  local way = c.draw(6)
  if way == 6 then return "-(" .. arithmetic(c, depth - 1) .. ")" end
  if way == 5 then return "(" .. M.value(c, depth - 1) .. ")" end
  local a, b = arithmetic(c, depth - 1), arithmetic(c, depth - 1)
  return "(" .. a .. " " .. pick(c.draw, ARITHMETIC) .. " " .. b .. ")"
end

--- A value of any kind, in brackets where it has operators.
---@param c asked.Context
---@param depth integer
---@return string
function M.value(c, depth)
  if depth <= 0 then return leaf(c) end
  if c.wild and oneIn(c.draw, 6) then return wild(c, depth - 1) end
  local way = c.draw(12)
  if way <= 5 then return leaf(c) end
  if way <= 8 then return arithmetic(c, depth - 1) end
  if way <= 10 and not ofKind(c, "string")[1] then return leaf(c) end
  if way == 9 then return "(" .. M.onString(c) .. ")" end
  if way == 10 then return "#" .. M.path(c, "string") end
  if way == 11 then return "(" .. M.truth(c, depth - 1) .. ")" end
  local parts = { M.truth(c, depth - 1), M.value(c, depth - 1), M.value(c, depth - 1) }
  if oneIn(c.draw, 2) then return "(" .. parts[1] .. " and " .. parts[2] .. " or " .. parts[3] .. ")" end
  return "(" .. parts[2] .. " or " .. parts[3] .. ")"
end

local function both(c, depth)
  local parts = {}
  for i = 1, 1 + c.draw(3) do parts[i] = M.truth(c, depth - 1) end
  return "(" .. table.concat(parts, pick(c.draw, { " and ", " and ", " or " })) .. ")"
end

local NOTHING = { "nil", "null", "holdfast.null" }

--- What is asked for being true.
---@param c asked.Context
---@param depth integer
---@return string
function M.truth(c, depth)
  if c.wild and oneIn(c.draw, 12) then return "(" .. wild(c, depth - 1) .. ")" end
  local way = c.draw(20)
  if way <= 7 or depth <= 0 and way <= 14 then return M.comparison(c, depth - 1) end
  if way <= 12 then return both(c, depth) end
  if way == 13 then return "not (" .. M.truth(c, depth - 1) .. ")" end
  if way == 14 and c.upvalues and oneIn(c.draw, 3) then
    c.used.m1, c.zero = true, true
    return M.path(c, "number") .. " / m1 " .. pick(c.draw, COMPARISONS) .. " 0"
  end
  if way == 14 and oneIn(c.draw, 2) then
    local made = M.path(c, "number") .. " " .. pick(c.draw, ARITHMETIC) .. " " .. M.number(c)
    return made .. " " .. pick(c.draw, COMPARISONS) .. " " .. M.number(c)
  end
  if way == 14 then
    return arithmetic(c, depth) .. " " .. pick(c.draw, COMPARISONS) .. " " .. arithmetic(c, depth - 1)
  end
  if way == 15 then return (M.path(c)) end
  if way <= 17 and not ofKind(c, "string")[1] then return M.comparison(c, depth - 1) end
  if way <= 17 then return "(" .. M.onString(c) .. ")" end
  if way == 18 then return typeTest(c) end
  if way == 19 then return M.path(c) .. pick(c.draw, { " == ", " ~= " }) .. pick(c.draw, NOTHING) end
  return M.value(c, depth)
end

return M
