-- SPDX-License-Identifier: MIT
--
-- The password of a store URL is seen nowhere: not in what commands write, nor in files that they make, nor in
-- what scripts can ask for, whatever is wrong with the URL or the store.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local temp = require("support.temp")

local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

local SECRET = "SECRETPW"

-- Nobody listens there.
local URLS = {
  "redis://u:SECRETPW@127.0.0.1:1?timeout=50ms&retries=0",
  "redis://:a%2FSECRETPW%40@127.0.0.1:1/0?timeout=50ms&retries=0",
  "redis://SECRETPW@127.0.0.1:1?timeout=50ms&retries=0",
  "redis+sentinel://127.0.0.1:1/main?timeout=50ms&retries=0&sentinelpassword=SECRETPW",
  "postgres://u:SECRETPW@127.0.0.1:1,127.0.0.1:2/db?timeout=50ms&retries=0",
  "postgres://127.0.0.1:1/db?user=u&password=SECRETPW&sslpassword=SECRETPW&timeout=50ms&retries=0",
  "mongodb://u:SECRETPW@127.0.0.1:1/db?timeout=100ms&retries=0",
  "mongodb://127.0.0.1:1/db?timeout=100ms&retries=0&authMechanismProperties=AWS_SESSION_TOKEN:SECRETPW",
  "lua:./store.lua?base=redis%3A%2F%2Fu%3ASECRETPW%40127.0.0.1%3A1%3Ftimeout%3D50ms%26retries%3D0",
  "lua:./raises.lua?base=redis://u:SECRETPW@127.0.0.1:1",
  -- not URLs of a store
  "redis://u:SECRETPW/x@127.0.0.1:1",
  "redis://u:x/SECRETPW@127.0.0.1:1",
  "redis://u:x?SECRETPW@127.0.0.1:1",
  "redis://u:SECRETPW%@127.0.0.1:1",
  "redis://127.0.0.1:1?password=SECRETPW",
  "redis://u:SECRETPW@127.0.0.1:99999",
  "postgres://u:x/SECRETPW@127.0.0.1:1/db?timeout=50ms&retries=0",
  "postgres://u:SECRETPW@127.0.0.1:1/db?nosuchsetting=1&timeout=50ms&retries=0",
  "postgres:host=127.0.0.1 port=1 password=SECRETPW",
  "mongodb://u:x/SECRETPW@127.0.0.1:1/db?timeout=100ms&retries=0",
  "Redis://u:SECRETPW@127.0.0.1:1",
  "nosuch://u:SECRETPW@127.0.0.1:1",
}

-- What is done with the URL; FILE is a file to make.
local COMMANDS = {
  { "get", "URL", "signal", "a" }, { "ls", "URL" }, { "ls", "URL", "signal", "-l" }, { "count", "URL" },
  { "filter", "URL", "signal", "v.x" }, { "stat", "URL" }, { "stat", "URL", "signal" }, { "verify", "URL" },
  { "put", "URL", "signal", "a", "1" }, { "rm", "URL", "signal", "a" }, { "export", "URL" }, { "import", "URL" },
  { "copy", "URL", "memory:x" }, { "copy", "./data", "URL" }, { "copy", "URL", "URL" }, { "run", "see.lua", "URL" },
  { "test", "URL", "--only", "Test 1", "--junit", "FILE", "--timeout", "2" },
  { "test", "URL", "--only", "Test 1", "--tap", "--timeout", "2" },
  { "repl", "URL" }, { "URL", "count" }, { "count", "URL", "a", "b" }, { "run", "URL" }, { "get", "URL" },
  { "export", "URL", "-o", "FILE" }, { "count", "--nosuch=URL", "./data" },
  { "--json", "get", "URL", "signal", "a" }, { "--json", "stat", "URL" }, { "--json", "copy", "./data", "URL" },
  { "--json", "copy", "URL", "URL" }, { "--json", "put", "URL", "signal", "a", "1" }, { "--json", "URL" },
  { "--json", "test", "URL", "--only", "Test 1", "--timeout", "2" },
}

-- A script that shows what can be seen of a store.
local SEE = [[
local holdfast = require "holdfast"
local function see(fn, ...)
  local ok, err = xpcall(fn, function(e) return { e, debug.traceback(tostring(e)) } end, ...)
  if ok then return tostring(err) end
  print(tostring(err[1]), err[1].message, tostring(err[1].cause), tostring(err[1].traceback), err[2])
end
local ok, store = pcall(holdfast.PersistBase, "signal", arg[1])
print(tostring(store))
if ok then
  print(store.url)
  for _, method in ipairs { "count", "stat", "waitForInit", "removeAll" } do see(store[method], store) end
  see(store.readValue, store, "a")
  see(store.writeValue, store, "a", 1)
  see(function() for v in store:values() do print(v) end end)
  see(holdfast.transaction, function() store:readValue("a") end)
end
see(holdfast.openStore, arg[1])
see(function() return holdfast.openStore(arg[1]):stat() end)
see(function() return holdfast.openStore(arg[1]):entities() end)
holdfast.PersistBase("signal", arg[1]):count()
]]

describe("The password of a URL", function()
  local dir
  setup(function()
    dir = temp.directory()
    temp.writeFile(dir .. "/see.lua", SEE)
    temp.writeFile(dir .. "/words", "store = 1\nholdfast.openStore(nosuch)\n")
    -- Stores of scripts: one that keeps its entities elsewhere, one that tells all that it knows.
    temp.writeFile(dir .. "/store.lua", [[
      local holdfast = require "holdfast"
      return holdfast.RedisPersist and holdfast.RedisPersist:extend("Mine") or holdfast.LmdbPersist:extend("Mine")]])
    temp.writeFile(dir .. "/raises.lua", [[
      local Raises = require("holdfast").PersistBase:extend("Raises")
      local function fail(self) error("cannot reach " .. self.baseDir .. " with SECRETPW") end
      for _, name in ipairs { "waitForInit", "readValue", "writeValue", "hasValue", "removeValue", "removeAll",
        "values", "keys" } do Raises[name] = fail end
      return Raises]])
    process.run({ command, "put", dir .. "/data", "signal", "a", "1" })
  end)
  teardown(temp.removeAll)

  -- The shell command for these words, in the folder; what it writes goes to the file NUMBER.out.
  local function line(words, url, number)
    local quoted = {}
    for i, word in ipairs(words) do
      local file = word:gsub("FILE", "made/" .. number)
      quoted[i] = temp.quote((file:gsub("URL", function() return url end)))
    end
    return ("timeout 60 %s %s <words >made/%d.out 2>&1; echo $? >made/%d.code"):format(
      command:find("^/") and command or '"$OLDPWD"/' .. command, table.concat(quoted, " "), number, number)
  end

  for _, url in ipairs(URLS) do
    it("is in nothing that a command writes: " .. url, function()
      local lines = { ("cd %s && rm -rf made && mkdir made && export XDG_STATE_HOME=$PWD/made"):format(dir) }
      for number, words in ipairs(COMMANDS) do
        lines[#lines + 1] = "(" .. line(words, url, number) .. ") &"
        if number % 8 == 0 then lines[#lines + 1] = "wait" end -- most of it is waiting
      end
      process.shell(table.concat(lines, "\n") .. "\nwait")
      for number, words in ipairs(COMMANDS) do
        local out = temp.readFile(("%s/made/%d.out"):format(dir, number))
        local code = tonumber(temp.readFile(("%s/made/%d.code"):format(dir, number)))
        local name = table.concat(words, " ") .. " wrote:\n" .. out
        assert.is_true(code < 124, name)
        assert.is_nil(out:find(SECRET, 1, true), name)
      end
      local files = process.shell(("grep -rl %s %s/made"):format(SECRET, dir)).stdout
      assert.equal("", files)
    end)
  end

  it("is said to need escapes where it does", function()
    for _, url in ipairs({ "redis://u:x/SECRETPW@127.0.0.1:1", "redis://:SECRETPW/@127.0.0.1:1" }) do
      local store = holdfast.PersistBase("signal", url)
      local err = raises.error("invalid_argument", nil, store.count, store)
      assert.truthy(err.message:find("percent-encoded: write %2F for a /", 1, true), err.message)
    end
    local err = raises.error("invalid_argument", nil, holdfast.PersistBase, "signal", "Redis://u:SECRETPW@127.0.0.1:1")
    assert.equal("store URL: write the scheme in small letters: redis://u:***@127.0.0.1:1; for a directory of that "
      .. "name write ./Redis://u:***@127.0.0.1:1", err.message)
  end)

  it("is hidden alike by what is written in C and in Lua", function()
    for _, url in ipairs(URLS) do
      local shown = core.redact(url)
      assert.is_nil(shown:find(SECRET, 1, true), shown)
      assert.equal(shown, core.redact(url, url))
      assert.equal(shown, require("holdfast.cli.console.text").url(url))
      assert.equal("see " .. shown .. "!", core.redact("see " .. url .. "!", url))
      assert.equal(shown, core.redact(shown))
    end
  end)
end)
