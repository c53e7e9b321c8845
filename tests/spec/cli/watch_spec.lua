-- SPDX-License-Identifier: MIT
--
-- `holdfast watch`: what it prints, when it ends, and with which exit code.

local assert = require("luassert")
local command = require "support.command"
local process = require "support.process"
local temp = require "support.temp"

local ok, fails, run = command.ok, command.fails, command.run

describe("watch", function()
  local store

  before_each(function()
    store = temp.directory() .. "/store"
    ok { "put", store, "signal", "a", '{"n":0}' }
    run { "set", store, "changes=7d" }
  end)

  after_each(temp.removeAll)

  -- The revision of the newest commit.
  local function newest()
    return tonumber(ok({ "stat", store, "--json" }):match '"revision":(%d+)')
  end

  it("prints what the log has, and ends", function()
    local from = newest() + 1
    ok { "put", store, "signal", "b", '{"n":1}' }
    ok { "put", store, "risk", "c", '{"n":2}' }
    ok { "rm", store, "signal", "b" }
    local lines = ok { "watch", store, "--from", tostring(from), "--timeout", "0" }
    lines = lines:gsub("%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ", "TIME")
    assert.equal(("TIME %d write signal:b (gone by now)\nTIME %d write risk:c {\"n\":2}\nTIME %d remove signal:b\n")
      :format(from, from + 1, from + 2), lines)
    assert.equal(lines, (ok({ "watch", store, "--from", tostring(from), "--timeout", "0", "--readonly" })
      :gsub("%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ", "TIME")))
    local json = ok { "watch", store, "risk", "--from", tostring(from), "--timeout", "0", "--json" }
    assert.matches(('^{"revision":%d,"at":%%d+,"what":"write","entityName":"risk","id":"c","value":{"n":2},'
      .. '"last":true}\n$'):format(from + 1), json)
  end)

  it("leaves out what is not asked for", function()
    local from = tostring(newest() + 1)
    for i = 1, 5 do ok { "put", store, "signal", "x" .. i, ('{"n":%d}'):format(i) } end
    local function ids(...)
      local list = {}
      for id in ok({ "watch", store, "--from", from, "--timeout", "0", ... }):gmatch ":([x%d]+) {" do
        list[#list + 1] = id
      end
      return table.concat(list, " ")
    end
    assert.equal("x4 x5", ids("signal", "--where", "v.n > 3"))
    assert.equal("x2", ids("--prefix", "x2"))
    assert.equal("x1", ids("signal", "--where", "id == 'x1'"))
  end)

  it("says when nothing came, and when it cannot", function()
    assert.equal(1, run({ "watch", store, "--timeout", "0" }).code)
    fails(3, "changes of revision 1 are not kept any more", { "watch", store, "--from", "1", "--timeout", "0" })
    fails(3, "there is no store at", { "watch", store .. "2" })
    run { "set", store, "changes=off" }
    fails(3, "set changes=7d", { "watch", store })
    fails(3, "no log of changes", { "watch", "file:" .. store, "--timeout", "0" })
    fails(2, "no whole number", { "watch", store, "--from", "x" })
    fails(2, "the expression reads 'side'", { "watch", store, "--where", "side == 1" })
  end)

  it("goes on until a signal comes, which is a good end", function()
    local line = command.line { "watch", store, "signal", "--json" }
    local put = command.line { "put", store, "signal", "new", '{"n":7}' }
    local result = process.shell(([[
      %s > out & pid=$!
      n=0
      until grep -q new out; do
        %s || exit 90
        n=$((n + 1)); [ $n -lt 600 ] || exit 91
        sleep 0.1
      done
      kill -TERM $pid
      wait $pid]]):format("cd " .. temp.quote(temp.directory()) .. "\n" .. line, put))
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
  end)
end)
