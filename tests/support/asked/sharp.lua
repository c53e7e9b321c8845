-- SPDX-License-Identifier: MIT
--
-- A field `key`, in which few documents have the same, and predicates that ask for it before anything else: what
-- indexes over it lead to is little enough for them to be used, whatever comes after.  Its values are of each kind, and
-- some are the same as far as an index has them.

local draws = require "support.asked.draws"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

--- The path of the field, in the spelling of conditions.
M.path = 'v["key"]'

local LONG = ("x"):rep(185)

local STRINGS = {
  "a", "b", "ab", "B", "", "key", "0", "7", LONG, LONG .. "x", LONG .. "xx", LONG .. "xxx", LONG .. "xxa",
  LONG .. "xxb",
  LONG .. "xa", LONG .. "y", ("x"):rep(40) .. "a", ("x"):rep(40) .. "b", "é", "\127",
}

local NUMBERS = {
  "-1e999", "-3", "-1", "-0.5", "-0", "0", "0.0", "5e-324", "0.5", "1", "1.0", "1e0", "2", "3", "4", "5", "6", "7", "8",
  "9", "10", "11", "12", "13", "14", "15", "16", "100", "9007199254740991", "9007199254740992", "9007199254740993",
  "1e999",
}

-- ---- documents

local function jsonOf(draw)
  local way = draw(12)
  if way <= 6 then return pick(draw, NUMBERS) end
  if way <= 10 then
    local text = pick(draw, STRINGS)
    return oneIn(draw, 8) and '"' .. text .. '\\u0000"' or '"' .. text .. '"'
  end
  if way == 11 then return pick(draw, { "true", "false", "null" }) end
  return pick(draw, { "[]", "{}", '{"key":1}', '["a"]', "null", "" })
end

-- The document with the field, at its beginning or its end; without it where it is no object, or by chance.
local function withKey(draw, text)
  local json = jsonOf(draw)
  local before, inner, after = text:match "^(%s*{)(.*)(}%s*)$"
  if not before or json == "" then return text end
  local member, comma = '"key":' .. json, inner:find "%S" and "," or ""
  if oneIn(draw, 2) then return before .. inner .. comma .. member .. after end
  return before .. member .. comma .. inner .. after
end

local ENOUGH = 300 -- documents, of which a few are few

--- The same documents, each with the field; those that are objects again and again, each time with another value.
---@param draw asked.Draw
---@param case asked.Case
---@return asked.Case
function M.documents(draw, case)
  local texts = {}
  for i, text in ipairs(case.texts) do texts[i] = withKey(draw, text) end
  local count = #texts
  for i = count + 1, ENOUGH do
    local text = withKey(draw, case.texts[i % count + 1])
    if text:find "^%s*{" then texts[#texts + 1] = text end
  end
  return setmetatable({ texts = texts, choices = {} }, { __index = case })
end

-- ---- predicates

local function number(draw)
  local text = pick(draw, NUMBERS)
  if text:find "e999" then text = text:gsub("1e999", "1/0") end
  return text
end

local function quoted(draw) return ("%q"):format(pick(draw, STRINGS)) end

local function constant(draw)
  local way = draw(9)
  if way <= 5 then return number(draw) end
  if way <= 8 then return quoted(draw) end
  return pick(draw, { "true", "false", "null", "nil", "0/0" })
end

-- Of the texts that are the same as far as an index has them, some before others.
local function lower(draw) return ("%q"):format(LONG .. pick(draw, { "x", "xx", "xxa" })) end
local function upper(draw) return ("%q"):format(LONG .. pick(draw, { "xxb", "xxx", "y" })) end

-- What few entities are: C is a constant, N and M are numbers, S and T texts, L and H long ones.
local FEW = {
  "v.key == C", "v.key == C", "v.key == sharp", "v.key == C", "v.key == sharp", "v.key == C and v.key ~= C",
  "type(v.key) == 'number' and v.key > N and v.key < 9", "type(v.key) == 'string' and v.key == S",
  "v.key == C or v.key == C", "v.key == sharp or v.key == C",
  "not (v.key ~= C)", "type(v.key) == 'number' and v.key > N", "type(v.key) == 'number' and v.key >= N and v.key < M",
  "type(v.key) == 'number' and v.key <= N", "type(v.key) == 'number' and not (v.key >= N)",
  "type(v.key) == 'string' and v.key >= S and v.key <= T", "type(v.key) == 'string' and v.key < S",
  "type(v.key) == 'string' and v.key > S", "type(v.key) == 'string' and v.key > L and v.key < H",
  "type(v.key) == 'string' and v.key >= L and v.key < H", "type(v.key) == 'string' and v.key:match('^xxx')",
  "v.key == C and v.key",
  "type(v.key) == 'boolean'", "v.key == null", "type(v.key) == 'table'", "v.key > N", "v.key == nil",
}

local FORMS = {
  "if not (P) then return false end", "if P then else return end", "if type(v) ~= 'table' or not (P) then return end",
  "if type(v) ~= 'table' then return nil end if not (P) then return nil end",
}

local function few(draw)
  local makers = { C = constant, N = number, M = number, S = quoted, T = quoted, L = lower, H = upper }
  return (pick(draw, FEW):gsub("%f[%w][CNMSTLH]%f[%W]", function(letter) return makers[letter](draw) end))
end

local function insert(text, after, what)
  local _, last = text:find(after)
  if not last then return text end
  return text:sub(1, last) .. what .. "\n" .. text:sub(last + 1)
end

--- The same predicate, asked of those entities only that are few by the field.
---@param draw asked.Draw
---@param case asked.Case  with a predicate
---@return asked.Case
function M.predicate(draw, case)
  local asked = few(draw)
  local before = pick(draw, FORMS):gsub("%f[%w]P%f[%W]", function() return asked end)
  local variable = "local sharp = " .. constant(draw)
  local hasChange = oneIn(draw, 2)
  local change = ("  if n %% %d == 1 then sharp = %s end"):format(1 + draw(4), constant(draw))
  local function alter(text)
    if not text:find("local function predicate", 1, true) then return text end
    text = insert(text, "local log, null, holdfast, tamper = [^\n]*\n", variable)
    if hasChange then text = insert(text, "local function body%(n, v%)\n", change) end
    if text:find "local function predicate%b()\n  local v, id = %.%.%.\n" then
      return insert(text, "local function predicate%b()\n  local v, id = %.%.%.\n", "  " .. before)
    end
    return insert(text, "local function predicate%b()\n", "  " .. before)
  end
  local text = alter(case.text)
  assert(loadstring(text, text))
  return setmetatable({ text = text, alter = alter }, { __index = case })
end

return M
