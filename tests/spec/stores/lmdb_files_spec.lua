-- SPDX-License-Identifier: MIT
--
-- Which file an LMDB store is: two names of one, and one that is put in the place of another while somebody has the
-- former open.  LMDB finds its locks by the folder alone, so each of these lost acknowledged writes.

local ffi = require("ffi")

local another = require("support.another")
local holder = require("support.holder")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

ffi.cdef("unsigned geteuid(void);")

local kind = stores.kind("lmdb")

local function dataFile(base) return (base or kind.base) .. "/data.mdb" end

local function shell(format, ...)
  local words = { ... }
  for i, word in ipairs(words) do words[i] = temp.quote(word) end
  assert(os.execute(format:format(unpack(words))) == 0, format)
end

-- A closed store with so many commits.
local function filled(base, commits)
  local store = holdfast.PersistBase("signal", base)
  for i = 1, commits do store:writeValue("k" .. i, { i = i }) end
  store:close()
end

-- Another process that has the store open and has read from it.
local function idleReader(base)
  return holder.start(([[
    local holdfast = require("holdfast")
    store = holdfast.PersistBase("signal", %q)
    store:count()
  ]]):format(base))
end

local function refusedBy(operation, pattern)
  local err = raises.error("unavailable", nil, operation)
  assert.matches(pattern, err.message)
  assert.is_true(err.retryable)
  return err
end

describe("a data file that is put in the place of another", function()
  stores.fresh(kind)
  local other, backup

  before_each(function() backup = temp.directory() .. "/backup" end)
  after_each(function()
    if other then other:kill() end
    other = nil
  end)

  for _, commits in ipairs { { 8, 40 }, { 9, 40 }, { 8, 41 }, { 9, 41 }, { 40, 40 }, { 41, 3 } } do
    it(("is refused while an idle reader has the former one open (%d commits, then %d)"):format(commits[1], commits[2]),
      function()
        filled(kind.base, commits[1])
        filled(backup, commits[2])
        other = idleReader(kind.base)
        shell("mv %s %s", dataFile(backup), dataFile())
        local before = temp.readFile(dataFile())
        local store = kind.open("signal")
        local whose = "was put in the place of a file that process " .. other.pid .. " %(luajit%) still has open"
        refusedBy(function() store:writeValue("new", 1) end, whose)
        refusedBy(function() store:readValue("k1") end, whose)
        refusedBy(function() holdfast.openStore(kind.base) end, whose)
        assert.equal(before, temp.readFile(dataFile()))
        other:kill()
        other = nil
        os.execute("sleep 0.1")
        store:writeValue("new", 1)
        for i = 1, commits[2] do assert.equal(i, store:readValue("k" .. i).i) end
        assert.equal(1, store:readValue("new"))
      end)
  end

  it("is refused in the process that has the former one open", function()
    filled(backup, 20)
    local store = kind.open("signal")
    store:writeValue("a", 1)
    shell("mv %s %s", dataFile(backup), dataFile())
    refusedBy(function() store:writeValue("a", 2) end, "data.mdb was exchanged while the store was open")
    local again = kind.open("signal")
    refusedBy(function() again:count() end, "put in the place of a file that this process still has open")
    assert.equal(1, store:readValue("a")) -- as of the former file
    store:close()
    assert.equal(20, again:count())
    again:writeValue("p", 2)
    assert.equal(2, again:readValue("p"))
  end)

  for _, commits in ipairs { { 8, 40 }, { 9, 40 }, { 40, 8 }, { 41, 8 } } do
    it(("is noticed by a writer when it is copied over the former one (%d commits, then %d)"):format(commits[1],
      commits[2]), function()
      filled(backup, commits[2])
      local store = kind.open("signal")
      for i = 1, commits[1] do store:writeValue("a" .. i, 1) end
      local restored = temp.readFile(dataFile(backup))
      shell("cp %s %s", dataFile(backup), dataFile())
      refusedBy(function() store:writeValue("a1", 2) end, "another file was copied over it while the store was open")
      refusedBy(function() store:removeAll() end, "another file was copied over it while the store was open")
      assert.equal(restored, temp.readFile(dataFile()))
      store:close()
      local again = kind.open("signal")
      again:writeValue("a1", 3)
      assert.equal(commits[2] + 1, again:count())
    end)
  end

  it("is noticed by a writer whose former file lives on under another name", function()
    filled(backup, 20)
    local store = kind.open("signal")
    store:writeValue("a", 1)
    shell("mv %s %s", dataFile(), dataFile() .. ".old")
    refusedBy(function() store:writeValue("a", 2) end, "data.mdb was deleted while the store was open")
    shell("mv %s %s", dataFile(backup), dataFile())
    refusedBy(function() store:writeValue("a", 2) end, "data.mdb was exchanged while the store was open")
    refusedBy(function() store:removeAll() end, "data.mdb was exchanged while the store was open")
  end)

  it("is noticed by unsynced writes too, after a moment", function()
    filled(backup, 20)
    local store = kind.open("signal", { durability = "nosync" })
    store:writeValue("a", 1)
    shell("mv %s %s", dataFile(backup), dataFile())
    os.execute("sleep 0.05")
    refusedBy(function() store:writeValue("a", 2) end, "data.mdb was exchanged while the store was open")
  end)

  it("is refused by the commit's number where /proc does not show what the other has open", function()
    if ffi.C.geteuid() ~= 0 then return pending("only root can play another user") end
    shell("mkdir %s && chmod 777 %s", kind.base, kind.base)
    filled(kind.base, 9)
    filled(backup, 30)
    other = idleReader(kind.base)
    shell("mv %s %s && chmod 666 %s %s", dataFile(backup), dataFile(), dataFile(), kind.base .. "/lock.mdb")
    shell("chmod 755 $(dirname %s)", kind.base)
    local result = another.run(([[
      local store = require("holdfast").PersistBase("signal", %q)
      local ok, err = pcall(store.writeValue, store, "new", 1)
      io.write(tostring(ok), " ", err.code, " ", err.message)
    ]]):format(kind.base), "setpriv --reuid=65534 --regid=65534 --clear-groups")
    if result.stdout == "" then return pending("this build cannot be used by another user") end
    assert.matches("^false unavailable .* is at commit 31, and processes that have the store open are at commit 10: ",
      result.stdout .. result.stderr)
  end)

  it("is fine when nobody has the store open, whatever lock file lies there", function()
    filled(kind.base, 9)
    filled(backup, 4)
    other = idleReader(kind.base)
    other:kill()
    other = nil
    os.execute("sleep 0.1")
    shell("mv %s %s", dataFile(backup), dataFile())
    local store = kind.open("signal")
    assert.equal(4, store:count())
    store:writeValue("k5", 5)
    assert.equal(5, another.on("signal", kind.base, "io.write(store:count())") + 0)
  end)
end)

describe("a store that others have open", function()
  stores.fresh(kind)

  it("opens again and again while another process comes and goes", function()
    filled(kind.base, 3)
    local other = holder.start(([[
      local holdfast = require("holdfast")
      for i = 1, 100 do
        local store = holdfast.PersistBase("signal", %q)
        store:writeValue("other", i)
        store:close()
      end
    ]]):format(kind.base))
    for i = 1, 200 do
      local store = kind.open("signal")
      store:writeValue("mine", i)
      store:close()
    end
    other:kill()
    assert.equal(200, kind.open("signal"):readValue("mine"))
    assert.equal(100, kind.open("signal"):readValue("other"))
  end)

  it("keeps working when its folder is renamed", function()
    local store = kind.open("signal")
    store:writeValue("a", 1)
    shell("mv %s %s", kind.base, kind.base .. "-moved")
    store:writeValue("a", 2)
    assert.equal(2, store:readValue("a"))
    store:close()
    assert.equal("2", another.on("signal", kind.base .. "-moved", "io.write(store:readValue('a'))"))
  end)

  it("refuses to write when its lock file is gone, since the next process would not see it", function()
    local store = kind.open("signal")
    store:writeValue("a", 1)
    os.remove(kind.base .. "/lock.mdb")
    refusedBy(function() store:writeValue("a", 2) end, "lock.mdb was deleted while the store was open")
    assert.equal(1, store:readValue("a"))
    store:close()
    store = kind.open("signal")
    store:writeValue("a", 3)
    assert.equal(3, store:readValue("a"))
  end)
end)

describe("a data file with a second name", function()
  stores.fresh(kind)

  local function refused(base, pattern)
    local store = holdfast.PersistBase("signal", base)
    for _, operation in ipairs {
      function() store:readValue("k1") end,
      function() store:writeValue("k1", 2) end,
      function() holdfast.openStore(base, { readOnly = true }) end,
    } do
      local err = raises.error("unsupported", nil, operation)
      assert.matches(pattern, err.message)
      assert.is_truthy(err.message:find(dataFile(base), 1, true), err.message)
    end
  end

  it("by a hard link is refused under both", function()
    filled(kind.base, 3)
    local copy = temp.directory() .. "/copy"
    shell("cp -al %s %s", kind.base, copy)
    refused(kind.base, "has 2 names %(hard links%)")
    refused(copy, "has 2 names %(hard links%)")
    shell("rm -r %s", copy)
    assert.equal(3, kind.open("signal"):count())
  end)

  it("by a symbolic link is refused under the link, and open under its own", function()
    filled(kind.base, 3)
    local linked = temp.directory() .. "/linked"
    shell("mkdir %s && ln -s %s %s", linked, dataFile(), dataFile(linked))
    refused(linked, "is a symbolic link")
    local store = kind.open("signal")
    assert.equal(3, store:count())
    refused(linked, "is a symbolic link")
  end)

  it("by a symbolic link that leads nowhere is refused, and nothing is made", function()
    local linked = temp.directory() .. "/linked"
    shell("mkdir %s && ln -s %s %s", linked, dataFile(), dataFile(linked))
    refused(linked, "is a symbolic link")
    assert.is_nil(io.open(dataFile()))
  end)

  it("is fine when the whole folder is linked", function()
    filled(kind.base, 3)
    local linked = temp.directory() .. "/linked"
    shell("ln -s %s %s", kind.base, linked)
    local store, same = kind.open("signal"), holdfast.PersistBase("signal", linked)
    store:writeValue("k4", 4)
    assert.equal(4, same:count())
  end)
end)

describe("a lock file with a second name", function()
  stores.fresh(kind)

  -- Two stores, one of which is a copy by links whose data file has become a file of its own.
  local function copied(link)
    filled(kind.base, 3)
    local copy = temp.directory() .. "/copy"
    shell("mkdir %s && cp %s %s", copy, dataFile(), dataFile(copy))
    shell(link .. " %s %s", kind.base .. "/lock.mdb", copy .. "/lock.mdb")
    return copy
  end

  local function refused(base, pattern)
    local store = holdfast.PersistBase("signal", base)
    local err = raises.error("unsupported", nil, function() store:writeValue("k1", 2) end)
    assert.matches(pattern, err.message)
  end

  it("by a hard link is refused under both, also in one process", function()
    local store = kind.open("signal")
    local copy = copied("ln")
    refused(kind.base, "lock.mdb is one file with several names %(hard links%)")
    refused(copy, "lock.mdb is one file with several names %(hard links%)")
    os.remove(copy .. "/lock.mdb")
    store:writeValue("k4", 4)
    assert.equal(4, store:count())
    assert.equal(3, holdfast.PersistBase("signal", copy):count())
  end)

  it("by a symbolic link is refused under the link", function()
    local copy = copied("ln -s")
    local store = kind.open("signal")
    store:writeValue("k4", 4)
    refused(copy, "lock.mdb is a symbolic link")
    assert.equal(4, store:count())
  end)
end)

it("a process of the same number in another container is named as what it is", function()
  kind.base = kind.newBase()
  filled(kind.base, 1)
  local alone = "unshare --pid --fork "
  if process.shell(alone .. "true").code ~= 0 then return pending("there are no PID namespaces here") end
  local bin, base = temp.quote(os.getenv("HOLDFAST_BIN")), temp.quote(kind.base)
  local script = temp.directory() .. "/hold.lua"
  temp.writeFile(script, [[
    local store = require("holdfast").PersistBase("signal", arg[1])
    print(store:count())
    io.stdout:flush()
    io.read()]])
  local hold = io.popen(("sleep 2 | %s%s run %s %s"):format(alone, bin, temp.quote(script), base))
  assert.equal("1", hold:read())
  local result = process.shell(("%s%s get %s signal k1"):format(alone, bin, base))
  hold:close()
  assert.matches("cannot begin reading: a process of the same number in another container has it open", result.stderr,
    1, true)
  assert.equal(3, result.code)
  temp.removeAll()
end)

it("a store that cannot be made for want of descriptors leaves nothing, and says why", function()
  kind.base = kind.newBase()
  filled(kind.base, 1)
  local command = "ulimit -n %d; exec %s copy %s %s"
  for most = 5, 9 do
    local made = temp.directory() .. "/made" .. most
    shell("mkdir %s", made)
    local result = process.shell(command:format(most, temp.quote(os.getenv("HOLDFAST_BIN")), kind.base, made))
    if result.code == 3 then assert.matches("Too many open files", result.stderr, 1, true) end -- 127: it cannot be run
    assert.equal("", process.shell("ls -A " .. made .. " 2>/dev/null | grep new").stdout)
  end
  temp.removeAll()
end)

it("an I/O error on a header is no word about what the file is", function()
  local library = os.getenv("HOLDFAST_BUILD") .. "/tests/fault/iorecord_preload.so"
  kind.base = kind.newBase()
  filled(kind.base, 1)
  for nth = 1, 2 do
    local result = another.run(([[
      local ffi = require("ffi")
      ffi.cdef("bool iorecord_do_fail(const char *kinds, int nth, int error, bool late);")
      if not pcall(function() return ffi.C.iorecord_do_fail end) then return io.write("not loaded") end
      local store = require("holdfast").PersistBase("signal", %q)
      ffi.C.iorecord_do_fail("r", %d, 5, false)
      local ok, err = pcall(store.count, store)
      io.write(tostring(ok), " ", err.code, " ", err.message)
    ]]):format(kind.base, nth), ("env LD_PRELOAD=%s IORECORD_ROOT=%s"):format(library, kind.base))
    if result.stdout == "not loaded" then return pending("the sanitizers want to be first in a process") end
    assert.equal("false io cannot read the header of " .. dataFile() .. ": Input/output error", result.stdout,
      result.stderr)
  end
  temp.removeAll()
end)

describe("stat", function()
  stores.fresh(kind)

  it("counts free pages as free, and not as used", function()
    local store = kind.open("signal")
    for i = 1, 200 do store:writeValue(i, ("x"):rep(3000)) end
    local full = store:stat()
    store:removeAll()
    store:writeValue("a", 1)
    local empty = store:stat()
    assert.is_true(empty.freeBytes > 500000, empty.freeBytes)
    assert.is_true(empty.usedBytes < full.usedBytes - 500000, empty.usedBytes)
    assert.is_true(empty.usedBytes + empty.freeBytes <= empty.fileBytes)
    holdfast.transaction(function()
      store:writeValue("b", 1)
      assert.is_true(store:stat().usedBytes > 0)
    end)
  end)
end)
