-- SPDX-License-Identifier: MIT
--
-- mdb_copy of lmdb-utils as a backup of a store: a copy that is taken while others write is a whole store of one
-- moment; one that was compacted (-c) is not fit to go on from, since its revisions begin again.

local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local temp = require("support.temp")

local command = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")

local hasTool = process.shell("command -v mdb_copy").code == 0
temp.removeAll()

local folder, base

before_each(function()
  folder = temp.directory()
  base = folder .. "/store"
end)

after_each(function()
  collectgarbage()
  collectgarbage()
  temp.removeAll()
end)

local function test(name, fn)
  if hasTool then it(name, fn) else pending(name .. " (lmdb-utils are not installed)") end
end

-- Copies the store to a new folder.
local function copy(name, options)
  local to = folder .. "/" .. name
  local result = process.shell(("mkdir %s && mdb_copy %s %s %s"):format(temp.quote(to), options or "", temp.quote(base),
    temp.quote(to)))
  assert.equal(0, result.code, result.stderr)
  return to
end

describe("a copy by mdb_copy", function()
  test("that is taken while another process writes is a whole store of one moment", function()
    -- Each commit writes both names, so that a copy of two moments would show.
    temp.writeFile(folder .. "/writer.lua", [[
      local holdfast = require "holdfast"
      local left, right = holdfast.PersistBase("left", arg[1]), holdfast.PersistBase("right", arg[1])
      local n = 0
      while not io.open(arg[2]) do
        n = n + 1
        holdfast.transaction(function()
          left:writeMany { now = n, ["log-" .. n % 500] = { n = n, text = ("x"):rep(n % 4000) } }
          right:writeValue("now", n)
          if n % 7 == 0 then right:writeValue("log-" .. n % 100, n) end
        end)
        if n == 50 then io.open(arg[3], "w"):close() end
      end
      print(n)]])
    local stop, begun = folder .. "/stop", folder .. "/begun"
    local quoted = {}
    for i, word in ipairs({ command, "run", folder .. "/writer.lua", "lmdb:" .. base .. "?durability=nosync", stop,
      begun }) do
      quoted[i] = temp.quote(word)
    end
    local script = table.concat(quoted, " ") .. " > " .. temp.quote(folder .. "/written") .. " &\n"
      .. "writer=$!\nfor i in $(seq 200); do [ -e " .. temp.quote(begun) .. " ] && break; sleep 0.05; done\n"
      .. "for i in $(seq 12); do mkdir " .. temp.quote(folder) .. "/copy-$i && mdb_copy " .. temp.quote(base) .. " "
      .. temp.quote(folder) .. "/copy-$i || exit 1; done\n"
      .. "touch " .. temp.quote(stop) .. "\nwait $writer"
    local result = process.shell(script)
    assert.equal(0, result.code, result.stderr)
    local written = tonumber(temp.readFile(folder .. "/written"))
    local before = 0
    for i = 1, 12 do
      local at = folder .. "/copy-" .. i
      local whole = holdfast.openStore(at)
      local report = whole:verify()
      whole:close()
      assert.equal(0, report.corrupt + report.quarantined)
      local left, right = holdfast.PersistBase("left", at), holdfast.PersistBase("right", at)
      local now = left:readEntry("now")
      assert.equal(now.value, right:readValue("now"))
      assert.is_true(now.value >= 50 and now.value >= before and now.value <= written)
      before = now.value
      assert.is_true(left:writeValue("now", 0) > now.revision)
      left:close()
      right:close()
    end
    assert.is_true(before > 50, "nothing was written between the copies")
  end)

  test("goes on with greater revisions", function()
    local store = holdfast.PersistBase("signal", base)
    for i = 1, 9 do store:writeValue("a", i) end
    local revision = store:readEntry("a").revision
    store:close()
    local copied = holdfast.PersistBase("signal", copy("plain"))
    assert.equal(revision, copied:readEntry("a").revision)
    for i = 1, 20 do assert.is_true(copied:writeValue("a", i) > revision) end
    raises.error("conflict", nil, copied.writeValue, copied, "a", 0, { ifRevision = revision })
    copied:close()
  end)

  -- Why backends/lmdb/README.md warns of it.
  test("with -c repeats revisions, so that ifRevision holds after writes of others", function()
    local store = holdfast.PersistBase("signal", base)
    for i = 1, 9 do store:writeValue("a", i) end
    local mine = store:readEntry("a").revision
    store:close()
    local copied = holdfast.PersistBase("signal", copy("compact", "-c"))
    assert.equal(mine, copied:readEntry("a").revision)
    local theirs = copied:writeValue("a", "theirs")
    assert.is_true(theirs < mine)
    while theirs < mine do theirs = copied:writeValue("a", "theirs") end
    copied:writeValue("a", "mine", { ifRevision = mine })
    assert.equal("mine", copied:readValue("a"))
    copied:close()
  end)
end)
