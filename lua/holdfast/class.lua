-- SPDX-License-Identifier: MIT
--
-- What the runtime must know of a class that somebody wrote: which methods are its own,
-- which are missing, what its capabilities are.  PersistBase asks when an instance is made; adapters when
-- a class is registered.

local core = require "holdfast.core"

local M = {}

-- The names of the contract's methods of one kind, in its order.
local function methodsOf(kind)
  local names = {}
  for _, method in ipairs(core.methods()) do
    if method.kind == kind then names[#names + 1] = method.name end
  end
  return names
end

--- The methods that a class of one's own must have, in the order of the contract.
M.required = methodsOf "required"

-- Those that it may have, and those that it has all of or none.
local OPTIONAL, TRANSACTION = methodsOf "optional", methodsOf "transaction"

--- Those of a class that declares supports.index: elsewhere methods of these names are its own affair.
M.index = methodsOf "index"

-- Those of the contract that come free, since they are made of others (PersistBase.lua).
local FREE = { "filter", "take" }

--- The methods of the contract that are in C, and that a class overrides: what instances answer to are ours, which call
--- the class's own through the bridge.
M.contract = {}
for _, names in ipairs { M.required, OPTIONAL } do
  for _, name in ipairs(names) do M.contract[#M.contract + 1] = name end
end

--- Further methods in C that instances have.  They are inherited as any method is, so that a class's own method of the
--- name is the one that is called, also one that was written before there was ours.
M.inherited = { "snapshot", "history", "purge" }
for _, name in ipairs(methodsOf "index") do M.inherited[#M.inherited + 1] = name end

-- The capabilities that a class may declare in its field `supports`, beside those that follow from its methods: as a
-- set, and as a list for people.
local CAPABILITIES, CAPABILITY_NAMES = {}, {}
for i, capability in ipairs(core.capabilities()) do
  CAPABILITIES[capability.name], CAPABILITY_NAMES[i] = true, capability.name
end

local function refuse(class, ...)
  error(core.error("invalid_argument", class.className .. " " .. string.format(...)), 0)
end

-- What is known of a class beside its methods is under a key that no method of somebody's can have; a string as the
-- others, for whoever lists and sorts them.
local RECORD = "(record)"

---@class holdfast.ClassRecord
---@field parent? table     the class that it extends
---@field native boolean    its methods are ours: PersistBase, and the concrete stores
---@field scheme? string    of a concrete store
---@field urlOf? fun(base: string): string  its base as a URL
---@field instances table   the metatable of instances that have no method of the contract themselves
---@field scripts table     of those that have
---@field textScripts table of those whose methods get and give JSON texts

--- Keeps what is known of a new class.
---@param class table
---@param record holdfast.ClassRecord
function M.register(class, record) rawset(class, RECORD, record) end

--- What is known of a class; nil for an instance or anything else.
---@param value any
---@return holdfast.ClassRecord?
function M.record(value) return type(value) == "table" and rawget(value, RECORD) or nil end

--- An instance of a class of ours, around a handle that there is already.
---@param class table
---@param handle userdata
---@param entityName string
---@param baseDir string
---@return PersistBase
function M.instanceOf(class, handle, entityName, baseDir)
  local self = setmetatable({ [0] = handle, entityName = entityName, baseDir = baseDir }, M.record(class).instances)
  self.url, self.supports = core.url(self), core.supports(self)
  return self
end

--- Whether the value is a class, and not an instance or anything else.
---@param value any
---@return boolean
function M.isClass(value) return M.record(value) ~= nil end

--- Whether the methods of the class are ours.
---@param class table
---@return boolean
function M.isNative(class) return rawget(class, RECORD).native end

--- The class in which the chain of scripts ends: PersistBase, or that of a concrete store.
---@param class table
---@return table
function M.nativeAncestor(class)
  while not M.isNative(class) do class = rawget(class, RECORD).parent end
  return class
end

-- The URL scheme of the concrete store that the class extends; nil for one of one's own.
local function schemeOf(class) return rawget(M.nativeAncestor(class), RECORD).scheme end

--- Whether the class extends a concrete store.
---@param class table
---@return boolean
function M.extendsStore(class) return schemeOf(class) ~= nil end

--- The URL of the store that an instance of the class with this base is on; for a class of one's own the base itself.
---@param class table
---@param base string
---@return string
function M.storeUrl(class, base)
  local record = rawget(M.nativeAncestor(class), RECORD)
  return record.scheme and record.urlOf(base) or base
end

-- What the class, or the nearest of its ancestors that are scripts, has under a name; and which of them.
local function own(class, name)
  while not M.isNative(class) do
    local value = rawget(class, name)
    if value ~= nil then return value, class end
    class = rawget(class, RECORD).parent
  end
  return nil
end

-- A method of the class or of its ancestors that are scripts.
local function ownMethod(class, name)
  local method, of = own(class, name)
  if method ~= nil and type(method) ~= "function" then
    refuse(of, "has a %s named %s: a method is wanted", type(method), name)
  end
  return method
end
M.ownMethod = ownMethod

--- Whether a field of this name of ours would hide a method of the class from its instances.
---@param class table
---@param name string
---@return boolean
function M.hides(class, name) return type((own(class, name))) == "function" end

-- The fields that every instance has, whatever its class.
local FIELDS = { "entityName", "baseDir", "supports" }

--- Raises where the class has a method that could never be called.
---@param class table
function M.checkFields(class)
  for _, name in ipairs(FIELDS) do
    if M.hides(class, name) then
      refuse(class, "has a method named %s, which is a field of every instance: give the method another name", name)
    end
  end
end

-- How many arguments a method takes beyond self; math.huge where it takes any number.
local function arity(method)
  local info = debug.getinfo(method, "uS")
  if info.isvararg or info.what == "C" then return math.huge end
  return info.nparams - 1
end

-- Whether the method takes a range, or conditions of a write.
local function takes(method, arguments) return method ~= nil and arity(method) >= arguments end

-- What the classes of the chain declare in `supports`; a subclass may take a capability back.
local function declared(class)
  local chain, out = {}, {}
  while not M.isNative(class) do
    table.insert(chain, 1, class)
    class = rawget(class, RECORD).parent
  end
  for _, each in ipairs(chain) do
    local supports = rawget(each, "supports")
    if supports ~= nil and type(supports) ~= "table" then refuse(each, "supports must be a table of booleans") end
    for name, declares in pairs(supports or {}) do
      if not CAPABILITIES[name] then
        refuse(each, "supports.%s: there is no such capability; there are %s", tostring(name),
          table.concat(CAPABILITY_NAMES, ", "))
      end
      if type(declares) ~= "boolean" then refuse(each, "supports.%s must be true or false", name) end
      out[name] = declares
    end
  end
  return out
end

--- Which of the required methods a class lacks, in the order of the contract; none for one that extends a store.
---@param class table
---@return string[]
function M.missingMethods(class)
  local missing = {}
  if M.extendsStore(class) then return missing end
  for _, name in ipairs(M.required) do
    if not ownMethod(class, name) then missing[#missing + 1] = name end
  end
  return missing
end

--- Raises unless the class has everything that it must have.
---@param class table
function M.checkComplete(class)
  local missing = M.missingMethods(class)
  if #missing == 0 then return end
  refuse(class, "lacks %s that every backend has: %s.  Define %s with function %s:%s(...), or extend a concrete store",
    #missing == 1 and "a method" or "methods", table.concat(missing, ", "), #missing == 1 and "it" or "them",
    class.className, missing[1])
end

-- Capabilities of conditional writes need a method that hears of the conditions.
local function checkCapabilities(class, methods, capabilities)
  local writes = methods.writeValue
  for _, name in ipairs { "ifAbsent", "revision", "ttl" } do
    if capabilities[name] and writes and not takes(writes, 3) then
      refuse(class, "declares supports.%s, but writeValue takes no options: "
        .. "function %s:writeValue(id, entity, options)", name, class.className)
    end
  end
  if capabilities.removeIfRevision then
    if not capabilities.revision then refuse(class, "declares supports.removeIfRevision, but not supports.revision") end
    if methods.removeValue and not takes(methods.removeValue, 2) then
      refuse(class, "declares supports.removeIfRevision, but removeValue takes no condition: "
        .. "function %s:removeValue(id, options)", class.className)
    end
  end
  for _, name in ipairs { "transaction", "snapshot", "nested" } do
    if capabilities[name] and not methods.begin then
      refuse(class, "declares supports.%s, but has no methods begin, commit and rollback", name)
    end
  end
end

-- The methods that give entities.  Of a class that has one of them nobody knows whether what it gives is what its store
-- keeps, and so has in its indexes.
local GIVE = { "readValue", "readEntry", "readMany", "values", "entries", "keys" }

-- The first of those that the class has; nil: it gives what is stored.
local function givesBy(methods)
  for _, name in ipairs(GIVE) do
    if methods[name] then return name end
  end
end

-- Whether the class has indexes of its own: all three methods, where it declares them.
local function hasOwnIndexes(class, methods)
  local missing = {}
  for _, name in ipairs(M.index) do
    if not methods[name] then missing[#missing + 1] = name end
  end
  if #missing == 0 or #missing == #M.index then return #missing == 0 end
  refuse(class, "declares supports.index, and lacks %s: indexes are made by createIndex(paths, options), forgotten by "
    .. "dropIndex(paths) and listed by indexes()", table.concat(missing, " and "))
end

-- The capabilities of a class that stands on its own.
local function ownCapabilities(class, methods)
  local capabilities = declared(class)
  local has = 0
  for _, name in ipairs(TRANSACTION) do has = has + (methods[name] and 1 or 0) end
  if has ~= 0 and has ~= 3 then refuse(class, "must have all of begin, commit and rollback, or none") end
  if has == 3 and capabilities.transaction == nil then capabilities.transaction = true end
  checkCapabilities(class, methods, capabilities)
  for _, name in ipairs { "quarantine", "settings", "indexOrder", "changes", "history" } do
    if capabilities[name] then refuse(class, "declares supports.%s, which only stores in C can have", name) end
  end
  if capabilities.index and not hasOwnIndexes(class, methods) then
    refuse(class, "declares supports.index, but has no methods createIndex, dropIndex and indexes")
  end
  return capabilities
end

-- Of a class that extends a store: whether it has indexes, and loops in their order.
local function inheritIndexes(class, methods, capabilities, chosen)
  local hides, isOwn = givesBy(methods), chosen.index and hasOwnIndexes(class, methods)
  if chosen.index and hides and not isOwn then
    refuse(class, "declares supports.index, and has its own %s: the store's indexes know only what it keeps.  Give the "
      .. "class methods createIndex, dropIndex and indexes of its own, or leave the declaration out", hides)
  end
  if chosen.indexOrder and (hides or isOwn) then
    refuse(class, "declares supports.indexOrder, which only stores in C can have: the class has its own %s",
      hides or "createIndex")
  end
  if hides or isOwn then capabilities.index, capabilities.indexOrder = isOwn or false, false end
  if not capabilities.index then capabilities.indexOrder = false end
end

-- Those of a class that extends a store: the store's, but for what its own methods would break without saying so.
local function inheritedCapabilities(class, methods, wrapped)
  local capabilities = {}
  for name in pairs(CAPABILITIES) do capabilities[name] = wrapped[name] end
  if methods.writeValue and not takes(methods.writeValue, 3) then
    capabilities.ifAbsent, capabilities.revision = false, false
  end
  if methods.readValue and not methods.readEntry then capabilities.revision = false end
  if methods.removeValue then capabilities.removeIfRevision = false end -- it may be older than the condition
  if methods.writeValue or methods.writeMany then capabilities.ttl = false end -- and these than what expires
  local loops = methods.writeValue or methods.removeValue -- in a transaction where the store has them
  if methods.writeMany or methods.removeMany or (loops and not capabilities.transaction) then
    capabilities.atomicBatch = false
  end
  for _, name in ipairs(TRANSACTION) do
    if methods[name] then refuse(class, "has %s, but extends a store that has its own transactions or none", name) end
  end
  -- The log has what the store keeps, which is not what the class gives.  Looking back by reading goes by its methods.
  capabilities.changes, capabilities.history = false, false
  local chosen = declared(class)
  for _, name in ipairs { "changes", "history" } do
    if chosen[name] then
      refuse(class, "declares supports.%s, which only stores in C can have: their log has what they keep, and not what "
        .. "the class gives", name)
    end
  end
  for name, declares in pairs(chosen) do
    local may = name == "durable" or name == "ifAbsent" or name == "atomicBatch" or name == "index" and methods.indexes
      or name == "ttl" and methods.writeValue -- it keeps the time itself
    if declares and not wrapped[name] and not may then
      refuse(class, "declares supports.%s, which the store that it extends does not have", name)
    end
    capabilities[name] = declares
  end
  if not capabilities.revision and not chosen.removeIfRevision then capabilities.removeIfRevision = false end
  inheritIndexes(class, methods, capabilities, chosen)
  checkCapabilities(class, methods, { ifAbsent = chosen.ifAbsent, revision = chosen.revision, ttl = chosen.ttl })
  checkCapabilities(class, { removeValue = methods.removeValue },
    { revision = capabilities.revision, removeIfRevision = chosen.removeIfRevision })
  return capabilities
end

-- Whether the class, or the nearest of its ancestors that says something of it, declares indexes.  What is wrong with
-- its `supports` is said elsewhere.
local function declaresIndex(class)
  while not M.isNative(class) do
    local supports = rawget(class, "supports")
    if type(supports) == "table" and supports.index ~= nil then return supports.index == true end
    class = rawget(class, RECORD).parent
  end
  return false
end

--- The methods of its own that a class has, by name; nil if it has none that the runtime knows.
---@param class table
---@return table<string, function>?
function M.methods(class)
  if M.isNative(class) then return nil end
  local methods = {}
  for _, names in ipairs { M.required, OPTIONAL, TRANSACTION, FREE } do
    for _, name in ipairs(names) do methods[name] = ownMethod(class, name) end
  end
  if declaresIndex(class) then
    for _, name in ipairs(M.index) do methods[name] = ownMethod(class, name) end
  end
  if next(methods) == nil and M.extendsStore(class) then return nil end
  return methods
end

--- Whether the methods of the class get and give entities as JSON text (`encoding = "json"`), not as Lua values.
---@param class table
---@return boolean
function M.hasTexts(class)
  local encoding = class.encoding
  if encoding == nil then return false end
  if encoding ~= "json" then refuse(class, 'encoding must be "json" or nil, not %s', tostring(encoding)) end
  if M.extendsStore(class) then refuse(class, "extends a store whose methods give Lua values: leave encoding out") end
  return true
end

--- Whether the class says that its loops know conditions (docs/adapters.md): then they are given them.
---@param class table
---@return boolean
function M.knowsConditions(class) return own(class, "conditions") == true and not M.extendsStore(class) end

--- What core.attach() is told about an instance.
---@param class table
---@param methods table<string, function>
---@param wrapped? table<string, boolean>  what the store that the class extends supports
---@return table
function M.spec(class, methods, wrapped)
  local capabilities
  if wrapped then
    capabilities = inheritedCapabilities(class, methods, wrapped)
  else
    M.checkComplete(class)
    capabilities = ownCapabilities(class, methods)
  end
  return {
    class = class,
    className = class.className,
    methods = methods,
    capabilities = capabilities,
    ranges = not methods.keys and wrapped ~= nil or takes(methods.keys, 1),
    entryRanges = takes(methods.entries, 1),
    raw = M.hasTexts(class),
    conditions = M.knowsConditions(class),
  }
end

-- What is raised in the loop of a method, with the method's name.
local function explain(what)
  return function(raised)
    local known = core.isError(raised)
    local err = core.traceback(raised)
    if not known then err.message = what .. " raised: " .. err.message end
    return err
  end
end

-- Raises what is wrong with what a method gave, and where the method begins.
local function blame(method, message)
  local info = debug.getinfo(method, "S")
  local where = info.linedefined > 0 and string.format("%s:%d", info.short_src, info.linedefined) or nil
  error(core.error("script", message, { where = where }), 0)
end

--- Runs a method that gives a loop, and gives that loop with every value copied: nothing of it is the store's.
---@param self table
---@param name string
---@param method function
---@param limit? number  how many at most
---@return fun(): any
function M.loop(self, name, method, limit, ...)
  local what = getmetatable(self).class.className .. ":" .. name
  local handler = explain(what)
  core.enter(self)
  local ok, step, state, control = xpcall(method, handler, self, ...)
  if not ok then error(step, 0) end
  ok, step = pcall(core.steps, what, step, state, control)
  if not ok then blame(method, step.message) end
  return function()
    if limit then
      if limit <= 0 then return nil end
      limit = limit - 1
    end
    core.enter(self)
    local fine, value = xpcall(step, handler)
    if not fine then error(value, 0) end
    if value == nil then return nil end
    local copied, copy = pcall(core.copy, value)
    if not copied then blame(method, what .. " yielded what is not an entity: " .. copy.message) end
    return copy
  end
end

--- Whether a method takes a range.
M.takesRange = function(method) return takes(method, 1) end

return M
