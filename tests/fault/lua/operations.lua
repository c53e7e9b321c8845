-- SPDX-License-Identifier: MIT
--
-- What failed_allocations.c does by scripts while allocations fail: a function for each, which gives a text that is the
-- same whenever nothing fails, and puts nothing away itself: what it has open when an error ends it is the
-- collector's.  `...` is the URL of a store, and a folder.

jit.off() -- see the head of failed_allocations.c
local holdfast = require("holdfast")
local core = require("holdfast.core")
local base, folder = ...

-- Whose handles stay open.
local signal, risk = holdfast.PersistBase("signal", base), holdfast.PersistBase("risk", base)

local M = {}

---Makes the store what it was: a, b and c, and one of the other name.
function M.reset()
  core.adapters.close("PersistSignalAdapter")
  signal:removeAll()
  risk:removeAll()
  signal:writeMany { a = { n = 1 }, b = { n = 2, list = holdfast.array { 1, "two", { three = 3 } } }, c = { n = 3 } }
  risk:writeValue("r", { n = 4 })
end

-- A value as a text.  Not as JSON: in which order a table's fields come depends on how it was made, and the decoder
-- makes a table in one of two ways.
local function textOf(value)
  if type(value) ~= "table" then return core.json.encode(value) end
  local fields = {}
  for name, field in pairs(value) do fields[#fields + 1] = tostring(name) .. ":" .. textOf(field) end
  table.sort(fields)
  return "{" .. table.concat(fields, ",") .. "}"
end

---What is in the store, as a text.
---@return string
function M.content()
  local found = {}
  for _, store in ipairs { signal, risk } do
    for id, value in store:entries() do found[#found + 1] = id .. "=" .. textOf(value) end
  end
  return table.concat(found, " ")
end

local function open() return holdfast.PersistBase("signal", base) end

-- The code of what a function raises.  That there is no memory is no answer: it goes on.
local function codeOf(fn, ...)
  local ok, raised = pcall(fn, ...)
  if ok then return "ok" end
  if type(raised) ~= "table" or raised.code == "no_memory" then error(raised, 0) end
  return raised.code
end

local operations = {}
M.operations = operations

function operations.read()
  local store = open()
  local many, entry = store:readMany { "a", "b", "none" }, store:readEntry("b")
  return core.json.encode { store:readValue("a").n, entry.value, many.b, store:hasValue("none"), many.none == nil }
end

operations["read by a new handle"] = function()
  local store = open()
  store:waitForInit(true)
  local text = core.readText(store, "c")
  store:close()
  return text
end

function operations.write()
  open():writeValue("a", { n = 5, text = ("x"):rep(300), list = holdfast.array { 1, 2, 3 }, deep = { { { true } } } })
  return "written"
end

operations["write on conditions"] = function()
  local store = open()
  local revision = store:readEntry("a").revision
  store:writeValue("a", { n = 6 }, { ifRevision = revision })
  return codeOf(store.writeValue, store, "b", 1, { ifAbsent = true })
end

function operations.writeMany()
  open():writeMany { a = { n = 7 }, d = ("long "):rep(100), [12] = { 1, 2 } }
  return "written"
end

function operations.writeTexts()
  core.writeTexts(open(), { "a", "d" }, { '{"n":8}', "[]" })
  return "written"
end

function operations.remove()
  return "removed " .. open():removeMany { "a", "b", "none" }
end

function operations.removeAll()
  open():removeAll()
  return "removed"
end

function operations.iterate()
  local store, sum = open(), 0
  for value in store:values() do sum = sum + value.n end
  for id in store:keys { reverse = true, limit = 2 } do sum = sum .. id end
  for id, value, revision in store:entries { from = "b" } do sum = sum .. id .. value.n .. type(revision) end
  for value in store:filter(function(v) return v.n > 1 end) do sum = sum .. value.n end
  for value in store:take(2) do sum = sum .. value.n end
  return sum
end

operations["leave a loop"] = function()
  for id in open():entries() do
    if id == "b" then return id end
  end
end

function operations.commit()
  holdfast.transaction(function()
    signal:writeValue("a", { n = 9 })
    risk:writeValue("r", { n = 9 })
  end)
  return "committed"
end

operations["roll back"] = function()
  return codeOf(holdfast.transaction, function()
    signal:writeValue("a", { n = 10 })
    risk:removeAll()
    error(holdfast.error("busy", "never mind"))
  end)
end

function operations.nest()
  return holdfast.transaction(function()
    signal:writeValue("a", { n = 11 })
    return "nested " .. codeOf(holdfast.transaction, function()
      risk:writeValue("r", { n = 11 })
      error(holdfast.error("busy", "undone"))
    end)
  end)
end

operations["several in one commit"] = function()
  local became = ""
  for _, result in ipairs(holdfast.transactions {
    function()
      signal:writeValue("a", { n = 14 })
      return "first"
    end,
    function()
      risk:writeValue("r", { n = 14 })
      error(holdfast.error("busy", "undone"))
    end,
    function() return signal:readEntry("a").value.n, "third" end,
  }) do
    if not result.ok and result.error.code ~= "busy" then error(result.error, 0) end
    became = became .. (result.ok and result[1] .. result.n or result.error.code)
  end
  return became
end

function operations.snapshot()
  return open():snapshot(function(store) return store:readValue("a").n .. store:count() end)
end

operations["the store as a whole"] = function()
  local store = holdfast.openStore(base)
  local seen = {}
  for _, name in ipairs(store:entities()) do seen[#seen + 1] = name end
  store:verify { onEvent = function() end }
  seen[#seen + 1] = store:stat().backend
  return table.concat(seen, " ")
end

operations["a class of its own"] = function()
  local Parent = base:find("^lmdb:") and holdfast.LmdbPersist or holdfast.MemoryPersist
  local Upper = Parent:extend("Upper")
  function Upper:readValue(id)
    local value = Parent.readValue(self, id)
    value.upper = id:upper()
    return value
  end
  function Upper:writeValue(id, value)
    value.written = true
    return Parent.writeValue(self, id, value)
  end
  local store, seen = Upper("signal", (base:gsub("^%w+:", ""))), ""
  store:writeValue("c", { n = 12 })
  for value in store:values() do seen = seen .. value.upper end
  local value = store:readValue("c")
  return seen .. value.n .. value.upper .. tostring(value.written)
end

operations["a class that keeps texts itself"] = function()
  local texts = {}
  local Memo = holdfast.PersistBase:extend("Memo")
  function Memo:waitForInit() self.ready = true end
  function Memo:readValue(id)
    return holdfast.json.decode(texts[id] or error(holdfast.error("not_found", "none")))
  end
  function Memo:hasValue(id) return texts[id] ~= nil end
  function Memo:writeValue(id, value) texts[id] = holdfast.json.encode(value) end
  function Memo:removeValue(id) texts[id] = nil end
  function Memo:removeAll() texts = {} end
  local function sorted()
    local ids = {}
    for id in pairs(texts) do ids[#ids + 1] = id end
    table.sort(ids, holdfast.naturalOrder)
    return ids
  end
  function Memo:keys()
    local ids, i = sorted(), 0
    return function()
      i = i + 1
      return ids[i]
    end
  end
  function Memo:values()
    local ids, i = sorted(), 0
    return function()
      i = i + 1
      return ids[i] and self:readValue(ids[i])
    end
  end
  local store, seen = Memo("memo", folder), ""
  store:writeMany { x = { n = 1 }, y = { n = 2 } }
  for id, value in store:entries() do seen = seen .. id .. value.n end
  return seen .. store:count() .. codeOf(store.readValue, store, "none")
end

operations["errors"] = function()
  local store, codes = open(), {}
  local function try(...) codes[#codes + 1] = codeOf(...) end
  try(store.readValue, store, "none")
  try(store.readValue, store, "")
  try(store.writeValue, store, "a", print)
  try(holdfast.PersistBase, "signal", "nosuch:base")
  try(function() error(core.toError("a text")) end)
  codes[#codes + 1] = tostring(core.isError(holdfast.error("full", "no room", { entityId = "a" }), "full"))
  return table.concat(codes, " ")
end

operations["JSON"] = function()
  local text = '{"a":[1,2.5,null,true,"\\u00e9\\n"],"b":{"c":{"d":[[],{}]}},"long":"' .. ("y"):rep(2000) .. '"}'
  local value = core.json.decode(text)
  return #core.json.encode(core.copy(value)) .. tostring(core.json.isArray(value.a))
end

function operations.redact()
  local shown = core.redact("cannot reach redis://user:secret@host/0", "redis://user:secret@host/0")
  return shown == "***" and error(holdfast.error("no_memory"), 0) or shown -- without memory nothing is shown
end

function operations.checksum()
  local sum = core.checksum()
  sum:add("some")
  sum:add(" text")
  return sum:text()
end

function operations.lock()
  local path = folder .. "/locks/one.lock"
  local lock = core.lease(path, "a test")
  lock:check()
  local found, missed = core.leasesIn(folder .. "/locks")
  if missed then error(missed, 0) end
  local held = #found .. tostring(core.leaseHolder(path) ~= nil)
  lock:release()
  return held .. #core.leaseFolder()
end

function operations.adapter()
  local adapters = core.adapters
  local names = {}
  for _, adapter in ipairs(adapters.list()) do names[#names + 1] = adapter.name end
  holdfast.PersistSignalAdapter.usePersistSignalAdapter(base)
  holdfast.PersistSignalAdapter.writeSignalData({ n = 13 }, "a strategy", "BTC")
  local row = holdfast.PersistSignalAdapter.readSignalData("a strategy", "BTC")
  return row.n .. table.concat(names, " ")
end

function operations.quarantine()
  local store = holdfast.PersistBase("damaged", base)
  core.quarantine(store, "bad", "it was damaged elsewhere", "{oops")
  local seen = ""
  for id, problem, bytes in core.quarantined(store) do seen = seen .. id .. problem .. bytes end
  seen = seen .. codeOf(store.readValue, store, "bad")
  store:removeAll()
  return seen
end

operations["lists"] = function()
  local n = 0
  for _, list in ipairs { core.options(), core.capabilities(), core.methods(), core.schemes(), core.settingTable() } do
    n = n + #list
  end
  return n .. #core.orderKey("a10") .. tostring(core.naturalOrder("a9", "a10"))
end

if base:find("^lmdb:") then
  function operations.set()
    local store = holdfast.openStore(base)
    store:settings { note = "by a script" }
    return store:settings().note
  end
end

---@return string[] names of the operations, in order
function M.names()
  local names = {}
  for name in pairs(operations) do names[#names + 1] = name end
  table.sort(names)
  return names
end

return M
