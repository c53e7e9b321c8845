-- SPDX-License-Identifier: MIT
--
-- The parameters of a statement while it is made.  What is made may be thrown away again, and the server refuses a
-- statement that leaves out a parameter; so each stands as its number between control characters first, which no name
-- of a table has, and gets its $M when the whole is there.

local M = {}

local Statement = {}
Statement.__index = Statement

--- How many parameters one may have.
M.MAX = 200

--- An empty one.
---@return table
function M.new() return setmetatable({ types = {}, texts = {}, numbers = {} }, Statement) end

--- What stands for a value of a type; the same for the same.
---@param type string
---@param text string
---@return string
function Statement:give(type, text)
  local key = type .. " " .. text
  local number = self.numbers[key]
  if not number then
    number = #self.types + 1
    self.numbers[key], self.types[number], self.texts[number] = number, type, text
  end
  return "\1" .. number .. "\2"
end

--- The statement with its parameters, and their values.
---@param sql string
---@return string? sql  nil: there are too many
---@return string[] values
function Statement:finish(sql)
  local values, known = {}, {}
  sql = sql:gsub("\1(%d+)\2", function(digits)
    local number = tonumber(digits)
    if not known[number] then
      values[#values + 1] = self.texts[number]
      known[number] = ("$%d::%s"):format(#values, self.types[number])
    end
    return known[number]
  end)
  if #values > M.MAX then return nil, values end
  return sql, values
end

return M
