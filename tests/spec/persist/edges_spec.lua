-- SPDX-License-Identifier: MIT
--
-- The edges of what a store can take: a full one that must be emptied, a deleted one that is still open, nesting
-- without end, standard files that are closed.

local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local temp = require("support.temp")

describe("at its edges", function()
  local dir

  before_each(function() dir = temp.directory() end)
  after_each(function()
    collectgarbage()
    collectgarbage()
    temp.removeAll()
  end)

  it("a store at its size limit can be emptied, one by one and at once, and filled again", function()
    local store = holdfast.PersistBase("x", dir .. "/s", { maxSize = 2 ^ 20, durability = "nosync" })
    local function fill()
      local n = 0
      while true do
        local ok, err = pcall(store.writeValue, store, n, ("x"):rep(1000))
        if not ok then
          assert.equal("full", err.code)
          return n
        end
        n = n + 1
      end
    end
    local n = fill()
    for id = 0, n - 1 do
      store:removeValue(id)
    end
    assert.equal(0, store:count())
    assert.is_true(fill() > n / 2)
    local ids = {}
    for id in store:keys() do
      ids[#ids + 1] = id
    end
    assert.equal(#ids, store:removeMany(ids))
    assert.is_true(fill() > n / 2)
    local half = store:count(function(_, id) return id % 2 == 0 end)
    assert.equal(half, store:removeWhere(function(_, id) return id % 2 == 0 end))
    assert.is_true(fill() > n / 4)
    store:close()
  end)

  it("after `full`, a transaction answers `full` to everything and is undone", function()
    local store = holdfast.PersistBase("x", dir .. "/s", { maxSize = 2 ^ 18, durability = "nosync" })
    store:writeValue("before", 1)
    raises.error("full", nil, holdfast.transaction, function()
      store:writeValue("inside", 1)
      raises.error("full", nil, store.writeValue, store, "big", ("x"):rep(2 ^ 19))
      raises.error("full", nil, store.count, store)
      raises.error("full", nil, store.hasValue, store, "before")
    end)
    assert.is_false(store:hasValue("inside"))
    assert.equal(1, store:readValue("before"))
    store:close()
  end)

  it("a transaction for which the map has to grow does not speak of the size limit, and finds it grown", function()
    local store = holdfast.PersistBase("x", dir .. "/s", { mapSize = 2 ^ 18, maxSize = 2 ^ 24, durability = "nosync" })
    local function write() store:writeValue("big", ("x"):rep(2 ^ 18)) end
    local err = raises.error("full", nil, holdfast.transaction, write)
    assert.is_true(err.retryable)
    assert.is_nil(err.message:find("(maxsize)", 1, true), err.message)
    assert.matches("run the transaction again", err.cause)
    holdfast.transaction(write)
    store:close()
  end)

  it("no new store is made beside the locks of a deleted one", function()
    local old = holdfast.PersistBase("x", dir .. "/s")
    old:writeValue("a", 1)
    assert(os.remove(dir .. "/s/data.mdb"))
    raises.error("unavailable", nil, old.writeValue, old, "a", 2)
    local new = holdfast.PersistBase("x", dir .. "/s")
    raises.error("unavailable", nil, new.writeValue, new, "a", 2)
    old:close()
    new:writeValue("a", 3)
    assert.equal(3, new:readValue("a"))
    new:close()
  end)

  it("transactions, snapshots and verify nest to a limit and no further", function()
    local store = holdfast.PersistBase("x", dir .. "/s")
    store:writeValue("a", 1)
    local depth = 0
    local function deeper()
      depth = depth + 1
      return holdfast.transaction(deeper)
    end
    raises.error("unsupported", nil, deeper)
    assert.is_true(depth > 10 and depth < 100)
    local function look() return store:snapshot(look) end
    raises.error("unsupported", nil, look)
    local whole = holdfast.openStore(dir .. "/s")
    raises.error("unsupported", nil, holdfast.transaction, function() whole:verify() end)
    raises.error("unsupported", nil, whole.verify, whole, { onEvent = function() whole:verify() end })
    assert.equal(1, store:readValue("a"))
    whole:close()
    store:close()
  end)

  it("what is printed never goes into a store, whichever standard file is closed", function()
    local store = holdfast.PersistBase("x", dir .. "/s")
    store:writeValue("a", 1)
    store:close()
    temp.writeFile(dir .. "/noise.lua", [[
      local store = require("holdfast").PersistBase("x", arg[1])
      store:writeValue("b", 2)
      for i = 1, 2000 do io.stderr:write("noise ", i, "\n") io.stdout:write("noise ", i, "\n") end
    ]])
    local words = temp.quote(os.getenv("HOLDFAST_BIN")) .. " run noise.lua s"
    process.shell("cd " .. temp.quote(dir) .. " && " .. words .. " <&- >&- 2>&-")
    process.shell("cd " .. temp.quote(dir) .. " && luajit noise.lua s <&- >&- 2>&-")
    for _, name in ipairs({ "data.mdb", "lock.mdb" }) do
      assert.is_nil(temp.readFile(dir .. "/s/" .. name):find("noise 1", 1, true), name)
    end
    assert.equal(2, holdfast.PersistBase("x", dir .. "/s"):readValue("b"))
  end)

  it("a relative base means the directory in which the instance was made", function()
    temp.writeFile(dir .. "/s.lua", [[
      local ffi = require "ffi"
      ffi.cdef "int chdir(const char *path);"
      local h = require "holdfast"
      local p = h.PersistBase("x", "here")
      ffi.C.chdir("/")
      p:writeValue("a", 1)
    ]])
    local command = temp.quote(os.getenv("HOLDFAST_BIN")) .. " run s.lua"
    local result = process.shell("cd " .. temp.quote(dir) .. " && " .. command)
    assert.equal(0, result.code, result.stderr)
    assert.equal(1, holdfast.PersistBase("x", dir .. "/here"):readValue("a"))
  end)
end)
