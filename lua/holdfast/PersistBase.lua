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
local asking = require "holdfast.asking"
local check = require "holdfast.check"
local classes = require "holdfast.class"
local explaining = require "holdfast.explaining"
local removing = require "holdfast.removing"
local watching = require "holdfast.watching"

local misuse = check.misuse

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

local function instanceText(self)
  return string.format("%s(%q, %q)", self.className, tostring(self.entityName), core.redact(tostring(self.baseDir)))
end

-- ---- what instances of script classes have in place of the C functions

-- A class's own values(), unless it cannot do what the range asks: then the core makes them of its keys, or refuses the
-- order of an index, which no class that has such a method has.
local function scriptValues(self, range)
  local method = classes.ownMethod(getmetatable(self).class, "values")
  core.checkRange(self, range)
  if not method or (range and range.index) then return core.values(self, range) end
  if classes.takesRange(method) then return classes.loop(self, "values", method, range and range.limit, range) end
  for name in pairs(range or {}) do
    if name ~= "limit" then return core.values(self, range) end
  end
  return classes.loop(self, "values", method, range and range.limit)
end

-- Whether loops that ask a predicate need not go over a class's own values(): the class knows conditions, or has none.
local function leavesOut(self, kind)
  local class = getmetatable(self).class
  return kind ~= "values" or classes.knowsConditions(class) or not classes.ownMethod(class, "values")
end

-- What loops that ask a predicate go over.
local function scriptSource(self, range, kind)
  if leavesOut(self, kind) then return core.scan(self, range, kind) end
  return scriptValues(self, range)
end

local function always() return true end

-- The key of what is true of an instance once its own close() was called.
local CLOSED = {}

local function scriptClose(self)
  check.instance(self, "close")
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

-- ---- ranges with a predicate

-- The predicate of a range, and the rest of the range; nothing where it has none.
local function splitRange(self, method, range)
  local predicate = type(range) == "table" and range.where
  if not predicate then return nil end
  if type(predicate) ~= "function" then check.noPredicate(self, method .. ": range.where", predicate) end
  local rest = {}
  for name, value in pairs(range) do rest[name] = value end
  rest.where = nil
  return predicate, rest
end

-- The methods of the contract that take a predicate, around those in C.  What a script hands down by a parent's method
-- (core.wrapped) has none: its class asks.
local function withWhere(loops)
  local M = {}
  function M.values(self, range)
    local predicate, rest = splitRange(self, "values", range)
    if predicate then return asking.values(self, "values", predicate, rest) end
    return loops.values(self, range)
  end

  function M.entries(self, range)
    local predicate, rest = splitRange(self, "entries", range)
    if predicate then return asking.pairs(self, "entries", predicate, rest, "entries") end
    return loops.entries(self, range)
  end

  function M.keys(self, range)
    local predicate, rest = splitRange(self, "keys", range)
    if not predicate then return loops.keys(self, range) end
    local step = asking.pairs(self, "keys", predicate, rest, "pairs")
    return function() return (step()) end
  end

  function M.count(self, which, range)
    local predicate, rest = which, range
    if type(which) == "string" then check.noPredicate(self, "count: the predicate", which) end
    if type(which) ~= "function" then predicate, rest = splitRange(self, "count", which) end
    if predicate then return asking.count(self, predicate, rest) end
    return core.count(self, which)
  end
  return M
end

local LOOPS = withWhere(core)
local SCRIPT_LOOPS = withWhere { values = scriptValues, entries = core.entries, keys = core.keys }
for name, method in pairs(LOOPS) do PersistBase[name] = method end

-- ---- free methods

--- Iterates the entities for which the predicate is true, in natural id order.  A predicate that names two parameters
--- gets the id as the second.
---@param predicate fun(entity: any, id?: string): boolean
---@param range? holdfast.Range  its limit is of those that are wanted
---@return fun(): any
function PersistBase:filter(predicate, range)
  check.predicate(self, "filter", predicate)
  return asking.values(self, "filter", predicate, range)
end

--- Iterates the first n entities in natural id order; take(0) yields none.
---@param n integer
---@param range? holdfast.Range
---@return fun(): any
function PersistBase:take(n, range)
  check.count(self, "take", n)
  check.range(self, "take", range)
  -- The limit spares the store from reading on; the count holds where an overridden values() knows no ranges.
  local limited = { limit = n }
  for name, value in pairs(range or {}) do
    limited[name] = name == "limit" and type(value) == "number" and math.min(n, value) or value
  end
  local nextValue, state, control = self:values(limited)
  return function()
    if n == 0 then return nil end
    control = nextValue(state, control)
    n = n - 1
    return control
  end
end

--- The first entity for which the predicate is true, and its id; nothing where there is none.
---@param predicate fun(entity: any, id?: string): boolean
---@param range? holdfast.Range
---@return any value, string? id
function PersistBase:first(predicate, range)
  check.predicate(self, "first", predicate)
  return asking.first(self, predicate, range)
end

--- Removes the entities for which the predicate is true: all of them or, where one cannot be removed, none.  Each is
--- asked of twice, the second time in the transaction that removes it.  Where a store has no transactions that is
--- refused without `race`, with which each is asked of again just before it is removed.
---@param predicate fun(entity: any, id?: string): boolean
---@param options? holdfast.RemoveOptions
---@return integer removed
---@raise unsupported, readonly, script, corrupt
function PersistBase:removeWhere(predicate, options)
  check.predicate(self, "removeWhere", predicate)
  return removing.removeWhere(self, predicate, options)
end

--- What is made of a predicate: what was understood of it, what was not, and where it is evaluated.  tostring() gives
--- it as text for people.
---@param predicate fun(entity: any, id?: string): boolean
---@param range? holdfast.Range
---@return holdfast.Explanation
function PersistBase:explain(predicate, range)
  check.predicate(self, "explain", predicate)
  core.checkRange(self, range)
  return explaining.explain(self, predicate, range)
end

--- Changes of the store's entities of this name, as they are committed, in order, each once: what a `for` takes, which
--- waits for more.
---@param options? holdfast.WatchOptions
---@return holdfast.Watch
---@raise compacted, unsupported
function PersistBase:watch(options)
  check.instance(self, "watch")
  return watching.open(self, options)
end

local function scriptFilter(self, predicate, range)
  check.predicate(self, "filter", predicate)
  local method = classes.ownMethod(getmetatable(self).class, "filter")
  if not method or range ~= nil or asking.argumentsOf(predicate) == 2 then
    return PersistBase.filter(self, predicate, range) -- a class's own one gives the predicate no id
  end
  local ask = asking.asker(self, "filter", predicate)
  return classes.loop(self, "filter", method, nil, ask)
end

local function scriptTake(self, n, range)
  check.count(self, "take", n)
  local method = classes.ownMethod(getmetatable(self).class, "take")
  if not method or range ~= nil then return PersistBase.take(self, n, range) end
  return classes.loop(self, "take", method, nil, n)
end

-- ---- classes

-- The metatable of instances of a class that has indexes of its own: the checked methods come before the class's, which
-- they call.
local function withIndexes(record, face)
  local name = face .. "WithIndexes"
  if not record[name] then
    local meta, index = {}, {}
    for key, value in pairs(record[face]) do meta[key] = value end
    for key, value in pairs(meta.__index) do index[key] = value end
    for _, method in ipairs(classes.index) do index[method] = core[method] end
    meta.__index, meta.hasIndexes = setmetatable(index, getmetatable(meta.__index)), true
    record[name] = meta
  end
  return record[name]
end

-- What a call of the class does: makes the instance and runs its constructor.
local function construct(class, ...)
  local methods, record = classes.methods(class), classes.record(class)
  local face = not methods and "instances" or classes.hasTexts(class) and "textScripts" or "scripts"
  local self = setmetatable({}, methods and methods.indexes and withIndexes(record, face) or record[face])
  self:init(...)
  if not rawget(self, 0) then classes.nativeAncestor(class).init(self, ...) end -- its constructor left that out
  return self
end

-- Turns a table of methods into a class.
local function class(methods, parent)
  local face = {}
  for _, name in ipairs(classes.contract) do face[name] = core[name] end
  for name, method in pairs(LOOPS) do face[name] = method end
  local function instancesOf(index, isScript, source)
    return { __index = index, __tostring = instanceText, class = methods, isScript = isScript,
      source = source or core.scan, leavesOut = source and leavesOut or always }
  end
  local instances = instancesOf(setmetatable(face, { __index = methods }), false)
  local scriptFace = setmetatable({
    values = SCRIPT_LOOPS.values,
    filter = scriptFilter,
    take = scriptTake,
    close = scriptClose,
  }, { __index = face })
  for name, method in pairs(face) do scriptFace[name] = rawget(scriptFace, name) or method end
  classes.register(methods, {
    parent = parent,
    native = parent == nil,
    instances = instances,
    scripts = instancesOf(scriptFace, true, scriptSource),
    -- The loops of a class whose entities are texts are made in C, which decodes them.
    textScripts = instancesOf(setmetatable({ close = scriptClose }, { __index = face }), true),
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
