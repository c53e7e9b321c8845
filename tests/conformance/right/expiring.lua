-- SPDX-License-Identifier: MIT
--
-- A right adapter whose entities expire: what has is thrown away by whoever comes upon it.

local ffi = require "ffi"
local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "memory.lua")
local Expiring = Right:extend("Expiring")

Expiring.supports = { ttl = true, ifAbsent = true }

ffi.cdef "int gettimeofday(int64_t *time, void *zone);"
local parts = ffi.new("int64_t[2]")

-- ms since 1970
function Expiring.now()
  ffi.C.gettimeofday(parts, nil)
  return tonumber(parts[0]) * 1000 + math.floor(tonumber(parts[1]) / 1000)
end

-- The texts of a name -> id -> when it expires
Expiring.times = setmetatable({}, { __mode = "k" })

-- When the entities of the instance expire, by id.
function Expiring:timesOf()
  self.times[self.texts] = self.times[self.texts] or {}
  return self.times[self.texts]
end

function Expiring:forget(id)
  self.texts[id], self:timesOf()[id] = nil, nil
end

-- Throws away what has expired.
function Expiring:sweep()
  local now = self.now()
  for id, time in pairs(self:timesOf()) do
    if time <= now then self:forget(id) end
  end
end

function Expiring:readEntry(id)
  self:sweep()
  return { id = id, value = Right.readValue(self, id), expiresAt = self:timesOf()[id] }
end

function Expiring:readValue(id)
  self:sweep()
  return Right.readValue(self, id)
end

function Expiring:hasValue(id)
  self:sweep()
  return Right.hasValue(self, id)
end

function Expiring:writeValue(id, entity, options)
  self:sweep()
  if options and options.ifAbsent and self.texts[id] then error(holdfast.error("conflict")) end
  Right.writeValue(self, id, entity)
  self:timesOf()[id] = options and options.expiresAt
end

function Expiring:removeValue(id)
  self:sweep()
  Right.removeValue(self, id)
  self:forget(id)
end

function Expiring:removeAll()
  for id in pairs(self.texts) do self:forget(id) end
end

function Expiring:keys()
  self:sweep()
  return Right.keys(self)
end

return Expiring
