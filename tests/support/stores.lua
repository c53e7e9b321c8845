-- SPDX-License-Identifier: MIT
--
-- Runs a suite once for each kind of store, with a fresh store for each test:
--
--     stores.each(function(kind)
--       it("reads what was written", function()
--         local store = kind.open("signal")
--         ...
--
-- After each test everything is collected twice; then nothing of the store may be open any more, whether the
-- test closed its handles or dropped them.

local ScriptPersist = require("support.ScriptPersist")
local assert = require("luassert")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local temp = require("support.temp")

local M = {}

local counter = 0

local kinds = {
  lmdb = {
    name = "lmdb",
    texts = true,
    pages = true,
    durable = true,
    class = "LmdbPersist",
    newBase = function()
      return temp.directory() .. "/store"
    end,
  },
  file = {
    name = "file",
    texts = true,
    durable = true,
    class = "FilePersist",
    newBase = function()
      return "file:" .. temp.quickDirectory() .. "/store?durability=nosync"
    end,
  },
  script = {
    name = "lua",
    durable = true, -- not at all, but no store in C is left open either
    newBase = function()
      counter = counter + 1
      return "lua:support.ScriptPersist?base=test-" .. counter
    end,
  },
  wrapper = {
    name = "lua",
    depth = 127, -- its box is one level
    durable = true,
    newBase = function()
      return "lua:support.WrapPersist?base=" .. temp.directory() .. "/store"
    end,
  },
  memory = {
    name = "memory",
    texts = true,
    pages = true,
    durable = false,
    class = "MemoryPersist",
    newBase = function()
      counter = counter + 1
      return "memory:test-" .. counter
    end,
  },
}

--- Before each test of the calling block: a fresh base in kind.base.  After each: no handle is left.
function M.fresh(kind, env)
  env = env or getfenv(2)
  env.before_each(function()
    kind.base = kind.newBase()
  end)
  env.after_each(function()
    jit.flush() -- compiled code keeps the functions that it was specialised for, and their upvalues
    collectgarbage()
    collectgarbage()
    local left = temp.openFiles()
    temp.removeAll()
    assert.are.same({}, left, "handles are left open")
    if not kind.durable then
      local store = holdfast.PersistBase("anything", kind.base)
      local revision = store:stat().revision
      store:close()
      assert.equal(0, revision, "a handle on " .. kind.base .. " is left open")
    end
  end)
end

-- A kind has: name, of its backend; durable; pages: a scan looks at the store again for each page, so that it sees what
-- was written meanwhile; texts: what is stored are the texts as they were given.
--- A kind of store by name, with open(): an instance on the test's base.
function M.kind(name)
  local kind = setmetatable({}, { __index = assert(kinds[name]) })
  function kind.open(entityName, options)
    return holdfast.PersistBase(entityName or "signal", kind.base, options)
  end
  --- Whether the kind has a capability.
  function kind.supports(capability)
    local store = holdfast.PersistBase("any", kind.newBase())
    local promised = store.supports[capability]
    store:close()
    return promised
  end
  return kind
end

--- Every kind of store; the suites of some only need what all of them have.
M.all = { "lmdb", "memory", "file", "script", "wrapper" }

--- Defines the suite for LMDB and for memory, or for these kinds.
---@param suite fun(kind: table)
---@param names? string[]
function M.each(suite, names)
  local env = getfenv(2)
  for _, name in ipairs(names or { "lmdb", "memory" }) do
    local kind = M.kind(name)
    env.describe("on " .. name, function()
      M.fresh(kind, env)
      suite(kind)
    end)
  end
end

--- For after_each: gives adapters their default store again, collects, and sees that nothing is left open.
---@param adapters? table[]
function M.leaveNothing(adapters)
  for _, adapter in ipairs(adapters or {}) do
    adapter.close()
    adapter.useLmdb()
  end
  jit.flush()
  collectgarbage()
  collectgarbage()
  assert.same({}, temp.openFiles(), "handles are left open")
  temp.removeAll()
  ScriptPersist.bases = {}
  ScriptPersist.forgetLog()
end

--- What an iterator yields, as a list.
function M.list(...)
  local out = {}
  for value in ... do
    out[#out + 1] = value
  end
  return out
end

--- All that is stored under one name: a list of "id JSON" lines in natural order.
function M.content(store)
  local out = {}
  for id, text in core.texts(store) do
    out[#out + 1] = id .. " " .. text
  end
  return out
end

return M
