-- SPDX-License-Identifier: MIT
--
-- PersistBase: the entities of one name in one store.  An instance is a table with
-- `entityName` and `baseDir`; its element 0 is the handle that the C side works
-- with.  Methods that touch the store are C functions (src/lua); this file is the class
-- around them, and the operations that are built on others.
--
-- A subclass with methods of its own is a backend: what its users call are the same C
-- functions, which check everything and then call the class's methods (src/lua/script/instance.h).
-- So every class has two sides.  Its `face` is what instances have: the checked
-- functions of the contract first, then the class.  The class itself has its methods as they were written, for
-- the C side and for calls like Parent.writeValue(self, ...).
--
-- No name hides a class's own.  Only the contract is in faces, whose methods call the class's; every other method of
-- ours is inherited, and every field that is not of the contract gives way to a method.  So a later version can have a
-- method that a class of today has too.  What calls such a method of ours takes it from core, not from the instance.

local core = require "holdfast.core"
local classes = require "holdfast.class"

---@class PersistBase
---@field entityName string
---@field baseDir string
---@field supports table<string, boolean>
local PersistBase = {
  className = "PersistBase",
}

-- The methods in C.
for _, names in ipairs { classes.contract, classes.inherited } do
  for _, name in ipairs(names) do PersistBase[name] = core[name] end
end

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
  return string.format("%s(%q, %q)", self.className, tostring(self.entityName), core.redact(tostring(self.baseDir)))
end

-- ---- what instances of script classes have in place of the C functions

-- A class's own values(), unless it cannot do what the range asks: then the core makes them of its keys.
local function scriptValues(self, range)
  local method = classes.ownMethod(getmetatable(self).class, "values")
  core.checkRange(self, range)
  if not method then return core.values(self, range) end
  if classes.takesRange(method) then return classes.loop(self, "values", method, range and range.limit, range) end
  for name in pairs(range or {}) do
    if name ~= "limit" then return core.values(self, range) end
  end
  return classes.loop(self, "values", method, range and range.limit)
end

-- The key of what is true of an instance once its own close() was called.
local CLOSED = {}

local function scriptClose(self)
  checkInstance(self, "close")
  local class = getmetatable(self).class
  local method = classes.ownMethod(class, "close")
  if method and not rawget(self, CLOSED) then
    self[CLOSED] = true
    if not classes.hides(class, "closed") then self.closed = true end
    method(self)
  end
  core.close(self)
  if self[-1] then core.wrapped.close(self) end
end

-- ---- free methods

-- Makes what a predicate raises an error object that says so.
local function explainPredicate(self)
  return function(raised)
    if core.isError(raised) then return core.traceback(raised) end
    local wrapped = core.traceback(raised)
    wrapped.message = "filter: the predicate raised: " .. wrapped.message
    wrapped.entityName = self.entityName
    return wrapped
  end
end

local function checkPredicate(self, predicate)
  checkInstance(self, "filter")
  if type(predicate) ~= "function" then
    misuse(self, "filter: the predicate must be a function, not a %s", type(predicate))
  end
end

--- Iterates the entities for which the predicate is true, in natural id order.
---@param predicate fun(entity: any): boolean
---@return fun(): any
function PersistBase:filter(predicate)
  checkPredicate(self, predicate)
  local explain = explainPredicate(self)
  local nextValue, state, control = self:values()
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

local function checkCount(self, n)
  checkInstance(self, "take")
  if type(n) ~= "number" or n < 0 or n ~= math.floor(n) or n == math.huge then
    misuse(self, "take: the count must be a whole number from 0 on, not %s",
      type(n) == "number" and core.json.encode(n == n and n or "NaN"):gsub('"', "") or "a " .. type(n))
  end
end

--- Iterates the first n entities in natural id order; take(0) yields none.
---@param n integer
---@return fun(): any
function PersistBase:take(n)
  checkCount(self, n)
  -- The limit spares the store from reading on; the count holds where an overridden values() knows no ranges.
  local nextValue, state, control = self:values { limit = n }
  return function()
    if n == 0 then return nil end
    control = nextValue(state, control)
    n = n - 1
    return control
  end
end

local function scriptFilter(self, predicate)
  checkPredicate(self, predicate)
  local method = classes.ownMethod(getmetatable(self).class, "filter")
  if not method then return PersistBase.filter(self, predicate) end
  local explain = explainPredicate(self)
  return classes.loop(self, "filter", method, nil, function(value)
    local ok, wanted = xpcall(predicate, explain, value)
    if not ok then error(wanted, 0) end
    return wanted
  end)
end

local function scriptTake(self, n)
  checkCount(self, n)
  local method = classes.ownMethod(getmetatable(self).class, "take")
  if not method then return PersistBase.take(self, n) end
  return classes.loop(self, "take", method, nil, n)
end

-- ---- classes

-- What a call of the class does: makes the instance and runs its constructor.
local function construct(class, ...)
  local face = not classes.methods(class) and "instances" or classes.hasTexts(class) and "textScripts" or "scripts"
  local self = setmetatable({}, classes.record(class)[face])
  self:init(...)
  if not rawget(self, 0) then classes.nativeAncestor(class).init(self, ...) end -- its constructor left that out
  return self
end

-- Turns a table of methods into a class.
local function class(methods, parent)
  local face = {}
  for _, name in ipairs(classes.contract) do face[name] = core[name] end
  local instances = { __index = setmetatable(face, { __index = methods }), __tostring = instanceText, class = methods }
  local scriptFace = setmetatable({
    values = scriptValues,
    filter = scriptFilter,
    take = scriptTake,
    close = scriptClose,
  }, { __index = face })
  for name, method in pairs(face) do scriptFace[name] = rawget(scriptFace, name) or method end
  classes.register(methods, {
    parent = parent,
    native = parent == nil,
    instances = instances,
    scripts = { __index = scriptFace, __tostring = instanceText, class = methods },
    -- The loops of a class whose entities are texts are made in C, which decodes them.
    textScripts = { __index = setmetatable({ close = scriptClose }, { __index = face }), __tostring = instanceText,
      class = methods },
  })
  return setmetatable(methods, {
    __index = parent,
    __call = construct,
    __tostring = function(c) return "class " .. c.className end,
  })
end

-- The handle of an instance of a script class that stands on its own.
local function serveAlone(self, of, methods, entityName, baseDir, options)
  if baseDir ~= nil and type(baseDir) ~= "string" then
    misuse(nil, "%s: the base must be a string, not a %s", of.className, type(baseDir))
  end
  if options ~= nil then misuse(nil, "%s: a class of your own takes its options in its init", of.className) end
  local spec = classes.spec(of, methods)
  spec.base = baseDir or ""
  spec.url = "lua:" .. of.className .. (spec.base ~= "" and "?base=" .. spec.base or "")
  if spec.base:find("^%l[%w+.-]*://") then spec.url = spec.base end
  return core.attach(self, entityName, spec)
end

-- The handle of one that extends a store, whose own handle is element -1.
local function serveAround(self, of, methods, entityName, baseDir, options)
  self[-1] = core.open(entityName, baseDir, options)
  local spec = classes.spec(of, methods, core.wrapped.supports(self))
  spec.url = core.wrapped.url(self)
  return core.attach(self, entityName, spec)
end

--- The constructor.  A subclass that has its own calls this one.
---@param entityName string  1 to 250 bytes of UTF-8 without control characters
---@param baseDir string     a directory (LMDB) or a store URL; for a class of your own whatever it makes of it
---@param options? holdfast.Options
function PersistBase:init(entityName, baseDir, options)
  local of = type(self) == "table" and getmetatable(self)
  if not of or not of.class then
    misuse(nil, "init is called on an instance: PersistBase.init(self, entityName, baseDir)")
  end
  classes.checkFields(of.class)
  local methods = classes.methods(of.class)
  if not methods then
    self[0] = core.open(entityName, baseDir, options)
  elseif classes.extendsStore(of.class) then
    self[0] = serveAround(self, of.class, methods, entityName, baseDir, options)
  else
    self[0] = serveAlone(self, of.class, methods, entityName, baseDir, options)
  end
  self.entityName = entityName
  self.baseDir = baseDir
  if not classes.hides(of.class, "url") then self.url = core.url(self) end
  self.supports = core.supports(self)
end

--- A subclass.  Of PersistBase: a backend of your own, with the eight methods of the contract (filter and take come
--- free):
---     local MyPersist = holdfast.PersistBase:extend("MyPersist")
---     function MyPersist:readValue(id) ... end
--- Of a concrete store: the store with some methods changed; call the parent's for the rest:
---     local Audited = holdfast.LmdbPersist:extend("Audited")
---     function Audited:writeValue(id, entity, options)
---       print("writing", id)
---       return holdfast.LmdbPersist.writeValue(self, id, entity, options)
---     end
---@param name? string  for tostring() and messages
function PersistBase:extend(name)
  if not classes.isClass(self) then
    misuse(nil, "call extend on a class: holdfast.LmdbPersist:extend(\"Name\")")
  end
  if name ~= nil and type(name) ~= "string" then
    misuse(nil, "the name of a class must be a string, not a %s", type(name))
  end
  return class({ className = name or self.className, super = self }, self)
end

--- The required methods that a class lacks, in the order of the contract.
---@param of table  a class
---@return string[]
function PersistBase.missingMethods(of)
  if not classes.isClass(of) then
    misuse(nil, "missingMethods: give a class, not a %s", type(of))
  end
  return classes.missingMethods(of)
end

return class(PersistBase)
