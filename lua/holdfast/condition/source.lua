-- SPDX-License-Identifier: MIT
--
-- An expression as Lua again, for people.  A `?` stands for what was not understood.

local core = require "holdfast.core"

local concat, find, format, gsub, ipairs, rawequal, tostring, type =
  table.concat, string.find, string.format, string.gsub, ipairs, rawequal, tostring, type

local M = {}

local NODES_MAX = 400 -- that are written out: what occurs in several places is written in each

local BINDING = { ["or"] = 1, ["and"] = 2, ["<"] = 3, [">"] = 3, ["<="] = 3, [">="] = 3, ["~="] = 3, ["=="] = 3,
  ["+"] = 5, ["-"] = 5, ["*"] = 6, ["/"] = 6, ["%"] = 6 }
local UNARY = 7

-- A text or number as Lua has it.
local function literal(value)
  if rawequal(value, core.json.null) then return "null" end
  if type(value) == "string" then return (gsub(format("%q", value), "\\\n", "\\n")) end
  if value == 1 / 0 then return "1/0" end
  if value == -1 / 0 then return "-1/0" end
  if value ~= value then return "0/0" end
  if type(value) ~= "number" then return tostring(value) end
  local short = format("%.14g", value)
  return tonumber(short) == value and short or format("%.17g", value)
end

local function path(node)
  local parts = { node[2] }
  for i = 3, #node do
    local isName = type(node[i]) == "string" and find(node[i], "^[%a_][%w_]*$")
    parts[#parts + 1] = isName and "." .. node[i] or "[" .. literal(node[i]) .. "]"
  end
  return concat(parts)
end

-- A plain text as a pattern.
local function pattern(node, first, last)
  if node[1] ~= "const" then return "?" end
  return literal(first .. gsub(tostring(node[2]), "[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0") .. last)
end

local write -- expression as text, its binding

-- An operand, in parentheses where it would be taken for something else.
local function operand(run, node, binding)
  local text, own = write(run, node)
  return own < binding and "(" .. text .. ")" or text
end

-- What methods are called on.
local function subject(run, node)
  return node[1] == "const" and "(" .. literal(node[2]) .. ")" or operand(run, node, UNARY + 1)
end

local LEAVES = {
  const = function(_, node) return literal(node[2]) end,
  param = function(run, node) return run.parameters[node[2]].text end,
  path = function(_, node) return path(node) end,
  unknown = function() return "?" end,
  type = function(run, node) return format("type(%s)", (write(run, node[2]))) end,
  find = function(run, node) return format("%s:find(%s, 1, true)", subject(run, node[2]), (write(run, node[3]))) end,
  begins = function(run, node) return format("%s:match(%s)", subject(run, node[2]), pattern(node[3], "^", "")) end,
  ends = function(run, node) return format("%s:match(%s)", subject(run, node[2]), pattern(node[3], "", "$")) end,
  is = function(run, node) return format("%s:match(%s)", subject(run, node[2]), pattern(node[3], "^", "$")) end,
}

function LEAVES.sub(run, node)
  local first, last = write(run, node[3]), write(run, node[4])
  if last == "-1" then return format("%s:sub(%s)", subject(run, node[2]), first) end
  return format("%s:sub(%s, %s)", subject(run, node[2]), first, last)
end

local PREFIX = { ["not"] = "not ", neg = "-", len = "#" }

local function isConst(node, value) return node[1] == "const" and node[2] == value end

-- The call that an `if` stands for: one that gives a text or nil, or one that takes numbers for texts.
local function callOf(node)
  local condition, yes, no = node[2], node[3], node[4]
  if yes[1] == "unknown" and condition[1] == "==" and isConst(condition[3], "number") then return no end
  return yes[1] == "const" and isConst(no, nil) and condition or nil
end

-- An `if` that is no statement.
local function choice(run, node)
  local condition, yes, no, call = node[2], node[3], node[4], callOf(node)
  if call then return write(run, call) end
  if yes == no then return write(run, yes) end
  local text = format("%s and %s or %s", operand(run, condition, 2), operand(run, yes, 2), operand(run, no, 1))
  return text, 1
end

function write(run, node)
  run.left = run.left - 1
  if run.left < 0 then return "...", UNARY + 1 end
  local name = node[1]
  if LEAVES[name] then return LEAVES[name](run, node), UNARY + 1 end
  if PREFIX[name] then return PREFIX[name] .. operand(run, node[2], UNARY), UNARY end
  if name == "if" then return choice(run, node) end
  local binding = BINDING[name]
  -- `and` and `or` give the same whichever way they are grouped.
  local right = (name == "and" or name == "or") and binding or binding + 1
  return format("%s %s %s", operand(run, node[2], binding), name, operand(run, node[3], right)), binding
end

-- Whether a result has to be written as statements.
local function hasChoice(node)
  if node[1] == "if" then
    local call = callOf(node)
    return not call or hasChoice(call)
  end
  return (node[1] == "and" or node[1] == "or") and hasChoice(node[3])
end

local function isLeaf(node) return node[1] == "const" or node[1] == "unknown" end

-- A result as statements, a line each.
local function statements(run, node, indent, lines)
  local name = node[1]
  local function line(text) lines[#lines + 1] = indent .. text end
  local function block(condition, result)
    line("if " .. condition .. " then")
    statements(run, result, indent .. "  ", lines)
    line "end"
  end
  if not hasChoice(node) or run.left < 0 then
    line("return " .. (write(run, node)))
  elseif name == "and" then
    block("not " .. operand(run, node[2], UNARY), { "const", false })
    statements(run, node[3], indent, lines)
  elseif name == "or" then
    block((write(run, node[2])), { "const", true })
    statements(run, node[3], indent, lines)
  elseif node[3] == node[4] then
    line("local _ = " .. (write(run, node[2])))
    statements(run, node[3], indent, lines)
  elseif hasChoice(node[3]) and not hasChoice(node[4]) and not isLeaf(node[3]) then
    block("not " .. operand(run, node[2], UNARY), node[4])
    statements(run, node[3], indent, lines)
  else
    block((write(run, node[2])), node[3])
    statements(run, node[4], indent, lines)
  end
  return lines
end

--- An expression as Lua: an expression on one line, or statements.
---@param expression table
---@param parameters holdfast.Parameter[]
---@return string
function M.text(expression, parameters)
  local run = { left = NODES_MAX, parameters = parameters }
  if not hasChoice(expression) then return (write(run, expression)) end
  return concat(statements(run, expression, "", {}), "\n")
end

--- A value as Lua has it; what a condition cannot have, by its type.
---@param value any
---@return string
function M.value(value)
  local kind = type(value)
  if kind == "table" or kind == "function" or kind == "thread" or kind == "cdata" then return "a " .. kind end
  return literal(value)
end

--- The nodes that are not understood, in the order in which the function comes to them.
---@param expression table
---@return table[] nodes
function M.unknowns(expression)
  local seen, list = {}, {}
  local function look(node)
    if seen[node] then return end
    seen[node] = true
    if node[1] == "unknown" then list[#list + 1] = node end
    for _, part in ipairs(node) do
      if type(part) == "table" then look(part) end
    end
  end
  look(expression)
  return list
end

return M
