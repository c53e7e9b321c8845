-- SPDX-License-Identifier: MIT
--
-- The writer and the checker of kill9_test.sh.  Step n writes its number into two of a hundred documents, one in a
-- nested folder, removes another one, and prints n once all that is done.
--
--     ledger.lua write BASE FIRST     from step FIRST on, until it is killed
--     ledger.lua check BASE LAST      what the acknowledged steps up to LAST wrote is there, and whole
--     ledger.lua full BASE            fills the disk; see full_disk_test.sh
--     ledger.lua change BASE          three changes; prints each when it is done
--     ledger.lua changed BASE N       the first N of them are there, each of the others whole or not at all

local holdfast = require "holdfast"

local verb, base, number = arg[1], arg[2], tonumber(arg[3])
local store = holdfast.FilePersist("signal", base)

local SLOTS = 50
local function ids(n)
  return "plain-" .. n % SLOTS, "nested/" .. n % 7 .. "/deep-" .. n % SLOTS, "gone/" .. n % SLOTS
end

-- Long enough that a torn write would show.
local function document(n) return { step = n, text = ("%08d"):format(n):rep(600), last = n } end

local function write(first)
  for n = first, math.huge do
    local plain, nested, gone = ids(n)
    store:writeValue(plain, document(n))
    store:writeValue(nested, document(n))
    store:writeValue(gone, 1)
    store:removeValue(gone)
    io.write(n, "\n")
    io.flush()
  end
end

-- The newest step that a document must have, by slot, after steps 1 to last.
local function expect(last, which)
  local newest = {}
  for n = math.max(1, last - 7 * SLOTS), last do newest[select(which, ids(n))] = n end
  return newest
end

local function check(last)
  for which = 1, 2 do
    for id, n in pairs(expect(last, which)) do
      local entity = store:readValue(id)
      assert(entity.step >= n and entity.step <= last + 1, ("%s has step %d, not %d"):format(id, entity.step, n))
    end
  end
  for id, entity in store:entries() do
    if type(entity) == "table" then
      local n = entity.step
      assert(entity.last == n and entity.text == ("%08d"):format(n):rep(600), id .. " is torn")
    else -- of the step that was not finished
      assert(id == select(3, ids(last + 1)), id .. " was removed")
    end
  end
  assert(store:stat().quarantined == 0, "something is in quarantine")
end

-- Until the disk is full: then everything is as it was, and room that is made can be used.
local function full()
  local kept, n, failure = ("x"):rep(20000), 0, nil
  store:writeValue("kept", kept)
  while not failure do
    n = n + 1
    local ok, raised = pcall(store.writeValue, store, "filler-" .. n, kept)
    if not ok then failure = raised end
    assert(n < 10000, "the disk does not get full")
  end
  assert(holdfast.isError(failure, "full"), tostring(failure))
  assert(failure.retryable and failure.cause:find("errno 28", 1, true), failure.cause)
  assert(not store:hasValue("filler-" .. n), "half a document was left")
  local ok, raised = pcall(store.writeValue, store, "kept", kept:rep(20))
  assert(not ok and raised.code == "full", tostring(raised))
  assert(store:readValue("kept") == kept, "the old value is lost")
  assert(store:count() == n, store:count())
  for i = 1, n - 1 do store:removeValue("filler-" .. i) end
  store:writeValue("kept", kept:rep(20))
  assert(store:readValue("kept") == kept:rep(20))
  store:close()
  print(n)
end

local OLD, NEW = document(1), document(2)

local function change()
  local function say(n)
    io.write(n, "\n")
    io.flush()
  end
  if not store:hasValue("a") then store:writeMany { a = OLD, ["n/c"] = OLD } end
  say(0)
  store:writeValue("a", NEW)
  say(1)
  store:writeValue("n/m/b", NEW)
  say(2)
  store:removeValue("n/c")
  say(3)
end

local function changed(done)
  local a = store:readValue("a").step
  assert(a == 2 or (a == 1 and done < 1), "a has step " .. a)
  local b = store:hasValue("n/m/b")
  assert(not b or store:readValue("n/m/b").step == 2)
  assert(b or done < 2, "n/m/b is lost")
  local c = store:hasValue("n/c")
  assert(not c or (done < 3 and store:readValue("n/c").step == 1), "n/c is back")
  assert(store:stat().quarantined == 0 and store:count() == 1 + (b and 1 or 0) + (c and 1 or 0))
end

local verbs = { write = write, check = check, full = full, change = change, changed = changed }
verbs[verb](number)
