-- SPDX-License-Identifier: MIT
--
-- PersistBase: the entities of one name in one store.  An instance is a table with
-- `entityName` and `baseDir`; its element 0 is the handle that the C side works
-- with.  Methods that touch the store are C functions (src/lua); this file is the class
-- around them, and the operations that are built on others.
--
-- A subclass of a concrete store may override any method; `filter` and `take` use
-- the overridden `values`.

local core = require "holdfast.core"

---@class PersistBase
---@field entityName string
---@field baseDir string
---@field supports table<string, boolean>
local PersistBase = {
  className = "PersistBase",

  waitForInit = core.waitForInit,
  readValue = core.readValue,
  readEntry = core.readEntry,
  hasValue = core.hasValue,
  writeValue = core.writeValue,
  removeValue = core.removeValue,
  removeAll = core.removeAll,
  values = core.values,
  keys = core.keys,
  entries = core.entries,
  count = core.count,
  readMany = core.readMany,
  writeMany = core.writeMany,
  removeMany = core.removeMany,
  snapshot = core.snapshot,
  stat = core.stat,
  close = core.close,
}

local function misuse(self, ...)
  local name = type(self) == "table" and rawget(self, "entityName") or nil
  error(core.error("invalid_argument", string.format(...), { entityName = name }), 0)
end

-- Methods in Lua check what those in C do.
local function checkInstance(self, method)
  if type(self) == "table" and rawget(self, 0) then return end
  misuse(nil, "call %s with a colon on an instance: store:%s(...)", method, method)
end

local function instanceText(self)
  return string.format("%s(%q, %q)", self.className, tostring(self.entityName), tostring(self.baseDir))
end

-- What a call of the class does: makes the instance and runs its constructor.
local function construct(class, ...)
  local self = setmetatable({}, class.instances)
  self:init(...)
  return self
end

-- Turns a table of methods into a class.
local function class(methods, parent)
  methods.instances = { __index = methods, __tostring = instanceText, class = methods }
  return setmetatable(methods, {
    __index = parent,
    __call = construct,
    __tostring = function(c) return "class " .. c.className end,
  })
end

--- The constructor.  A subclass that has its own calls this one.
---@param entityName string  1 to 250 bytes of UTF-8 without control characters
---@param baseDir string     a directory (LMDB) or a store URL
---@param options? table     {durability=, mapSize=, maxSize=, readOnly=, create=, networkFs=}
function PersistBase:init(entityName, baseDir, options)
  self[0] = core.open(entityName, baseDir, options)
  self.entityName = entityName
  self.baseDir = baseDir
  self.url = core.url(self)
  self.supports = core.supports(self)
end

--- A subclass.  Override what should be different and call the parent's for the rest:
---     local Audited = holdfast.LmdbPersist:extend("Audited")
---     function Audited:writeValue(id, entity, options)
---       print("writing", id)
---       return holdfast.LmdbPersist.writeValue(self, id, entity, options)
---     end
---@param name? string  for tostring() and messages
function PersistBase:extend(name)
  if type(self) ~= "table" or not rawget(self, "instances") then
    misuse(nil, "call extend on a class: holdfast.LmdbPersist:extend(\"Name\")")
  end
  if name ~= nil and type(name) ~= "string" then
    misuse(nil, "the name of a class must be a string, not a %s", type(name))
  end
  return class({ className = name or self.className, super = self }, self)
end

--- Iterates the entities for which the predicate is true, in natural id order.
---@param predicate fun(entity: any): boolean
---@return fun(): any
function PersistBase:filter(predicate)
  checkInstance(self, "filter")
  if type(predicate) ~= "function" then
    misuse(self, "filter: the predicate must be a function, not a %s", type(predicate))
  end
  local nextValue, state, control = self:values()
  local function explain(raised)
    if core.isError(raised) then return core.traceback(raised) end
    local wrapped = core.traceback(raised)
    wrapped.message = "filter: the predicate raised: " .. wrapped.message
    wrapped.entityName = self.entityName
    return wrapped
  end
  return function()
    while true do
      local value = nextValue(state, control)
      control = value
      if value == nil then return nil end
      local ok, wanted = xpcall(predicate, explain, value)
      if not ok then error(wanted, 0) end
      if wanted then return value end
    end
  end
end

--- Iterates the first n entities in natural id order; take(0) yields none.
---@param n integer
---@return fun(): any
function PersistBase:take(n)
  checkInstance(self, "take")
  if type(n) ~= "number" or n < 0 or n ~= math.floor(n) or n == math.huge then
    misuse(self, "take: the count must be a whole number from 0 on, not %s",
      type(n) == "number" and core.json.encode(n == n and n or "NaN"):gsub('"', "") or "a " .. type(n))
  end
  -- The limit spares the store from reading on; the count holds where an overridden values() knows no ranges.
  local nextValue, state, control = self:values { limit = n }
  return function()
    if n == 0 then return nil end
    control = nextValue(state, control)
    n = n - 1
    return control
  end
end

return class(PersistBase)
