-- SPDX-License-Identifier: MIT
--
-- What finalizers can do to the binding.  Any allocation of Lua may run a script's __gc, which may use the same store,
-- iterator or instance, or raise; and it may run after the instances that it sees were finalized.

local another = require("support.another")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

-- Leaves garbage whose finalizer is this function.
local function plant(finalizer)
  getmetatable(newproxy(true)).__gc = finalizer
end

-- Runs a function while every allocation makes the collector go round once, finalizers included.  Interpreted: a
-- finalizer that raises out of compiled code crashes LuaJIT itself.
local function withRestlessCollector(run)
  jit.off()
  local pause, stepmul = collectgarbage("setpause", 0), collectgarbage("setstepmul", 100000000)
  pcall(collectgarbage) -- from its end on the new settings count
  local ok, err = pcall(run)
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", stepmul)
  jit.on()
  collectgarbage()
  assert(ok, err)
end

-- Entities of several shapes, as a batch, each with its number; a page does not hold all of them.
local function batchOf(n)
  local batch = {}
  for i = 1, n do
    batch["id-" .. i] = { n = i, text = ("x"):rep(i), ["key" .. i % 7] = { i, { deep = { "\n" .. i } } } }
  end
  return batch
end

-- The number of an entity of batchOf, which must be whole.
local function numberOf(entity)
  local n = entity.n
  assert(entity.text == ("x"):rep(n) and entity["key" .. n % 7][2].deep[1] == "\n" .. n, "an entity is mixed up")
  return n
end

stores.each(function(kind)
  it("a finalizer gets `closed` from an instance that was finalized before it", function()
    local code = [==[
      local methods = {
        { 'waitForInit' }, { 'readValue', 'a' }, { 'readEntry', 'a' }, { 'hasValue', 'a' }, { 'writeValue', 'a', 1 },
        { 'removeValue', 'a' }, { 'removeAll' }, { 'values' }, { 'keys' }, { 'entries' }, { 'count' },
        { 'readMany', { 'a' } }, { 'writeMany', { a = 1 } }, { 'removeMany', { 'a' } }, { 'snapshot', print },
        { 'stat' }, { 'close' }
      }
      local function watcher(watched)
        local proxy = newproxy(true)
        getmetatable(proxy).__gc = function()
          if pcall(watched[1].hasValue, watched[1], 'a') then return end -- this watcher came too early
          for _, call in ipairs(methods) do
            local ok, err = pcall(watched[1][call[1]], watched[1], unpack(call, 2))
            print(call[1], ok and 'ok' or err.code, ok and '' or err.message, ok and '' or err.entityName)
          end
        end
        return proxy
      end
      for _, when in ipairs { 'cycle', 'close' } do
        local watched = {} -- one of the watchers, made before and after it, is finalized after it
        kept = { watcher(watched), watched }
        watched[1] = holdfast.PersistBase('signal', store.baseDir)
        kept[3] = watcher(watched)
        watched[1]:writeValue('a', 1)
        if when == 'cycle' then
          kept, watched = nil
          collectgarbage()
          collectgarbage()
        end
      end
      print('end of script')
    ]==]
    local output = another.on("signal", kind.base, code)
    local closed = "readValue\tclosed\tsignal is closed: make a new one\tsignal\n"
    assert.is_truthy(output:match(closed .. ".*end of script"), output)
    assert.is_truthy(output:match("end of script.*" .. closed), output)
  end)

  it("an iterator goes on after a finalizer raised in the middle of its work", function()
    local store = kind.open()
    store:writeMany(batchOf(1100)) -- with texts of less and more than 1024 bytes
    for _, method in ipairs({ "values", "entries", "keys", "texts" }) do
      local step = (store[method] or core[method])(store, { from = "id-900" })
      local raised, got, ended = 0, 0, false
      withRestlessCollector(function()
        for i = 1, 1000 do
          if i % 3 == 0 then
            plant(function() error("from the finalizer", 0) end)
          end
          local ok, value = pcall(step)
          if ok and value == nil then
            ended = true
            break
          elseif ok then
            got = got + 1
          else
            assert(value == "from the finalizer", tostring(value))
            raised = raised + 1
          end
        end
      end)
      assert.is_true(ended, method)
      assert.is_true(raised > 20, method .. ": nothing was raised")
      assert.is_true(got > 100 and got <= 201, method)
    end
  end)

  it("reads and batches go on after a finalizer raised in the middle of them", function()
    local store = kind.open()
    store:writeMany(batchOf(20))
    local whole = holdfast.openStore(kind.base)
    local raised, planted = 0, false
    local id, ids, batch = "id-7", { "id-7", "none" }, batchOf(20)
    local calls = {
      function() numberOf(store:readValue(id)) end,
      function() numberOf(store:readEntry(id).value) end,
      function() numberOf(core.json.decode(core.readText(store, id))) end,
      function() numberOf(store:readMany(ids)[id]) end,
      function() assert(store:stat()) end,
      function() assert(whole:stat()) end,
      function() assert(whole:entities()[1] == "signal") end,
      function() assert(whole:verify().corrupt == 0) end,
      function() store:writeMany(batch) end,
      function() assert(store:removeMany({ 5, "none" }) == 0) end,
    }
    local function attempt(call)
      if planted then plant(function() error("from the finalizer", 0) end) end
      call()
    end
    withRestlessCollector(function()
      for i = 1, 40 do
        planted = i % 2 == 0
        for _, call in ipairs(calls) do
          local ok, err = pcall(attempt, call)
          if not ok then
            assert(err == "from the finalizer", tostring(err))
            raised = raised + 1
          end
        end
      end
    end)
    assert.is_true(raised > 50, "nothing was raised")
    whole:close()
  end)

  it("a finalizer may use an iterator that is in the middle of its work: each entity is yielded once", function()
    local store = kind.open()
    store:writeMany(batchOf(1050))
    for _, method in ipairs({ "values", "entries", "keys", "texts" }) do
      local step = (store[method] or core[method])(store, { from = "id-901" })
      local seen, nested, problem = {}, 0, nil
      local function take(a, b)
        if a == nil then return false end
        local n
        if method == "values" then
          n = numberOf(a)
        elseif method == "entries" then
          n = numberOf(b)
        elseif method == "texts" then
          n = numberOf(core.json.decode(b))
        else
          n = tonumber(a:match("^id%-(%d+)$"))
        end
        assert(b == nil or a == "id-" .. n, "an id with the entity of another")
        assert(not seen[n], "an entity was yielded twice")
        seen[n] = true
        return true
      end
      local function meddle()
        local ok, err = pcall(function()
          for _ = 1, 40 do -- more than a page's rest, now and then
            if take(step()) then nested = nested + 1 end
          end
        end)
        if not ok then problem = err end
      end
      withRestlessCollector(function()
        repeat
          if next(seen) and nested < 100 then plant(meddle) end
        until not take(step())
      end)
      for n = 901, 1050 do
        assert.is_true(seen[n], method .. " left out " .. n)
      end
      assert.is_nil(problem)
      assert.is_true(nested > 0, method .. ": no finalizer came in between")
    end
  end)

  it("a finalizer may change the table that a batch or a range is read from", function()
    local store, others = kind.open(), {}
    -- Empties the table in the allocation after the next `delay` ones, and takes the place of its strings, which are
    -- of the same length.
    local function meddle(t, delay)
      plant(function()
        if delay > 0 then return meddle(t, delay - 1) end
        for key in pairs(t) do
          t[key] = nil
        end
        collectgarbage()
        for i = 1, 50 do
          others[i] = ("wrong id"):rep(4) .. 100 + i
        end
      end)
    end
    local function id(n)
      return ("right id"):rep(4) .. 100 + n
    end
    for i = 1, 50 do
      store:writeValue(("wrong id"):rep(4) .. 100 + i, 0)
    end
    store:writeValue("0", 0) -- the first one, where the range was emptied before it was read
    local problem, done = nil, 0
    withRestlessCollector(function()
      for delay = 0, 11 do
        for _, call in ipairs({
          function()
            local batch = {}
            for k = 1, 5 do
              batch[id(k)], batch[k + 0.5] = k, k
            end
            meddle(batch, delay)
            store:writeMany(batch)
          end,
          function()
            local ids = {}
            for k = 1, 5 do
              ids[k] = id(k)
            end
            meddle(ids, delay)
            store:removeMany(ids)
          end,
          function()
            local range = { prefix = id(1) }
            meddle(range, delay)
            local found = store:keys(range)()
            if found and found:find("^wrong") then problem = found end
          end,
        }) do
          done = done + (pcall(call) and 1 or 0) -- a table that changes may be refused
          for i = 1, 50 do
            others[i] = nil
          end
          collectgarbage()
        end
      end
    end)
    assert.is_nil(problem)
    assert.is_true(done > 10)
    local right, wrong = 0, 0
    for key, value in store:entries() do
      local is_wrong = key:match("^wrong id") ~= nil
      right, wrong = right + (is_wrong and 0 or 1), wrong + (is_wrong and value == 0 and 1 or 0)
    end
    assert.equal(50, wrong)
    assert.is_true(#others <= 50)
    assert.is_true(right > 0)
  end)

  it("a finalizer may close the store whose method is under way", function()
    local writer = kind.open()
    writer:writeMany(batchOf(20))
    for _, method in ipairs({ "entities", "stat", "verify" }) do
      withRestlessCollector(function()
        for _ = 1, 30 do
          local whole = holdfast.openStore(kind.base)
          plant(function() whole:close() end)
          local ok, err = pcall(whole[method], whole)
          assert(ok or holdfast.isError(err, "closed"), tostring(err))
        end
      end)
    end
  end)

  it("verify keeps its entity name when the callback takes it out of the options", function()
    local other = kind.open("other")
    other:waitForInit(true) -- a store in memory lives as long as somebody has it open
    local writer = holdfast.PersistBase("the " .. ("long "):rep(20) .. "name", kind.base)
    local batch = {}
    for i = 1, 2500 do
      batch[i] = i
    end
    writer:writeMany(batch)
    writer:close()
    writer.entityName = nil
    local whole = holdfast.openStore(kind.base)
    local options, wrong, calls = { entityName = "the " .. ("long "):rep(20) .. "name" }, 0, 0
    function options.onEvent(event)
      calls = calls + 1
      if event.entityName ~= "the " .. ("long "):rep(20) .. "name" then
        wrong = wrong + 1
      end
      event.entityName, options.entityName = nil, nil
      collectgarbage()
      collectgarbage()
      for i = 1, 200 do -- take the place of the string that went
        event[i] = ("other"):rep(21) .. i % 10 .. calls % 10 .. "!"
      end
    end
    jit.off(options.onEvent)
    assert.equal(2500, whole:verify(options).entities)
    assert.is_true(calls > 1, "the callback was called once only")
    assert.equal(0, wrong)
    whole:close()
  end)

  it("what verify's callback raises arrives unchanged", function()
    kind.open():writeMany(batchOf(3))
    local whole = holdfast.openStore(kind.base)
    local object = holdfast.error("conflict", "stop here", { entityName = "mine" })
    for _, raised in ipairs({ "a string", object, { "a table" }, 5, true }) do
      local caught = raises.caught(whole.verify, whole, { onEvent = function() error(raised, 0) end })
      assert.is_true(rawequal(raised, caught), tostring(caught))
    end
    assert.equal("conflict", object.code)
    assert.equal("mine", object.entityName)
    assert.is_nil(raises.caught(whole.verify, whole, { onEvent = function() error(nil) end }))
    assert.equal(3, whole:verify().entities)
    whole:close()
  end)

  it("writeText gives a revision, as writeValue does", function()
    local store = kind.open()
    local revision = core.writeText(store, "a", "1")
    assert.is_true(revision > 0)
    assert.equal(store:readEntry("a").revision, revision)
  end)
end)

describe("where the store has no revisions", function()
  it("neither writeText nor writeValue returns any", function()
    local store = holdfast.PersistBase("signal", "null:")
    assert.equal(0, select("#", store:writeValue("a", 1)))
    assert.equal(0, select("#", core.writeText(store, "a", "1")))
    store:close()
  end)
end)
