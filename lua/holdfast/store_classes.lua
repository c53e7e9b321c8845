-- SPDX-License-Identifier: MIT
--
-- The concrete stores as classes: PersistBase with the kind of store fixed, so that
-- a script says `MemoryPersist("signal", "test")` and may extend it.

local core = require "holdfast.core"
local PersistBase = require "holdfast.PersistBase"
local classes = require "holdfast.class"

---@class holdfast.stores
---@field LmdbPersist PersistBase     the base is a directory
---@field FilePersist PersistBase     a directory
---@field MemoryPersist PersistBase   any name
---@field NullPersist PersistBase     keeps nothing
---@field RedisPersist PersistBase    HOST:PORT, or a URL
---@field PostgresPersist PersistBase a URL
---@field MongoPersist PersistBase    a URL
local M = {}

-- Scheme of a URL -> the backend that it means, also where this build is without it.
local backendOf = {}
for _, scheme in ipairs(core.schemes()) do backendOf[scheme.name] = scheme.backend end

-- A class whose base may be written with or without "scheme:", and with any other scheme of the same backend.
local function define(name, scheme)
  local class = PersistBase:extend(name)
  -- The base as a URL.
  local function urlOf(base)
    local given = base:match("^([%l%d+.-]+):")
    if given and backendOf[given] == backendOf[scheme] then return base end
    return scheme .. ":" .. base:gsub("%%", "%%25"):gsub("?", "%%3F")
  end
  local record = classes.record(class)
  record.native, record.scheme, record.urlOf = true, scheme, urlOf
  -- For subclasses that call their parent's.
  for _, method in ipairs(classes.contract) do class[method] = core.wrapped[method] end
  for _, method in ipairs(classes.index) do
    -- Of one that has indexes of its own: those of the store.  Another's instances come here, too, by inheritance.
    class[method] = function(self, ...)
      local meta = type(self) == "table" and getmetatable(self)
      return (meta and meta.hasIndexes and core.wrapped or core)[method](self, ...)
    end
  end
  function class:init(entityName, baseDir, options)
    local base = baseDir == nil and scheme ~= "lmdb" and "" or baseDir
    if type(base) ~= "string" then
      error(core.error("invalid_argument",
        string.format("%s: the base must be a string, not a %s", name, type(baseDir))), 0)
    end
    PersistBase.init(self, entityName, urlOf(base), options)
    self.baseDir = baseDir
  end
  M[name] = class
end

define("LmdbPersist", "lmdb")
define("FilePersist", "file")
define("MemoryPersist", "memory")
define("NullPersist", "null")
define("RedisPersist", "redis")
define("PostgresPersist", "postgres")
define("MongoPersist", "mongodb")

return M
