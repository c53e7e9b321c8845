-- SPDX-License-Identifier: MIT
--
-- Says what was understood of a predicate, and what was not, and why.  Where the condition is evaluated is for those to
-- say who have the store.

local condition = require "holdfast.condition"
local source = require "holdfast.condition.source"

local concat, format, ipairs, sort = table.concat, string.format, ipairs, table.sort

local M = {}

---@class holdfast.Explanation
---@field understood? string the condition, as Lua; `?` stands for what is not understood.  nil: nothing is
---@field isComplete boolean all of it is understood
---@field isUseless boolean no entity can be refused without asking the predicate
---@field unknown string[] what is not understood, and in which line
---@field parameters {text: string, value: string, fixed: boolean}[] what it uses from outside that is no entity's
---@field why? string why nothing could be read
---@field where "store"|"text"|"class"|"nowhere" where it is evaluated; of PersistBase:explain, as what follows
---@field index? string the indexes by which entities are found; nil: none is used
---@field candidates? integer how many they lead to; nil in the order of one, and of a scan
---@field of? integer how many there are
---@field asked? string what is done with each of them: "tested" by the condition; "nothing": an index counts them
---@field reason? string why these are looked at; nil: there are no indexes
---@field statement? string what is sent to a server

local function unknowns(expression)
  local list, at = {}, {}
  for _, node in ipairs(source.unknowns(expression)) do
    local text = node.line and format("%s (line %d)", node[2], node.line) or node[2]
    list[#list + 1] = text
    at[text] = at[text] or (node.line or 0) + #list / 10000
  end
  sort(list, function(a, b) return at[a] < at[b] end)
  for i = #list, 2, -1 do
    if list[i] == list[i - 1] then table.remove(list, i) end
  end
  return list
end

local function parameters(reading, asked)
  local list, values = {}, asked and asked:parameters() or {}
  for number, parameter in ipairs(reading.parameters) do
    list[number] = { text = parameter.text, value = source.value(values[number]), fixed = parameter.fixed }
  end
  return list
end

--- What was understood of a predicate.
---@param predicate function
---@param count? integer with how many arguments it is called: 1 (the value, the default), or 2 (the value and its id)
---@return holdfast.Explanation
function M.explain(predicate, count)
  local reading = condition.read(predicate, count)
  local asked = condition.of(predicate, count)
  local unknown = unknowns(reading.expression)
  local isNothing = reading.expression[1] == "unknown"
  return {
    understood = not isNothing and source.text(reading.expression, reading.parameters) or nil,
    isComplete = #unknown == 0,
    isUseless = asked == nil,
    unknown = reading.why and {} or unknown,
    parameters = parameters(reading, asked),
    why = reading.why,
  }
end

local function indented(text) return "  " .. text:gsub("\n", "\n  ") end

local function addParameters(lines, list)
  if #list == 0 then return end
  lines[#lines + 1] = "with:"
  for _, parameter in ipairs(list) do
    local now = parameter.fixed and "" or ", looked at before each entity"
    lines[#lines + 1] = format("  %s = %s%s", parameter.text, parameter.value, now)
  end
end

--- An explanation as lines for people.
---@param explanation holdfast.Explanation
---@return string text without a line break at its end
function M.text(explanation)
  local lines = {}
  if explanation.why then return format("nothing is understood: %s", explanation.why) end
  if explanation.understood then
    lines[1] = explanation.isComplete and "understood:" or "understood in part (? stands for the rest):"
    lines[2] = indented(explanation.understood)
    addParameters(lines, explanation.parameters)
  end
  if #explanation.unknown > 0 then
    lines[#lines + 1] = "not understood:"
    for _, text in ipairs(explanation.unknown) do lines[#lines + 1] = "  " .. text end
  end
  if explanation.where == "nowhere" then return concat(lines, "\n") end -- which is said after it
  if explanation.isUseless then
    lines[#lines + 1] = "so every entity is decoded and the predicate asked"
  elseif not explanation.isComplete then
    lines[#lines + 1] = "so an entity for which that decides is decoded and the predicate asked"
  end
  return concat(lines, "\n")
end

return M
