-- SPDX-License-Identifier: MIT
--
-- What expires, as the command writes, shows, copies and removes it; and rm by ids and age.

local command = require "support.command"
local temp = require "support.temp"

local ok, fails = command.ok, command.fails

describe("put --ttl", function()
  local dir, store

  before_each(function()
    dir = temp.directory()
    store = dir .. "/store"
  end)

  after_each(temp.removeAll)

  local function timeOf(url, id)
    return tonumber((ok { "get", url, "signal", id, "--json" }):match '"expiresAt":(%d+)')
  end

  it("writes what expires, and get, export and stat say when", function()
    ok { "put", store, "signal", "a", "1", "--ttl", "1h" }
    ok { "put", store, "signal", "b", "2" }
    local at = assert(timeOf(store, "a"))
    assert.is_true(math.abs(at - os.time() * 1000 - 3600000) < 60000)
    assert.is_nil(timeOf(store, "b"))
    local lines = ok { "export", store }
    assert.truthy(lines:find('"id":"a","value":1,"expiresAt":' .. at, 1, true), lines)
    assert.truthy(lines:find '"id":"b","value":2[,}]', lines)
    assert.truthy((ok { "stat", store, "signal", "--json" }):find '"expired":0,"expiring":1')
    fails(2, "ttl must be a length of time", { "put", store, "signal", "c", "1", "--ttl", "soon" })
    fails(3, "file stores have no expiry", { "put", "file:" .. dir .. "/f", "signal", "a", "1", "--ttl", "1h" })
  end)

  it("goes along in copies and imports, or is dropped where that is said", function()
    ok { "put", store, "signal", "a", "1", "--ttl", "1h" }
    ok { "put", store, "order", "b", "2" }
    local at = timeOf(store, "a")
    ok { "copy", store, dir .. "/copy", "--verify" }
    assert.same(at, timeOf(dir .. "/copy", "a"))
    ok({ "import", dir .. "/import", "-" }, ok { "export", store })
    assert.same(at, timeOf(dir .. "/import", "a"))
    local file = "file:" .. dir .. "/file"
    fails(3, "--drop-expiry", { "copy", store, file, "--entity", "signal" })
    assert.same("0\n", ok { "count", file })
    ok { "copy", store, file, "--drop-expiry" }
    assert.same("1\n", ok { "get", file, "signal", "a" })
    fails(3, "expires", { "import", "file:" .. dir .. "/file2", "-" }, ok { "export", store })
    ok({ "import", "file:" .. dir .. "/file3", "-", "--drop-expiry" }, ok { "export", store })
    fails(2, '"expiresAt" must be a time', { "import", store, "-" },
      '{"entity":"signal","id":"a","value":1,"expiresAt":"soon"}\n')
    ok({ "import", store, "-" }, '{"entity":"signal","id":"over","value":1,"expiresAt":1}\n')
    fails(1, "not found", { "get", store, "signal", "over" })
  end)

  it("leaves nothing that is wrong", function()
    for i = 1, 20 do ok { "put", store, "signal", "a" .. i, "1", "--ttl", "1ms" } end
    ok { "put", store, "signal", "b", "1" }
    assert.same("1\n", ok { "count", store, "signal" })
    assert.same("b\n", ok { "ls", store, "signal" })
    ok { "verify", store }
    ok { "rm", store, "signal", "--all" }
    ok { "verify", store }
    assert.truthy((ok { "stat", store, "signal", "--json" }):find '"expiring":0')
  end)
end)

describe("rm that looks for what it removes", function()
  local store

  before_each(function()
    store = temp.directory() .. "/store"
    local lines = {}
    for i = 1, 100 do
      lines[i] = ('{"entity":"signal","id":"S%d","value":{"n":%d}}\n{"entity":"signal","id":"T%d","value":{"n":%d}}')
        :format(i, i, i, i)
    end
    ok({ "import", store, "-" }, table.concat(lines, "\n") .. "\n")
  end)

  after_each(temp.removeAll)

  it("goes by ids", function()
    assert.same("S98\nS99\nS100\n", ok { "rm", store, "signal", "--prefix", "S", "--from", "S98", "--dry-run" })
    assert.same('{"removed":3}\n', ok { "rm", store, "signal", "--prefix", "S", "--from", "S98", "--json" })
    assert.same('{"removed":1}\n', ok { "rm", store, "signal", "--to", "S2", "--where", "v.n > 1", "--json" })
    assert.same("196\n", ok { "count", store, "signal" })
  end)

  it("goes by age", function()
    assert.same("", ok { "rm", store, "signal", "--older-than", "1h", "--dry-run" })
    assert.same('{"removed":0}\n', ok { "rm", store, "signal", "--older-than", "7d", "--json" })
    assert.same("S7\n", ok { "rm", store, "signal", "--older-than", "2100-01-01", "--where", "v.n == 7",
      "--prefix", "S", "--dry-run" })
    assert.same('{"removed":100}\n',
      ok { "rm", store, "signal", "--older-than", "2100-01-01", "--prefix", "S", "--json" })
    assert.same("100\n", ok { "count", store, "signal" })
    fails(2, "is no time such as", { "rm", store, "signal", "--older-than", "soon" })
  end)

  it("is one way, and not another", function()
    fails(2, "one of them only", { "rm", store, "signal", "S1", "--prefix", "S" })
    fails(2, "one of them only", { "rm", store, "signal", "--all", "--older-than", "7d" })
    fails(2, "--dry-run tells", { "rm", store, "signal", "S1", "--dry-run" })
    fails(2, "give the ids to remove", { "rm", store, "signal" })
    assert.same("200\n", ok { "count", store, "signal" })
  end)
end)
