-- SPDX-License-Identifier: MIT
--
-- Looking back by the command: --at of the commands that read, `log` and `purge`.

local assert = require("luassert")
local command = require "support.command"
local json = require "cjson"
local temp = require "support.temp"

local ok, fails, run = command.ok, command.fails, command.run

describe("looking back by the command", function()
  local store, first

  before_each(function()
    store = temp.directory() .. "/store"
    ok { "put", store, "risk", "r", "1" }
    ok { "set", store, "changes=7d", "history=true" }
    first = json.decode(ok { "stat", store, "--json" }).revision + 1
    ok { "put", store, "signal", "BTC", '{"n":1}' } -- first
    ok { "put", store, "signal", "ETH", '{"n": 2}' }
    ok { "put", store, "signal", "BTC", '{"n":3}' }
    ok { "rm", store, "signal", "ETH" }
  end)

  after_each(temp.removeAll)

  local function at(n) return "--at", tostring(first + n) end

  it("shows entities as they were", function()
    assert.same('{"n":1}\n', ok { "get", store, "signal", "BTC", at(1) })
    assert.same('{"n":3}\n', ok { "get", store, "signal", "BTC", at(2) })
    assert.same({ id = "BTC", value = { n = 1 }, revision = first },
      (function(e) e.updatedAt = nil return e end)(json.decode(ok { "get", store, "signal", "BTC", "--json", at(1) })))
    fails(1, "Entity signal:ETH not found", { "get", store, "signal", "ETH", at(0) })
    assert.same("BTC\nETH\n", ok { "ls", store, "signal", at(2) })
    assert.same("risk\t1\nsignal\t2\n", ok { "ls", store, at(2) })
    assert.same("risk\t1\n", ok { "ls", store, at(-1) })
    assert.same("3\n", ok { "count", store, at(2) })
    assert.same('{"n": 2}\n', ok { "filter", store, "signal", "v.n == 2", at(2) })
    assert.same('{"n": 2}\n', ok { "take", store, "signal", "1", "--reverse", at(1) })
    assert.same("BTC\n", ok { "ls", store, "signal", "--at", "2999-01-01" })
    local lines = ok { "export", store, "signal", at(1) }
    assert.matches('"value":{"n":1}', lines, 1, true)
    assert.matches('"value":{"n": 2}', lines, 1, true)
  end)

  it("says what is wrong with a moment", function()
    fails(3, "are not kept any more", { "get", store, "signal", "BTC", at(-2) })
    fails(2, "revision 1000000 is not there yet", { "get", store, "signal", "BTC", "--at", "1000000" })
    fails(3, "does not reach back to that time", { "ls", store, "--at", "52w" })
    fails(2, "'soon' is no time such as", { "ls", store, "--at", "soon" })
    fails(2, "'0' is no revision", { "ls", store, "--at", "0" })
    ok { "set", store, "history=false" }
    fails(3, "set history=true", { "ls", store, at(2) })
    ok { "set", store, "changes=off" }
    fails(3, "the store keeps no log of changes", { "ls", store, at(2) })
  end)

  it("lists what happened to an entity", function()
    local lines = run({ "log", store, "signal", "ETH" }).stdout
    assert.matches("^(%d+)\t(%d%d%d%d%-%d%d%-%d%dT[%d:.]+Z)\tremove\n(%d+)\t(%S+)\twrite\t{\"n\": 2}\n$", lines)
    local newest = json.decode(run({ "log", store, "signal", "BTC", "--json", "-n", "1" }).stdout)
    assert.same({ first + 2, "write", 3 }, { newest.revision, newest.what, newest.value.n })
    fails(0, "since revision " .. first, { "log", store, "signal", "BTC" })
    fails(0, "nothing happened to SOL since revision " .. first, { "log", store, "signal", "SOL" })
    fails(1, "there are no entities named 'signl'", { "log", store, "signl", "BTC" })
  end)

  it("forgets earlier values", function()
    assert.same("BTC\t3 entries\n", ok { "purge", store, "signal", "BTC" })
    assert.same('{"entity":"signal","id":"BTC","purged":0}\n', ok { "purge", store, "signal", "BTC", "--json" })
    fails(1, "Entity signal:BTC not found", { "get", store, "signal", "BTC", at(0) })
    assert.same('{"n":3}\n', ok { "get", store, "signal", "BTC" })
    fails(1, "there are no entities named 'signl'", { "purge", store, "signl", "BTC" })
    assert.equal(0, run({ "verify", store }).code)
  end)
end)
