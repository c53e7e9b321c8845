-- SPDX-License-Identifier: MIT
--
-- The commands verify and rescue on LMDB stores whose pages are damaged: what they say, and with which exit code.
-- tests/fault/lmdb/page_flips.c has the many kinds of damage.

local command = require "support.command"
local core = require "holdfast.core"
local json = core.json
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

-- Overwrites each place in the file where the text is.
local function overwrite(base, old, new)
  assert.equal(#old, #new)
  local bytes, count = read(base .. "/data.mdb"):gsub(old:gsub("%p", "%%%0"), (new:gsub("%%", "%%%%")))
  assert.is_true(count > 0)
  local file = assert(io.open(base .. "/data.mdb", "wb"))
  file:write(bytes)
  file:close()
end

local function keep(base, settings)
  local whole = holdfast.openStore(base)
  whole:settings(settings)
  whole:close()
end

local function settingsOf(base)
  local store = holdfast.openStore(base)
  local settings = store:settings()
  store:close()
  return settings
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

-- The newest page that has the text.
local function pageOf(base, wanted)
  local bytes, last, at = read(base .. "/data.mdb"), nil, 0
  repeat
    at = bytes:find(wanted, at + 1, true)
    last = at and math.floor((at - 1) / PAGE) or last
  until not at
  return last
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

  it("is told of, and not listed, if an entity name is damaged", function()
    overwrite(base, "signal", "sig\255al")
    local result = command.run { "verify", base }
    assert.same({ "", 1 }, { result.stderr, result.code })
    assert.matches("^damaged\tsig%?al\tthe entity name is damaged\n", result.stdout)
    assert.matches("holdfast rescue STORE NEW", result.stdout, 1, true)
    for _, words in ipairs { { "ls", base }, { "export", base }, { "copy", base, new } } do
      command.fails(3, "an entity name of the store is not valid UTF-8: it is damaged", words)
    end
    overwrite(base, "sig\255al", "si\7nal")
    assert.matches("\tthe entity name is damaged\n", command.run({ "verify", base }).stdout)
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

  for what, name in pairs { ["is no UTF-8"] = "sig\255al", ["has a control character"] = "si\7nal",
    ["begins as ours do"] = "\1ignal", ["has a zero"] = "signa\0" } do
    it("is rescued to the end if an entity name " .. what, function()
      local risks = holdfast.PersistBase("risk", base)
      risks:writeValue("limit", { n = 1 })
      risks:close()
      overwrite(base, "signal", name)
      local result = command.run { "rescue", base, new }
      assert.same({ "", 3 }, { result.stderr, result.code })
      local apart, left = result.stdout:match("\nAn entity name is damaged: 40 entities are apart, as (%S+); "
        .. "what is left of it is (%S+)\n")
      assert.is_truthy(apart, result.stdout)
      assert.equal('"' .. name:gsub("[%c\255%z]", function(c) return ("\\x%02x"):format(c:byte()) end) .. '"', left)
      local rescued = holdfast.openStore(new)
      assert.same({ apart, "risk" }, rescued:entities())
      rescued:close()
      local signals = holdfast.PersistBase(apart, new)
      assert.equal(40, signals:count())
      for i = 1, 40 do assert.equal(i, signals:readValue("open-" .. i).n) end
      signals:close()
      assert.matches("41 entities restored: 1 present, 0 cut off by the damage, 40 apart; 0 unreadable", result.stdout,
        1, true)
    end)
  end

  it("has its settings taken over, and its format", function()
    keep(base, { note = "the live bot", maxsize = "64m", durability = "nosync", changes = "7d", history = true })
    zero(base, rootOf(base))
    local result = command.run { "rescue", base, new }
    assert.same({ "", 0 }, { result.stderr, result.code })
    assert.matches("40 entities restored: 0 present, 40 cut off by the damage, 0 apart; 0 unreadable", result.stdout, 1,
      true)
    assert.matches("\nSettings: format=2, changes=7d, durability=nosync, history=true, maxsize=67108864, "
      .. "note=the live bot\n", result.stdout, 1, true)
    assert.same({ format = 2, note = "the live bot", maxsize = 67108864, durability = "nosync", changes = "7d",
      history = true }, settingsOf(new))
    local report = core.checkStore(new)
    assert.same({ 0, 0 }, { report.damaged, report.notes })
  end)

  it("stays in format 1 if it was, and has no settings to take over", function()
    zero(base, rootOf(base))
    local out = command.ok { "rescue", base, new }
    assert.is_nil(out:find("Settings", 1, true) or out:find("written", 1, true) or out:find("taken over", 1, true))
    assert.equal(1, settingsOf(new).format)
  end)

  it("keeps the settings that are sound, and names the others", function()
    keep(base, { note = "the live bot", maxsize = "64m", durability = "nosync" })
    overwrite(base, '"nosync"', '"nOsync"')
    overwrite(base, "67108864", "6710{864")
    overwrite(base, "feature:sums", "feature:sumS")
    overwrite(base, '{"format":2', '{"format":9')
    local result = command.run { "rescue", base, new }
    assert.same({ "", 3 }, { result.stderr, result.code })
    local out = result.stdout
    assert.matches("\nSettings: format=2, note=the live bot\n", out, 1, true)
    assert.matches("\nNot taken over: the setting durability: the setting durability must be sync, ", out, 1, true)
    assert.matches("\nNot taken over: the setting maxsize: its value is damaged: 6710{864\n", out, 1, true)
    assert.matches("\nNot taken over: the feature sumS: ", out, 1, true)
    assert.matches('\nNot taken over: the format: it is damaged, or that of a newer version: {"format":9', out, 1, true)
    assert.same({ format = 2, note = "the live bot", maxsize = 0, durability = "sync", changes = "off",
      history = false }, settingsOf(new))
    local all = json.decode(command.run { "rescue", base, "--dry-run", "--json" }.stdout:match("([^\n]+)\n$"))
    assert.equal("the live bot", all.settings.note)
    assert.equal(3, #all.notTakenOver)
  end)

  it("says that settings are lost with the page that has them", function()
    keep(base, { note = "the live bot" })
    zero(base, pageOf(base, "setting:note"))
    local result = command.run { "rescue", base, new }
    assert.equal(3, result.code)
    assert.matches("What the store has kept of itself is damaged: settings may be missing", result.stdout, 1, true)
    assert.matches("\nsignal: 40 of 40\n", result.stdout, 1, true)
  end)

  it("says how many of what was written came back", function()
    keep(base, { format = 2 })
    local risks = holdfast.PersistBase("risk", base)
    for i = 1, 3 do risks:writeValue("limit-" .. i, { n = i, note = ("r"):rep(9) .. i }) end
    risks:close()
    overwrite(base, "rrrrrrrrr2", "rrrrrrrrR2")
    local result = command.run { "rescue", base, new }
    assert.equal(3, result.code)
    assert.matches("\nrisk: 2 of 3\nsignal: 40 of 40\n", result.stdout, 1, true)
    local all = json.decode(command.run { "rescue", base, "--dry-run", "--json" }.stdout:match("([^\n]+)\n$"))
    assert.same({ { entity = "risk", written = 3, back = 2 }, { entity = "signal", written = 40, back = 40 } },
      all.entities)
  end)

  it("knows a damaged name by what was written under the right one", function()
    keep(base, { format = 2 })
    local risks = holdfast.PersistBase("risk", base)
    risks:writeValue("limit", { n = 1 })
    risks:close()
    overwrite(base, "signal", "signam")
    local result = command.run { "rescue", base, new }
    assert.equal(3, result.code)
    assert.matches("\nrisk: 1 of 1\nsignam: 40 of 40: they were written under another name: this one is damaged\n",
      result.stdout, 1, true)
    overwrite(base, "signam", "sig\255am")
    result = command.run { "rescue", base, new .. "er" }
    assert.matches("\nrescued%-page%-%d+: 40 of 40: they were written under another name: this one is damaged\n",
      result.stdout)
  end)

  it("says that it cannot be told how many were written, if it cannot", function()
    keep(base, { format = 2 })
    overwrite(base, "\1commit", "\1commiT")
    local result = command.run { "rescue", base, new }
    assert.equal(3, result.code)
    assert.matches("How many entities were written cannot be told, and so not whether all are back.", result.stdout, 1,
      true)
  end)

  it("is rescued only into a store that has nothing", function()
    fill(new)
    command.fails(2, "has entities", { "rescue", base, new })
  end)
end)
