-- SPDX-License-Identifier: MIT
--
-- Watches: loops over what is committed to a store, which wait for more.
--
-- Whoever waits in C waits for the whole state.  So the script's own waiting is done in short pieces, between which
-- hooks run; and where a loop runs the script (the host's), it is that loop which waits, for the watch's descriptor.

local asking = require "holdfast.asking"
local check = require "holdfast.check"
local clock = require "holdfast.util.clock"
local core = require "holdfast.core"

local huge = math.huge

local M = {}

local PIECE_MS = 250

-- Waits for a descriptor where a loop runs the script: see M.waitBy.
local waitInLoop = function() return false end

--- Says how to wait for a descriptor without holding up what runs besides.  The host's loop does.
---@param wait fun(fd: integer, ms: number, arrange?: fun(finish: fun())): boolean  waits until it can be read, for so
--- long (math.huge: for ever), or until the function that `arrange` gets is called; false: nothing runs besides here
function M.waitBy(wait) waitInLoop = wait end

---@class holdfast.WatchOptions
---@field from? integer      begin with the changes of this revision; left out: with the next commit
---@field prefix? string     of ids that begin so
---@field where? fun(value: any, id?: string): boolean  writes of values for which it is true; all other changes
---@field timeout? number    ms without a change after which the loop ends; left out: it never does

---@class holdfast.Change
---@field revision integer   of the commit: all changes of one have the same
---@field at integer         when it was committed, ms since 1970
---@field entityName string
---@field id? string         not of "clear"
---@field what "write"|"remove"|"clear"|"expire"|"quarantine"
---@field value? any         of "write"; nil: it is gone by now
---@field current? boolean   the value is the present one, and not that of the revision, which is not kept
---@field last? boolean      the last one of its commit
---@field expiresAt? integer of "write": when the value expires, ms since 1970

--- A watch.  It can be called, and so is what a `for` takes: `for change in store:watch() do`.
---@class holdfast.Watch
---@field revision integer   whose changes have all been handed out: another watch goes on with from = revision + 1
---@field fd integer         a descriptor that can be read when there may be a change
local Watch = {}

local FIELDS = {}
function FIELDS.revision(self) return core.watchRevision(self.handle) end
function FIELDS.fd(self) return core.watchFd(self.handle) end

local META = {
  __index = function(self, name)
    local field = FIELDS[name]
    if field then return field(self) end
    return Watch[name]
  end,
  __tostring = function() return "holdfast.Watch" end,
}

-- What the predicate makes of a change.
local function wants(self, change)
  if not self.predicate or change.what ~= "write" or change.value == nil then return true end
  self.names.entityName = change.entityName
  return self.ask(self.readsTexts and core.json.decode(change.value) or change.value, change.id)
end

-- Waits for something to read, and gives the change that has come meanwhile, if one has.
local function wait(self, left)
  if not core.inTransaction()
    and waitInLoop(core.watchFd(self.handle), left, function(finish) self.finish = finish end) then
    self.finish = nil
    return nil
  end
  return core.watchNext(self.handle, math.min(left, PIECE_MS)) -- in a transaction it refuses
end

--- The next change; nil where none came in time.
---@param timeout? number  ms; left out: that of the watch
---@return holdfast.Change?
---@raise compacted  changes went before they were read: `revision` of the error is where to begin again
---@raise unsupported, closed, script
function Watch:next(timeout)
  if timeout == nil then timeout = self.timeout end
  local deadline = timeout ~= huge and timeout > 0 and clock.now() * 1000 + timeout
  while true do
    local change = core.watchNext(self.handle, 0)
    if not change and timeout > 0 then
      local left = deadline and deadline - clock.now() * 1000 or huge
      if left <= 0 then return nil end
      change = wait(self, left)
    elseif not change then
      return nil
    end
    if change and wants(self, change) then return change end
  end
end

function META.__call(self) return self:next() end

--- Ends the watch.
function Watch:close()
  if self.stop then self.stop() end
  if self.finish then self.finish() end -- of who waits in another task, and finds it closed
  core.watchClose(self.handle)
end

--- Has a function called for each change by libuv's loop, which whoever calls runs.  What it raises ends the watch, and
--- is given to it in place of a change.
---@param uv table  require "luv"
---@param fn fun(change: holdfast.Change?, raised: any)
---@return fun() stop  no longer; the watch stays open
function Watch:listen(uv, fn)
  if self.stop then self.stop() end
  local poll = uv.new_poll(self.fd)
  local function stop()
    if not poll then return end
    poll:stop()
    poll:close()
    poll, self.stop = nil, nil
  end
  self.stop = stop
  local function handOut()
    local change = self:next(0)
    while change and poll do
      fn(change)
      change = poll and self:next(0)
    end
  end
  poll:start("r", function(problem)
    local ok, raised = not problem, problem
    if ok then ok, raised = xpcall(handOut, core.traceback) end
    if ok then return end
    stop()
    self:close()
    fn(nil, raised)
  end)
  return stop
end

local KNOWN = { from = "number", prefix = "string", where = "function", timeout = "number" }

local function checkOptions(self, options)
  if options == nil then return {} end
  if type(options) ~= "table" then
    check.misuse(self, "watch: the options must be a table such as {from=1}, not a %s", type(options))
  end
  for name, value in pairs(options) do
    local wanted = KNOWN[name]
    if not wanted then
      check.misuse(self, "watch: there is no option '%s': from, prefix, where and timeout exist", tostring(name))
    end
    if name == "where" and type(value) ~= wanted then check.noPredicate(self, "watch: where", value) end
    if type(value) ~= wanted or value ~= value then
      check.misuse(self, "watch: %s must be a %s, not a %s", name, wanted, type(value))
    end
  end
  return options
end

-- A condition that stands for the predicate as long as the watch lives: one that uses nothing from outside that could
-- change, since what it has left out does not come again.
local function conditionOf(predicate, arguments)
  local asked = require "holdfast.condition".of(predicate, arguments)
  if not asked or #asked.reading.guards > 0 then return nil end
  for _, parameter in ipairs(asked.reading.parameters) do
    if not parameter.fixed then return nil end
  end
  return asked.condition
end

-- The class of a script that has the stores of this URL, where it can watch them.
local function watchingClass(url)
  local scheme = type(url) == "string" and url:match "^(%l[%w+.-]*):"
  for _, known in ipairs(core.schemes()) do
    local found, class = false, nil
    if known.name == scheme then found, class = pcall(require, "holdfast.backends." .. known.backend) end
    if found and type(class) == "table" and class.storeWatch then return class end
  end
end

-- Has such a class watch.
local function watchByClass(class, url, options, name, asTexts)
  local out = { entityName = name, asTexts = asTexts, wait = waitInLoop }
  for key, value in pairs(options) do out[key] = value end
  return class.storeWatch(url, out)
end

--- Begins a watch.
---@param of PersistBase|userdata  an instance, or a whole store
---@param options? holdfast.WatchOptions
---@param asTexts? boolean  values are given as JSON texts
---@param url? string        of a whole store
---@return holdfast.Watch
function M.open(of, options, asTexts, url)
  local instance = type(of) == "table" and of or nil
  options = checkOptions(instance, options)
  url = instance and instance.baseDir or url
  local class = not (instance and core.supports(instance).changes) and watchingClass(url)
  if class then return watchByClass(class, url, options, instance and instance.entityName, asTexts) end
  local predicate, condition = options.where, nil
  local self = { names = { entityName = instance and instance.entityName }, timeout = options.timeout or huge,
    predicate = predicate, readsTexts = asTexts }
  if predicate then
    local arguments = asking.argumentsOf(predicate)
    condition = conditionOf(predicate, arguments)
    self.ask = asking.asker(self.names, "watch", predicate)
    self.condition = condition
  end
  self.handle = core.watchOpen(of, options.from, nil, options.prefix, condition, asTexts)
  return setmetatable(self, META)
end

--- Watches all entity names of a store, as this process has it open, or opened for it.
---@param url string
---@param options? holdfast.WatchOptions
---@return holdfast.Watch
function M.watch(url, options)
  local class = watchingClass(url)
  if class then return watchByClass(class, url, checkOptions(nil, options)) end
  return M.open(core.openStoreAsIs(url), options)
end

core.storeMethods.watch = function(store, options) return M.open(store, options) end

return M
