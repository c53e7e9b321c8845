-- SPDX-License-Identifier: MIT
--
-- What a check works with: instances of the target under names of its own, and comparisons
-- that say what was expected, what came, and which method is to blame.

local core = require "holdfast.core"

---@class holdfast.conformance.Context
---@field target table
---@field base string    the check's own
---@field name string    the entity name of open() without arguments, the check's own
---@field entities integer  how many "many" are
---@field supports table   what the target declares
local Context = {}
Context.__index = Context

-- An iterator that gives more than this has no end.
local ENDLESS = 200000

local Failure = {} -- metatable of what a failed comparison raises

local M = { Failure = Failure }

function M.new(target, base, name, supports, options)
  return setmetatable({
    target = target, base = base, name = name, supports = supports, entities = options.entities, opened = {},
    options = options,
  }, Context)
end

-- ---- values as text

local function sortedKeys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and type(a) ~= "boolean" then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

--- Any value as text for a person, short.
function M.show(value)
  local function text(v, depth)
    if v == core.json.null then return "null" end
    if type(v) == "string" then return #v > 60 and string.format("%q... (%d bytes)", v:sub(1, 40), #v)
      or string.format("%q", v) end
    if type(v) == "number" then return v == v and core.json.encode(v) or "NaN" end
    if type(v) ~= "table" then return tostring(v) end
    if core.isError(v) then return string.format("error %s: %s", v.code, v.message) end
    if depth > 4 then return "{...}" end
    local parts, isList = {}, core.json.isArray(v) or #v > 0
    for i, key in ipairs(sortedKeys(v)) do
      if i > 12 then
        parts[#parts + 1] = "..."
        break
      end
      local shown = text(v[key], depth + 1)
      parts[#parts + 1] = isList and type(key) == "number" and shown or string.format("%s: %s", tostring(key), shown)
    end
    return isList and "[" .. table.concat(parts, ", ") .. "]" or "{" .. table.concat(parts, ", ") .. "}"
  end
  return (text(value, 0):gsub("[%z\1-\31\127]", function(c) return string.format("\\%d", c:byte()) end))
end
local show = M.show

local function same(a, b)
  if type(a) ~= type(b) then return false end
  if type(a) == "number" then return a == b and 1 / a == 1 / b end
  if type(a) ~= "table" then return a == b end
  if core.json.isArray(a) ~= core.json.isArray(b) and next(a) == nil then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end
M.same = same

-- ---- instances

--- An instance for this entity name (the check's own if left out) and base; closed and emptied after the check.
function Context:open(entityName, base)
  local store = self.target.open(entityName or self.name, base or self.base)
  self.opened[#self.opened + 1] = store
  return store
end

--- The same, whose store keeps a log of changes, and history where it can, until the check has ended.
---@param changes? string  how much of it; nil is returned where somebody keeps one already
function Context:openLogged(changes)
  local store = self:open()
  store:waitForInit(true)
  local settings = core.storeOf(store):settings()
  if not self.loggedBy then
    self.loggedBy = { store = core.storeOf(store), changes = settings.changes, history = settings.history }
  end
  if changes and settings.changes ~= "off" then return nil end
  local wanted = { changes = changes or (settings.changes == "off" and "100000" or nil) }
  if store.supports.history then wanted.history = true end
  core.storeOf(store):settings(wanted)
  return store
end

-- Has the store keep what it kept before.
local function logNoMore(t)
  local before = t.loggedBy
  if not before then return end
  before.store:settings { changes = before.changes, history = before.history }
  before.store:close()
end

--- A further entity name, of this check alone.
function Context:other(suffix) return self.name .. (suffix or "-other") end

-- Forgets the indexes of a collection, which stay when it is emptied.
local function forgetIndexes(store)
  if not store.supports.index then return end
  for _, index in ipairs(core.indexes(store)) do core.dropIndex(store, index.paths) end
end

--- Empties and closes what the check opened.
function Context:cleanUp()
  pcall(logNoMore, self)
  for i = #self.opened, 1, -1 do
    local store = self.opened[i]
    pcall(forgetIndexes, store)
    if not pcall(store.removeAll, store) and not self.target.class then -- closed, or broken
      local ok, again = pcall(self.target.open, store.entityName, self.base)
      if ok then
        pcall(again.removeAll, again)
        pcall(again.close, again)
      end
    end
    pcall(store.close, store)
    self.opened[i] = nil
  end
end

-- ---- comparisons

--- From here on this method is to blame for what fails.
function Context:blame(method)
  self.method = method
  return self
end

--- Ends the check: it failed.
---@param message string
---@param expected? any
---@param got? any
function Context:fail(message, expected, got)
  error(setmetatable({ message = message, expected = expected, got = got, method = self.method }, Failure), 0)
end

function Context:check(condition, message)
  if not condition then self:fail(message) end
end

function Context:equal(expected, got, message)
  if not same(expected, got) then self:fail(message, show(expected), show(got)) end
end

--- All that an iterator gives.
function Context:list(step, state, control)
  local out = {}
  if type(step) ~= "function" then self:fail("an iterator is a function", "a function", type(step)) end
  while true do
    local value, second = step(state, control)
    if value == nil then return out end
    control = value
    out[#out + 1] = value
    if second ~= nil then out[#out] = { value, second } end
    if #out > ENDLESS then self:fail("the iterator has no end", nil, #out .. " values and more") end
  end
end

--- What a function gives for each of a list.
function Context:map(list, fn) -- luacheck: ignore 212
  local out = core.json.array()
  for i, each in ipairs(list) do out[i] = fn(each) end
  return out
end

--- Calls fn, which must raise an error object with this code, and returns that.
function Context:raises(code, message, fn, ...)
  local ok, raised = pcall(fn, ...)
  if ok then self:fail(message, "an error with code " .. code, "no error; it returned " .. show(raised)) end
  if not core.isError(raised) then self:fail(message, "an error object with code " .. code, show(raised)) end
  if raised.code ~= code then
    self.where = raised.where
    self:fail(message, "code " .. code, string.format("code %s: %s", raised.code, raised.message))
  end
  return raised
end

--- Does something in a transaction, and undoes that.  What fails in it is raised after that.
function Context:undo(fn) -- luacheck: ignore 212
  local ok, raised = true, nil
  pcall(core.transaction, function()
    ok, raised = pcall(fn)
    error("undo", 0)
  end)
  if not ok then error(raised, 0) end
end

--- Writes {n = i} under the ids "item-1" to "item-COUNT".
function Context:fill(store, count)
  for i = 1, count do store:writeValue("item-" .. i, { n = i }) end
end

return M
