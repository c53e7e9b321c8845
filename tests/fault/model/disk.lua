-- SPDX-License-Identifier: MIT
--
-- What is stored: the stores of a world, each under a class that tells the world of every operation before and after it
-- and keeps a copy of what has been carried out, by itself.  So a test sees each change when it becomes durable, can
-- make an operation fail with its work done or not, and can compare what the store has with what it was given.

local adapters = require "holdfast.adapters"
local core = require "holdfast.core"
local holdfast = require "holdfast"
local plain = require "model.plain"
local processes = require "model.process"

---@class model.Disk
---@field content table<string, table<string, any>>  entity name -> id -> entity: what is durable
---@field version integer        grows with each change
---@field damaged table<string, boolean>  "entity name id": reading it raises corrupt
local Disk = {}
Disk.__index = Disk

local M = {}

M.KINDS = { "Signal", "Schedule", "Risk", "Partial", "Trade", "Host" }
local NAMES = {
  Signal = "signal", Schedule = "schedule", Risk = "risk", Partial = "partial", Trade = "trade", Host = "host",
}

local current -- the one whose world goes on
local wrapped = setmetatable({}, { __mode = "k" })

-- A class over another one whose operations pass the disk of now.
local function wrap(Parent)
  if wrapped[Parent] then return wrapped[Parent] end
  local Model = Parent:extend("Model" .. Parent.className)
  wrapped[Parent] = Model
  function Model:readValue(id)
    return current:operate("read", self.entityName, id, function() return Parent.readValue(self, id) end)
  end
  function Model:writeValue(id, entity)
    local name = self.entityName
    return current:operate("write", name, id, function()
      Parent.writeValue(self, id, entity)
      current:note(name, id, entity)
    end)
  end
  function Model:removeValue(id)
    local name = self.entityName
    return current:operate("remove", name, id, function()
      Parent.removeValue(self, id)
      current:note(name, id, nil)
    end)
  end
  return Model
end

--- Makes the stores of a world, empty.
---@param world model.World  has moment(kind, phase, name, id) and committed(changes)
---@param kind table  of stores/
---@param folder string  where they may lie
---@return model.Disk
function M.new(world, kind, folder)
  local self = setmetatable({
    world = world, kind = kind, content = {}, damaged = {}, version = 0, depth = 0, staged = {}, raw = {}, layout = {},
  }, Disk)
  for _, each in ipairs(M.KINDS) do
    local Class, base = kind.place(each, folder)
    self.layout[each] = { Class = Class, base = base }
    self.raw[NAMES[each]] = Class(NAMES[each], base)
    self.raw[NAMES[each]]:removeAll()
    self.content[NAMES[each]] = {}
  end
  return self
end

--- Opens the stores for processes, as one that begins does.
function Disk:open()
  current = self
  for _, each in ipairs(M.KINDS) do
    local adapter, place = holdfast["Persist" .. each .. "Adapter"], self.layout[each]
    adapter.close()
    adapter["usePersist" .. each .. "Adapter"](wrap(place.Class), place.base)
  end
end

--- Lets go of everything.
function Disk:close()
  for _, each in ipairs(M.KINDS) do adapters["Persist" .. each .. "Adapter"].close() end
  for _, raw in pairs(self.raw) do raw:close() end
end

-- One operation of a process.
function Disk:operate(kind, name, id, fn)
  local world = self.world
  world:moment(kind, "before", name, id)
  if self.damaged[name .. " " .. id] then
    if kind == "read" then error(holdfast.error("corrupt", ("%s:%s is in quarantine"):format(name, id)), 0) end
    self.damaged[name .. " " .. id] = nil
    if kind == "remove" then
      self:note(name, id, nil)
      return world:moment(kind, "after", name, id)
    end
  end
  local result = fn()
  world:moment(kind, "after", name, id)
  return result
end

-- What a store has carried out; inside a transaction it happens with that.
function Disk:note(name, id, entity)
  self.staged[#self.staged + 1] = { name = name, id = id, after = entity }
  if self.depth == 0 then self:settle(0) end
end

-- Makes what was noted since `from` durable.
function Disk:settle(from)
  local changes = {}
  for i = from + 1, #self.staged do
    local change = self.staged[i]
    self.staged[i] = nil
    change.before = self.content[change.name][change.id]
    if change.before ~= nil or change.after ~= nil then
      self.content[change.name][change.id] = change.after
      changes[#changes + 1] = change
    end
  end
  if not changes[1] then return end
  self.version = self.version + 1
  self.world:committed(changes)
end

local transaction = core.transaction

local function forget(staged, from)
  for i = #staged, from + 1, -1 do staged[i] = nil end
end

-- A transaction of a process: begins, runs, and is committed, with a moment before and after each.
function core.transaction(fn, ...) -- luacheck: ignore 122
  local disk = processes.acting() and current
  if not disk then return transaction(fn, ...) end
  local world, from, arguments = disk.world, #disk.staged, { n = select("#", ...), ... }
  world:moment("begin", "before")
  disk.depth = disk.depth + 1
  local ok, raised = pcall(transaction, function()
    fn(unpack(arguments, 1, arguments.n))
    world:moment("commit", "before")
  end)
  disk.depth = disk.depth - 1
  if not ok then
    forget(disk.staged, from)
    error(raised, 0)
  end
  if disk.depth == 0 then disk:settle(from) end
  world:moment("commit", "after")
end

--- What is durable now; it does not change any more.
---@return table
function Disk:snapshot()
  local content = {}
  for name, entities in pairs(self.content) do
    content[name] = {}
    for id, entity in pairs(entities) do content[name][id] = entity end
  end
  return content
end

--- Puts something else in the place of all that is stored, as an operator does who restores a copy.
---@param content table  of snapshot()
function Disk:restore(content)
  self.content, self.damaged, self.version = {}, {}, self.version + 1
  for name, raw in pairs(self.raw) do
    self.content[name] = {}
    raw:removeAll()
    for id, entity in pairs(content[name]) do
      raw:writeValue(id, entity)
      self.content[name][id] = entity
    end
  end
end

--- Changes one entity, as an operator does.
---@param name string
---@param id string
---@param entity any  nil removes it
function Disk:put(name, id, entity)
  self.damaged[name .. " " .. id] = nil
  local raw = self.raw[name]
  if entity ~= nil then raw:writeValue(id, entity) elseif raw:hasValue(id) then raw:removeValue(id) end
  self.content[name][id], self.version = entity, self.version + 1
end

--- Writes what is damaged once more, from a copy that is good.
function Disk:heal()
  for damaged in pairs(self.damaged) do
    local name, id = damaged:match "^(%S+) (.*)$"
    self:put(name, id, self.content[name][id])
  end
end

--- Raises unless the stores have what is durable, and nothing else.
function Disk:compare()
  for name, raw in pairs(self.raw) do
    local found = {}
    for id in raw:keys() do found[id] = raw:readValue(id) end
    local has, wanted = plain.text(found), plain.text(self.content[name])
    if has ~= wanted then
      error(("the store of '%s' has %s, and was given %s"):format(name, has, wanted), 0)
    end
  end
end

return M
