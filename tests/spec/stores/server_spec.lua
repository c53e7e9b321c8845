-- SPDX-License-Identifier: MIT
--
-- What backends for servers share as scripts: settings, deadlines, trying again, and passwords that are not shown.

local clock = require("holdfast.util.clock")
local core = require("holdfast.core")
local raises = require("support.raises")
local retry = require("holdfast.util.retry")
local serverUrl = require("holdfast.util.url")

describe("settings of a server URL", function()
  it("are taken out of it", function()
    local settings, rest = serverUrl.settings("x://u:p@h/db?a=1&timeout=500ms&b=2&retries=0&connecttimeout=1.5s")
    assert.same({ timeout = 0.5, connectTimeout = 1.5, retries = 0 }, settings)
    assert.equal("x://u:p@h/db?a=1&b=2", rest)
    settings, rest = serverUrl.settings("x://h")
    assert.same({ timeout = 5, connectTimeout = 2, retries = 2 }, settings)
    assert.equal("x://h", rest)
    assert.equal("x://h", select(2, serverUrl.settings("x://h?timeout=1m")))
  end)

  it("are refused when they mean nothing", function()
    for _, url in ipairs({ "x://h?timeout=5", "x://h?timeout=", "x://h?timeout=0s", "x://h?timeout=-1s",
      "x://h?connecttimeout=5 s", "x://h?timeout=1y", "x://h?retries=many", "x://h?retries=1.5" }) do
      raises.error("invalid_argument", nil, serverUrl.settings, url)
    end
  end)
end)

describe("a password", function()
  it("is hidden in whatever text it comes back", function()
    local function hidden(text, url) assert.is_nil(core.redact(text, url):find("s%%c", 1, true)) end
    hidden("cannot connect to x://u:s%c@h", "x://u:s%c@h")
    hidden("wrong: s%c", "x://:s%25c@h/db")
    hidden("wrong: s%c", "x://h/db?user=u&password=s%c")
    hidden("wrong: s%c", "x://h/db?tlsCertificateKeyFilePassword=s%25c&a=1")
    assert.equal("nothing to hide", core.redact("nothing to hide", "x://u@h/a:b@c"))
  end)
end)

describe("trying again", function()
  local function failing(times, err)
    local calls = 0
    return function()
      calls = calls + 1
      if calls <= times then error(err, 0) end
      return calls
    end
  end
  local settings = { timeout = 1, retries = 2 }

  it("happens for what is unavailable, with pauses", function()
    local began = clock.now()
    assert.equal(3, retry.try(settings, failing(2, core.error("unavailable", "away"))))
    assert.is_true(clock.now() - began > 0.025)
    raises.error("unavailable", "away", retry.try, settings, failing(3, core.error("unavailable", "away")))
  end)

  it("does not happen for anything else", function()
    for _, err in ipairs({ core.error("timeout", "x"), core.error("io", "x"), retry.lost("unavailable", "x") }) do
      local attempt = failing(1, err)
      assert.is_false((pcall(retry.try, settings, attempt)))
      assert.equal(2, attempt())
    end
  end)

  it("ends with the deadline", function()
    local began = clock.now()
    raises.error("unavailable", "away", retry.try, { timeout = 0.1, retries = 100 },
      failing(1000, core.error("unavailable", "away")))
    assert.is_true(clock.now() - began < 0.2)
  end)

  it("hands over the deadline and what it was given", function()
    local given = retry.try(settings, function(...) return { ... } end, "a", "b")
    assert.is_true(given[1] > clock.now() + 0.9)
    assert.same({ "a", "b" }, { given[2], given[3] })
  end)

  it("says of a lost write that it may have happened", function()
    local err = retry.lost("timeout", "no answer")
    assert.equal("timeout", err.code)
    assert.is_false(err.retryable)
    assert.truthy(err.message:find("may have happened", 1, true))
  end)
end)
