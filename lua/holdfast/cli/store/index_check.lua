-- SPDX-License-Identifier: MIT
--
-- Indexes compared with the entities of their collections, and built again where they do not agree.

local core = require "holdfast.core"
local indexes = require "holdfast.cli.store.indexes"
local output = require "holdfast.cli.console.output"
local text = require "holdfast.cli.console.text"

local UNFINISHED = "it is being built, or its building was broken off: holdfast index goes on with it"

---@class holdfast.cli.IndexCheck
---@field checked integer    indexes
---@field problems integer   that were found
---@field left integer       that are there in the end
---@field unfinished integer indexes that are being built, or were not built to their end
local Check = {}
Check.__index = Check

local M = {}

-- Raised where a store keeps indexes and cannot compare them, such as a server.
local function compare(persist, repair)
  local ok, count, first = pcall(core.checkIndexes, persist, repair)
  if ok then return count, first end
  if not core.isError(count, "unsupported") then error(count, 0) end
  return nil
end

function Check:note(name, count, first)
  self.problems = self.problems + count
  for _, one in ipairs(first) do
    self.first[#self.first + 1] = { name = name, index = one.index, id = one.entityId, problem = one.problem }
  end
  if count > #first then self.more[#self.more + 1] = { name = name, count = count - #first } end
end

-- Those whose building was broken off; they are gone on with where that is asked for.
function Check:unbuilt(persist, list, repair)
  for _, index in ipairs(list) do
    if index.ready == false and repair then
      indexes.make(persist, index.paths, index.unique)
    elseif index.ready == false then
      self.unfinished = self.unfinished + 1
      self.first[#self.first + 1] = { name = persist.entityName, index = index.name, id = "", problem = UNFINISHED }
    end
  end
end

function Check:collection(persist, repair)
  local list = indexes.of(persist)
  if #list == 0 then return end
  self:unbuilt(persist, list, repair)
  local count, first = compare(persist, repair)
  if not count then return end
  self.checked = self.checked + #list
  self:note(persist.entityName, count, first)
  if count == 0 then return end
  self.repaired = repair
  self.left = self.left + (repair and compare(persist, false) or count)
end

--- Tells a person what does not agree, a line each.
function Check:tellProblems()
  for _, one in ipairs(self.first) do
    output.line(table.concat({ "index", one.name, one.index, one.id, one.problem }, "\t"))
  end
  for _, one in ipairs(self.more) do output.line(string.format("more\t%s\t%.0f", one.name, one.count)) end
end

--- Tells a person how it ended; nothing where there are no indexes.
function Check:tell()
  if self.checked + self.unfinished == 0 then return end
  local checked = text.plural(self.checked, "index", "indexes") .. " compared with the entities: "
  if self.problems == 0 then
    output.line(checked .. (self.unfinished == 0 and "all agree"
      or text.count(self.unfinished) .. " not built to the end"))
    return
  end
  local found = text.plural(self.problems, "difference", "differences")
  if not self.repaired then
    output.line(checked .. found)
    output.line("Until they agree, expressions may leave entities out.  To build them again:"
      .. " holdfast verify STORE --repair")
  elseif self.left == 0 then
    output.line(checked .. found .. ", which are gone: those indexes were built again")
  else
    output.line(checked .. found .. ", and " .. text.count(self.left) .. " after they were built again")
  end
end

M.MEMBERS = 8 -- values that members() gives

--- The same as members of a JSON object, for text.object.
---@return any[]
function Check:members()
  local list = {}
  for i, one in ipairs(self.first) do
    list[i] = text.object("entity", one.name, "index", text.utf8(one.index), "id", text.utf8(one.id), "problem",
      text.utf8(one.problem))
  end
  return { "indexes", self.checked, "indexProblems", self.problems, "indexProblemsLeft", self.left,
    "indexFirst", text.list(list) }
end

--- Compares the indexes of these collections, and repairs them where that is asked for.
---@param store table  as target.open gives it
---@param args {repair?: boolean}
---@param names string[]
---@return holdfast.cli.IndexCheck
function M.check(store, args, names)
  local self = setmetatable({ checked = 0, problems = 0, left = 0, unfinished = 0, first = {}, more = {} }, Check)
  for _, name in ipairs(names) do self:collection(store:entity(name), args.repair or false) end
  return self
end

return M
