-- SPDX-License-Identifier: MIT
--
-- A store that remembers what was read and written last, up to `capacity` entities.  Worth it where reading is slow:
-- files, a network.  CachedPersist is over files; CachedPersist.over(Class) over any other class.
--
--     local CachedRedis = require("cached").over(require "redis_adapter")
--
-- All instances of a class on one store share a cache, so they see each other's writes.  What another process writes
-- is seen only once the old value has left the cache: use it where one process writes.  (`holdfast test` finds this, in
-- its check that kills a process that wrote.)
--
-- It would not hear of a transaction that is undone, and would go on giving the values written in it.  So it refuses
-- stores that have transactions; those are LMDB and memory, which are as fast without it.

local holdfast = require "holdfast"

-- Two generations of at most half the capacity each.  What is used moves to the young one; when that is full it becomes
-- the old one, and what was in the old one is forgotten.
local Cache = {}
Cache.__index = Cache

function Cache:put(id, value)
  if self.old[id] ~= nil then self.old[id] = nil end
  if self.young[id] == nil then
    if self.count >= self.half then self.old, self.young, self.count = self.young, {}, 0 end
    self.count = self.count + 1
  end
  self.young[id] = value
end

function Cache:get(id)
  local value = self.young[id]
  if value ~= nil then return value end
  value = self.old[id]
  if value ~= nil then self:put(id, value) end
  return value
end

function Cache:forget(id)
  if self.young[id] ~= nil then self.young[id], self.count = nil, self.count - 1 end
  self.old[id] = nil
end

function Cache:size()
  local size = 0
  for _, generation in ipairs { self.young, self.old } do
    for _ in pairs(generation) do size = size + 1 end
  end
  return size
end

function Cache:clear() self.young, self.old, self.count = {}, {}, 0 end

local function newCache(capacity)
  local cache = setmetatable({ half = math.max(1, math.floor(capacity / 2)) }, Cache)
  cache:clear()
  return cache
end

-- A class that extends the parent by the cache.
local function over(Parent, name)
  local CachedPersist = Parent:extend(name or "Cached" .. Parent.className)

  CachedPersist.capacity = 1000
  local caches = setmetatable({}, { __mode = "v" }) -- store and entity name -> cache, while an instance has it

  function CachedPersist:init(entityName, baseDir, options)
    Parent.init(self, entityName, baseDir, options)
    if self.supports.transaction then
      local problem = Parent.className .. " has transactions, which a cache would not see undone"
      error(holdfast.error("unsupported", problem), 0)
    end
    local place = self.url .. "\0" .. self.entityName
    self.cache = caches[place] or newCache(self.capacity)
    caches[place] = self.cache
  end

  -- What is kept is never handed out itself: the runtime copies what a method takes and gives.
  function CachedPersist:readValue(id)
    local value = self.cache:get(id)
    if value == nil then
      value = Parent.readValue(self, id)
      self.cache:put(id, value)
    end
    return value
  end

  -- Forgotten first: when the write fails, nobody knows what is stored now.
  function CachedPersist:writeValue(id, entity, conditions)
    self.cache:forget(id)
    local revision = Parent.writeValue(self, id, entity, conditions)
    self.cache:put(id, entity)
    return revision
  end

  function CachedPersist:removeValue(id)
    self.cache:forget(id)
    Parent.removeValue(self, id)
  end

  function CachedPersist:removeAll()
    self.cache:clear()
    Parent.removeAll(self)
  end

  return CachedPersist
end

local CachedPersist = over(holdfast.FilePersist, "CachedPersist")
CachedPersist.over = over

return CachedPersist
