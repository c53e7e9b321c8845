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

-- Runs a function while every allocation makes the collector go round once, finalizers included.
local function withRestlessCollector(run)
  local pause, stepmul = collectgarbage("setpause", 0), collectgarbage("setstepmul", 100000000)
  pcall(collectgarbage) -- from its end on the new settings count
  local ok, err = pcall(run)
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", stepmul)
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
    local code = [[
      local methods = {
        { 'waitForInit' }, { 'readValue', 'a' }, { 'readEntry', 'a' }, { 'hasValue', 'a' }, { 'writeValue', 'a', 1 },
        { 'removeValue', 'a' }, { 'removeAll' }, { 'values' }, { 'keys' }, { 'entries' }, { 'count' },
        { 'readMany', { 'a' } }, { 'writeMany', { a = 1 } }, { 'removeMany', { 'a' } }, { 'snapshot', print },
        { 'stat' }, { 'close' }
      }
      local function watch(store)
        getmetatable(newproxy(true)).__gc = function()
          for _, call in ipairs(methods) do
            local ok, err = pcall(store[call[1]], store, unpack(call, 2))
            print(call[1], ok and 'ok' or err.code, ok and '' or err.message, ok and '' or err.entityName)
          end
          print('url', pcall(function() return store.url end))
        end
      end
      store:writeValue('a', 1)
      keep = {}
      for _, when in ipairs { 'cycle', 'close' } do -- the watchers come before and behind it, whichever order there is
        local own = holdfast.PersistBase('signal', store.baseDir)
        own:writeValue('a', 1)
        local proxy = newproxy(true)
        getmetatable(proxy).__gc = function() print(when) end
        watch(own)
        local other = holdfast.PersistBase('signal', store.baseDir)
        other:writeValue('a', 1)
        keep[1] = setmetatable({}, { __index = own })
        keep[2] = newproxy(true)
        getmetatable(keep[2]).__gc = getmetatable(keep[2]).__gc or function() pcall(own.count, own) end
        local later = newproxy(true)
        getmetatable(later).__gc = function()
          for _, call in ipairs(methods) do
            local ok, err = pcall(other[call[1]], other, unpack(call, 2))
            print(call[1], ok and 'ok' or err.code, ok and '' or err.message, ok and '' or err.entityName)
          end
        end
        own, other, proxy, later = nil
        if when == 'cycle' then
          keep = {}
          collectgarbage()
          collectgarbage()
        end
      end
      print('end of script')
    ]]
    local output = another.on("signal", kind.base, code)
    local closed = select(2, output:gsub("%f[^\n%z]readValue\tclosed\tsignal is closed: make a new one\tsignal\n", ""))
    assert.is_true(closed >= 2, output)
    assert.is_truthy(output:match("end of script.*readValue\tclosed\t"), output)
    assert.is_truthy(output:match("readValue\tclosed\t.*end of script"), output)
    assert.is_nil(output:match("\tclosed\t[^s]"), output)
  end)

  it("an iterator goes on after a finalizer raised in the middle of its work", function()
    local store = kind.open()
    store:writeMany(batchOf(300))
    for _, method in ipairs({ "values", "entries", "keys", "texts" }) do
      local step = (store[method] or core[method])(store)
      local raised, got, ended = 0, 0, false
      withRestlessCollector(function()
        for i = 1, 2000 do
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
      assert.is_true(got > 150 and got <= 300, method)
    end
  end)

  it("reads go on after a finalizer raised in the middle of them", function()
    local store = kind.open()
    store:writeMany(batchOf(20))
    local whole = holdfast.openStore(kind.base)
    local raised = 0
    withRestlessCollector(function()
      for i = 1, 400 do
        local id = "id-" .. (i % 20 + 1)
        for _, read in ipairs({
          function() numberOf(store:readValue(id)) end,
          function() numberOf(store:readEntry(id).value) end,
          function() numberOf(core.json.decode(core.readText(store, id))) end,
          function() numberOf(store:readMany({ id, "none" })[id]) end,
          function() assert(store:stat()) end,
          function() assert(whole:stat() and whole:entities()[1] == "signal") end,
          function() store:writeMany({ ["id-1"] = { 1 }, [i] = 2 }) store:writeMany(batchOf(20)) end,
          function() store:removeMany({ i, "none" }) end,
        }) do
          if i % 2 == 0 then
            plant(function() error("from the finalizer", 0) end)
          end
          local ok, err = pcall(read)
          if not ok then
            assert(err == "from the finalizer", tostring(err))
            raised = raised + 1
          end
        end
      end
    end)
    assert.is_true(raised > 100, "nothing was raised")
    whole:close()
  end)

  it("a finalizer may use an iterator that is in the middle of its work: each entity is yielded once", function()
    local store = kind.open()
    store:writeMany(batchOf(300))
    for _, method in ipairs({ "values", "entries", "keys", "texts" }) do
      local step = (store[method] or core[method])(store)
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
          if next(seen) and nested < 200 then plant(meddle) end
        until not take(step())
      end)
      for n = 1, 300 do
        assert.is_true(seen[n], method .. " left out " .. n)
      end
      assert.is_nil(problem)
      assert.is_true(nested > 0, method .. ": no finalizer came in between")
    end
  end)

  it("a finalizer may change the table that a batch or a range is read from", function()
    local store = kind.open()
    store:writeMany({ a = 1, b = 2, c = 3 })
    local function meddle(t, fill)
      plant(function()
        for key in pairs(t) do
          t[key] = nil
        end
        if fill then collectgarbage() end
        for i = 1, 50 do
          fill = ("other"):rep(8) .. i -- takes the place of the strings that went
        end
      end)
    end
    withRestlessCollector(function()
      for i = 1, 200 do
        local ids, range, batch = {}, {}, {}
        for k = 1, 5 do
          ids[k] = ("long id "):rep(4) .. i .. "-" .. k
          batch[("long id "):rep(4) .. i .. "-" .. k] = k
          batch[k + 0.5] = k
        end
        range.prefix, range.from = ("long"):rep(8) .. i, ("long"):rep(8) .. i
        for _, call in ipairs({
          function() meddle(ids, i % 2) store:readMany(ids) end,
          function() meddle(ids, i % 2) store:removeMany(ids) end,
          function() meddle(range, i % 2) store:keys(range) end,
          function() meddle(batch, i % 2) store:writeMany(batch) end,
        }) do
          pcall(call)
        end
      end
    end)
    for id in store:keys() do
      assert.is_truthy(#id == 1 or id:match("^[1-5]%.5$") or id:match("^" .. ("long id "):rep(4) .. "%d+%-[1-5]$"), id)
    end
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
    local writer = holdfast.PersistBase("the " .. ("long "):rep(20) .. "name", kind.base)
    writer:writeMany(batchOf(2500))
    writer:close()
    local whole = holdfast.openStore(kind.base)
    local options, wrong, calls = { entityName = "the " .. ("long "):rep(20) .. "name" }, 0, 0
    local filler = {}
    function options.onEvent(event)
      calls = calls + 1
      if event.entityName ~= "the " .. ("long "):rep(20) .. "name" then
        wrong = wrong + 1
      end
      event.entityName, options.entityName = nil, nil
      collectgarbage()
      collectgarbage()
      for i = 1, 200 do -- take the place of the string that went
        filler[i] = ("other"):rep(21) .. i % 10 .. calls % 10 .. "!"
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
