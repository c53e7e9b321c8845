-- SPDX-License-Identifier: MIT
--
-- The indexes of collections, as commands list, take along and make them.

local core = require "holdfast.core"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local text = require "holdfast.cli.console.text"

local LONG = 20000 -- entities, of which an index takes a moment to build

local M = {}

--- The indexes of a collection, in the order of their names; none where its store keeps none.
---@param persist PersistBase
---@return holdfast.Index[]
function M.of(persist)
  if not persist.supports.index then return {} end
  return core.indexes(persist)
end

-- What is at the beginning of words before a comma that is not in quotes, and the rest.
local function firstPath(words)
  local at = 1
  while true do
    local found, _, c = words:find("([,\"'])", at)
    if not found then return words end
    if c == "," then return words:sub(1, found - 1), words:sub(found + 1) end
    at = found + 1
    repeat
      local stop = words:find("[" .. c .. "\\]", at)
      if not stop then return words end
      local isEnd = words:sub(stop, stop) == c
      at = stop + (isEnd and 1 or 2)
    until isEnd
  end
end

--- The paths that a user names: a word each, or the name of an index, which has commas between them.
---@param words string[]
---@return string[]
function M.paths(words)
  local paths = {}
  for _, word in ipairs(words) do
    local rest = word
    while rest do
      local path
      path, rest = firstPath(rest)
      paths[#paths + 1] = path
    end
  end
  return paths
end

-- The same for all spellings of the same paths: v["exit"].price, v['exit'].price and exit.price.
local function common(paths)
  local list = {}
  for i, path in ipairs(paths) do
    path = path:gsub("%['([^'\\]*)'%]", function(name) return '["' .. name:gsub('"', '\\"') .. '"]' end)
    list[i] = path:gsub('%["([%a_][%w_]*)"%]', ".%1"):gsub("^v%f[%.%[]", ""):gsub("^%.", "")
  end
  return table.concat(list, ",")
end

--- The index over these paths, where the collection has it.
---@param persist PersistBase
---@param paths string[]
---@return holdfast.Index?
function M.find(persist, paths)
  local name = common(paths)
  for _, index in ipairs(M.of(persist)) do
    if common(index.paths) == name then return index end
  end
end

-- A word for a shell.
local function quoted(word)
  return word:find "^[%w_./:,@-]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

--- The unique index of a store that has refused a write; nil where it is not known which one it was.
---@param store table   as target.open gives it
---@param raised table  an error `duplicate`
---@return holdfast.Index?
function M.refusing(store, raised)
  for _, index in ipairs(raised.entityName and M.of(store:entity(raised.entityName)) or {}) do
    if index.unique and raised.message:find("the index " .. index.name .. " is unique", 1, true) then return index end
  end
end

--- How to have an index of a store out of the way of what is brought to it; nil where that is not what was raised.
---@param store table  as target.open gives it
---@param raised any
---@return string?
function M.hint(store, raised)
  if not core.isError(raised, "duplicate") then return nil end
  local ok, index = pcall(M.refusing, store, raised)
  if not ok or not index then return nil end
  return string.format("to bring %s all the same, drop the index and run this again: holdfast index %s %s %s --drop",
    raised.entityId or "it", quoted(text.url(store.url)), quoted(raised.entityName), quoted(index.name))
end

--- Whether an index has an entity that has a value at its first path, beside those that have nothing or a table there;
--- true where that cannot be told.
---@param persist PersistBase
---@param index holdfast.Index
---@return boolean
function M.hasValues(persist, index)
  if not persist.supports.indexOrder then return true end
  return persist:keys { index = index.name, limit = 1 }() ~= nil
end

--- Makes an index, and shows a person that it takes a while.
---@param persist PersistBase
---@param paths string[]
---@param unique boolean
function M.make(persist, paths, unique)
  local count = persist:count()
  local bar = progress.say(count >= LONG and string.format("Building the index over %s",
    text.plural(count, "entity", "entities")))
  local ok, raised = xpcall(core.createIndex, core.traceback, persist, paths, { unique = unique })
  bar:finish()
  if not ok then error(raised, 0) end
end

-- ---- taken along to other stores

---@class holdfast.cli.Definition
---@field entity string
---@field paths string[]
---@field unique boolean

--- What indexes the collections of these names have.
---@param store table  as target.open gives it
---@param names string[]
---@return holdfast.cli.Definition[]
function M.definitions(store, names)
  local list = {}
  for _, name in ipairs(names) do
    for _, index in ipairs(M.of(store:entity(name))) do
      list[#list + 1] = { entity = name, paths = index.paths, unique = index.unique }
    end
  end
  return list
end

--- The text of one, for a line of output.
---@param definition holdfast.cli.Definition
---@return string
function M.nameOf(definition) return table.concat(definition.paths, ",") end

--- Whether what making an index raised leaves the others to be made: it is this store, or these entities, that cannot
--- have it.
---@param raised any
---@return boolean
local function isRefused(raised)
  for _, code in ipairs { "unsupported", "duplicate", "conflict", "invalid_argument" } do
    if core.isError(raised, code) then return true end
  end
  return false
end

M.isRefused = isRefused

-- Makes one that another store has.  What became of it: "made", "present", "unsupported" or "refused", and then why.
local function makeOne(store, definition)
  local persist = store:entity(definition.entity)
  if not persist.supports.index then return "unsupported" end
  local present = M.find(persist, definition.paths)
  if present and present.ready ~= false and present.unique == definition.unique then return "present" end
  local ok, raised = xpcall(M.make, core.traceback, persist, definition.paths, definition.unique)
  if ok then return "made" end
  if not isRefused(raised) then error(raised, 0) end
  return "refused", raised
end

--- Makes those that another store has, where they are not there.  An index that cannot be made is told of and ends
--- nothing: the entities are there without it.
---@param store table  as target.open gives it
---@param args {json?: boolean}
---@param definitions holdfast.cli.Definition[]
---@return holdfast.cli.Definition[] made
---@return integer exit  3 where one was refused
function M.makeAll(store, args, definitions)
  local made, exit, unsupported = {}, 0, 0
  for _, definition in ipairs(definitions) do
    local outcome, raised = makeOne(store, definition)
    if outcome == "made" then
      made[#made + 1] = definition
    elseif outcome == "unsupported" then
      unsupported = unsupported + 1
    elseif outcome == "refused" then
      raised.hint = raised.hint or "the entities are there, without this index"
      output.complain(raised, args.json)
      exit = 3
    end
  end
  if unsupported > 0 then
    output.note(args, "%s not made: %s keeps none", text.plural(unsupported, "index was", "indexes were"),
      text.url(store.url))
  end
  return made, exit
end

--- What was made, as an array of JSON objects; nil for nothing.
---@param made holdfast.cli.Definition[]
function M.json(made)
  local list = {}
  for i, one in ipairs(made) do
    list[i] = text.object("entity", one.entity, "paths", core.json.array { unpack(one.paths) }, "unique", one.unique)
  end
  return list[1] and text.list(list) or nil
end

--- Tells a person what was made.
---@param made holdfast.cli.Definition[]
function M.tell(made)
  for _, one in ipairs(made) do output.line(table.concat({ "index", one.entity, M.nameOf(one) }, "\t")) end
end

return M
