-- SPDX-License-Identifier: MIT
--
-- The commands verify and rescue on LMDB stores whose pages are damaged: what they say, and with which exit code.
-- tests/fault/lmdb/page_flips.c has the many kinds of damage.

local command = require "support.command"
local core = require "holdfast.core"
local holdfast = require "holdfast"
local raises = require "support.raises"
local temp = require "support.temp"

local PAGE = 4096

local function fill(base)
  local signals = holdfast.PersistBase("signal", base)
  for i = 1, 40 do signals:writeValue("open-" .. i, { n = i, note = ("x"):rep(200) }) end
  for i = 1, 10 do signals:writeValue("closed-" .. i, { n = i }) end
  for i = 1, 10 do signals:removeValue("closed-" .. i) end
  signals:close()
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end

-- Overwrites the page with zeros.
local function zero(base, page)
  local file = assert(io.open(base .. "/data.mdb", "r+b"))
  file:seek("set", page * PAGE)
  file:write(("\0"):rep(PAGE))
  file:close()
end

-- A reader of the file's numbers, and where the name "signal" is in the newest leaf of the main tree.
local function findName(base)
  local bytes = read(base .. "/data.mdb")
  local function number(at, size)
    local n = 0
    for i = size, 1, -1 do n = n * 256 + bytes:byte(at + i) end
    return n
  end
  local newest = number(136 + 8, 8) > number(PAGE + 136 + 8, 8) and 0 or PAGE
  local main = number(newest + 40 + 48 + 40, 8)
  return number, bytes:find("signal", main * PAGE + 1, true)
end

-- The root of "signal", a branch, by the record of its tree.
local function rootOf(base)
  local number, at = findName(base)
  return number(at - 1 + #"signal" + 40, 8)
end

-- Makes the name another one, so that its page looks sound.
local function rename(base)
  local _, at = findName(base)
  local file = assert(io.open(base .. "/data.mdb", "r+b"))
  file:seek("set", at - 1 + 5)
  file:write("m")
  file:close()
end

describe("a damaged LMDB store", function()
  local base, new

  before_each(function()
    base, new = temp.directory() .. "/damaged", temp.directory() .. "/new"
    fill(base)
  end)

  it("is told of by verify, and not opened", function()
    zero(base, rootOf(base))
    local result = command.run { "verify", base }
    local out = result.stdout
    assert.equal(1, result.code)
    assert.matches("^damaged\tsignal\tpage %d+ of \"signal\" bears another page's number\n", out)
    assert.matches("holdfast rescue STORE NEW", out, 1, true)
  end)

  it("has its present entities rescued, and nothing that was removed", function()
    zero(base, rootOf(base))
    local out = command.ok { "rescue", base, new }
    assert.matches("40 entities restored: 0 present, 40 cut off by the damage, 0 apart; 0 unreadable", out, 1, true)
    local signals = holdfast.PersistBase("signal", new)
    assert.equal(40, signals:count())
    for i = 1, 40 do assert.equal(i, signals:readValue("open-" .. i).n) end
    for i = 1, 10 do assert.is_false(signals:hasValue("closed-" .. i)) end
    signals:close()
    assert.matches("\nold\t\tclosed%-%d+\t%d+\n", out)
  end)

  it("has what was in quarantine put there again, where it would be missing otherwise", function()
    local signals = holdfast.PersistBase("signal", base)
    core.quarantine(signals, "unreadable", "for a test", "its bytes")
    core.quarantine(signals, "settled", "for a test", "other bytes")
    signals:writeValue("settled", 1)
    core.quarantine(signals, "large", "for a test", ("b"):rep(9000))
    signals:close()
    local result = command.run { "rescue", base, new }
    assert.equal(3, result.code)
    assert.matches("\ndamaged\tsignal\tunreadable\t", "\n" .. result.stdout)
    assert.matches("41 entities restored: 41 present, 0 cut off by the damage, 0 apart; 2 unreadable", result.stdout, 1,
      true)
    assert.is_nil(result.stdout:find("lost", 1, true))
    signals = holdfast.PersistBase("signal", new)
    local found = {}
    for id, _, bytes in core.quarantined(signals) do found[id] = bytes end
    assert.same({ unreadable = "its bytes", large = ("b"):rep(9000) }, found)
    raises.error("corrupt", nil, signals.readValue, signals, "unreadable")
    assert.equal(1, signals:readValue("settled"))
    signals:close()
  end)

  it("is told of by verify where no page shows it, and read, in format 2", function()
    local whole = holdfast.openStore(base)
    whole:settings { note = "the live bot" }
    whole:close()
    assert.matches("all are readable\n$", command.ok { "verify", base })
    rename(base)
    local result = command.run { "verify", base }
    assert.equal(1, result.code)
    local out = result.stdout
    assert.matches("incomplete\tsignam\t40 entities are there, and none was written under this name\n", out, 1, true)
    assert.matches("incomplete\t\ta collection is not there, in which 40 were written: they are under another", out, 1,
      true)
    assert.matches("40 entities checked, [^\n]* all are readable, but not all that was written is there\n", out)
    assert.matches("holdfast copy STORE NEW", out, 1, true)
    result = command.run { "verify", base, "--json" }
    assert.equal(1, result.code)
    assert.matches('"incomplete":[{"entity":"', result.stdout, 1, true)
    assert.equal(1, command.run({ "verify", base, "--readonly" }).code)
  end)

  it("is rescued in format 2 as in format 1", function()
    local whole = holdfast.openStore(base)
    whole:settings { note = "the live bot" }
    whole:close()
    zero(base, rootOf(base))
    local out = command.ok { "rescue", base, new }
    assert.matches("40 entities restored: 0 present, 40 cut off by the damage, 0 apart; 0 unreadable", out, 1, true)
  end)

  it("is rescued only into a store that has nothing", function()
    fill(new)
    command.fails(2, "has entities", { "rescue", base, new })
  end)
end)
