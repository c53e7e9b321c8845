-- SPDX-License-Identifier: MIT
--
-- The states of an instance: before it is opened, open, closed, reopened, and after something failed; and two of
-- them at once.

local processes = require "holdfast.conformance.processes"

return function(check)
  check("a second instance sees what the first one writes and removes", { method = "init",
    why = "two instances with the same arguments are one store" }, function(t)
    local one, two = t:open(), t:open()
    one:writeValue("a", 1)
    t:blame("readValue"):equal(1, two:readValue("a"), "what the first one wrote")
    two:writeValue("a", 2)
    t:blame("readValue"):equal(2, one:readValue("a"), "what the second one wrote over it")
    two:writeValue("b", 3)
    t:blame("keys"):equal({ "a", "b" }, t:list(one:keys()), "keys() of the first one")
    one:removeValue("a")
    t:blame("hasValue"):equal(false, two:hasValue("a"), "what the first one removed")
    t:blame("readValue"):raises("not_found", "readValue of it", two.readValue, two, "a")
    two:removeAll()
    t:blame("values"):equal({}, t:list(one:values()), "values() after removeAll of the second one")
  end)

  check("every operation opens the store by itself", { method = "waitForInit",
    why = "waitForInit is called by the core before anything else, if nobody did" }, function(t)
    t:open():writeValue("a", 1)
    local operations = {
      readValue = function(s) return s:readValue("a") end,
      hasValue = function(s) return s:hasValue("a") end,
      writeValue = function(s) s:writeValue("b", 1) end,
      removeValue = function(s) s:removeValue("b") end,
      keys = function(s) return t:list(s:keys()) end,
      values = function(s) return t:list(s:values()) end,
      count = function(s) return s:count() end,
      readMany = function(s) return s:readMany { "a" } end,
    }
    for _, name in ipairs { "readValue", "hasValue", "writeValue", "removeValue", "keys", "values", "count",
      "readMany" } do
      local ok, raised = pcall(operations[name], t:open())
      if not ok then t:blame(name):fail(name .. " on an instance that nobody has opened", nil, tostring(raised)) end
    end
  end)

  check("waitForInit may be called again, and loses nothing", { method = "waitForInit" }, function(t)
    local store = t:open()
    store:waitForInit(true)
    store:writeValue("a", 1)
    store:waitForInit(true)
    store:waitForInit(false)
    store:waitForInit()
    t:equal(1, store:readValue("a"), "what was written before")
    local second = t:open()
    second:waitForInit(true)
    t:equal(1, second:readValue("a"), "what was written before the second instance was initialised")
  end)

  check("a closed instance says so", { method = "close" }, function(t)
    local store, other = t:open(), t:open()
    store:writeValue("a", 1)
    other:waitForInit(true) -- a memory store lasts while it is open
    store:close()
    store:close()
    for _, name in ipairs { "readValue", "hasValue", "removeValue" } do
      t:raises("closed", name .. " after close", store[name], store, "a")
    end
    t:raises("closed", "writeValue after close", store.writeValue, store, "a", 2)
    t:raises("closed", "keys after close", function() t:list(store:keys()) end)
    t:raises("closed", "values after close", function() t:list(store:values()) end)
    t:raises("closed", "count after close", store.count, store)
    t:equal(1, other:readValue("a"), "another instance goes on")
  end)

  check("instances that are closed leave nothing open", { method = "close",
    why = "a program that runs for months has no file to spare for each instance" }, function(t)
    local holder = t:open()
    t:fill(holder, 3)
    local function use()
      local store = t:open()
      store:waitForInit(true)
      store:writeValue("a", 1)
      t:equal({ n = 2 }, store:readValue("item-2"), "what is read")
      for _ = 1, 2 do
        for id in store:keys() do
          if id == "item-1" then break end
        end
        store:values()()
      end
      store:hasValue("missing")
      store:close()
    end
    local function openFiles()
      collectgarbage()
      collectgarbage()
      return processes.openFiles()
    end
    use()
    local before = openFiles()
    for _ = 1, 25 do use() end
    local more = openFiles() - before
    t:check(more < 10, ("files or connections that 25 instances left open: %d"):format(more))
  end)

  check("what was written is there after reopening", { method = "close" }, function(t)
    local holder = t:open(t:other("-holder")) -- a memory store lasts while it is open
    holder:count()
    local store = t:open()
    t:fill(store, 10)
    store:close()
    store = t:open()
    t:equal(10, store:count(), "entities after reopening")
    t:equal({ n = 7 }, store:readValue("item-7"), "one of them")
  end)

  check("after an operation that failed everything goes on", { method = "writeValue" }, function(t)
    local store = t:open()
    store:writeValue("a", 1)
    for _ = 1, 3 do
      pcall(store.readValue, store, "missing")
      pcall(store.removeValue, store, "missing")
      pcall(store.writeValue, store, "a", { 0 / 0 })
      pcall(store.writeValue, store, "", 1)
      pcall(function() for _ in store:values() do error("stop") end end)
      pcall(function() t:list(store:filter(function() error("stop") end)) end)
    end
    t:equal(1, store:readValue("a"), "the entity")
    store:writeValue("a", 2)
    t:equal(2, store:readValue("a"), "a write after the failures")
    t:equal({ "a" }, t:list(store:keys()), "keys()")
  end)

  check("an instance works in a coroutine", { method = "readValue" }, function(t)
    local store = t:open()
    local step = coroutine.wrap(function()
      t:fill(store, 3)
      for id in store:keys() do coroutine.yield(store:readValue(id).n) end
    end)
    t:equal({ 1, 2, 3 }, { step(), step(), step() }, "what it reads in a loop that stops in between")
  end)
end
