-- SPDX-License-Identifier: MIT
--
-- Classes that extend a concrete store and change a little of it: audited.lua, encrypted.lua, cached.lua and
-- retrying.lua, each used here for what it is for.
--
--     HOLDFAST_KEY=$(openssl rand -hex 32) holdfast run examples/wrapping.lua

local holdfast = require "holdfast"

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local AuditedPersist = require "audited"
local EncryptedPersist = require "encrypted"
local cached = require("cached").over
local retrying = require("retrying").over

local base = "./wrapping-" .. os.time()

-- ------------------------------------------------------------------ audited

local risk = AuditedPersist("risk", base .. "/audited")
risk.user = "maria"
risk:writeValue("BTCUSDT", { limit = 10 })
risk:writeValue("BTCUSDT", { limit = 12 })
risk:writeMany { ETHUSDT = { limit = 4 }, SOLUSDT = { limit = 1 } } -- each of them is noted, all in one commit
risk:removeValue("BTCUSDT")

-- What fails is not noted: nothing was changed.
print(pcall(risk.removeValue, risk, "BTCUSDT"))
print(pcall(risk.writeValue, risk, "SOLUSDT", { limit = 2 }, { ifAbsent = true }))
risk:removeAll()
for n, change in risk.audit:entries() do print(n, change.what, change.id, change.by) end

-- ---------------------------------------------------------------- encrypted

local secret = EncryptedPersist("risk", base .. "/encrypted")
secret:writeMany { BTCUSDT = { limit = 10 }, ETHUSDT = { limit = 4 } }
for id, entity in secret:entries() do print("decrypted:", id, entity.limit) end
for entity in secret:filter(function(e) return e.limit > 5 end) do print("asked:", entity.limit) end

-- The same store without the key: ids, and text that says nothing.
local stored = holdfast.LmdbPersist("risk", base .. "/encrypted")
local text = stored:readValue("BTCUSDT")
print("stored as a", type(text), text:find("limit") or "without 'limit' in it")

-- A value that is moved to another id does not open there.
stored:writeValue("ETHUSDT", stored:readValue("BTCUSDT"))
local ok, failure = pcall(secret.readValue, secret, "ETHUSDT")
print("moved:", ok, failure.code, failure.message)

-- ------------------------------------------------------------------- cached

-- A store that counts what is read from it: over files, for the cache is for slow stores.
local Counting = holdfast.FilePersist:extend("Counting")
local reads = 0
function Counting:readValue(id)
  reads = reads + 1
  return holdfast.FilePersist.readValue(self, id)
end

local CachedPersist = cached(Counting)
CachedPersist.capacity = 10
local candles = CachedPersist("candle", base .. "/cached")
candles:writeValue("BTCUSDT", { close = 44152.25 })
for _ = 1, 100 do candles:readValue("BTCUSDT").close = 0 end -- changes a copy
print("100 times read, from the store:", reads, "value:", candles:readValue("BTCUSDT").close)
candles:writeValue("BTCUSDT", { close = 44183.21 })
print("after a write:", candles:readValue("BTCUSDT").close)
for i = 1, 50 do candles:writeValue("symbol-" .. i, { close = i }) end
print("of", candles:count(), "cached, at most 10:", candles.cache:size() <= 10)
print("no longer cached:", candles:readValue("BTCUSDT").close, "from the store:", reads)
candles:removeValue("BTCUSDT")
print(pcall(candles.readValue, candles, "BTCUSDT"))
print(pcall(cached(holdfast.LmdbPersist), "candle", base .. "/lmdb"))

-- ----------------------------------------------------------------- retrying

-- A store that cannot be reached at times: what `faults` has for the next calls.
local faults = {}
local Shaky = holdfast.MemoryPersist:extend("Shaky")
local function calls(self, method, ...)
  local code = table.remove(faults, 1)
  if code then error(holdfast.error(code, "it is " .. code)) end
  return holdfast.MemoryPersist[method](self, ...)
end
function Shaky:readValue(id) return calls(self, "readValue", id) end
function Shaky:writeValue(id, entity, conditions) return calls(self, "writeValue", id, entity, conditions) end
function Shaky:removeValue(id) return calls(self, "removeValue", id) end

local RetryingPersist = retrying(Shaky)
local waits = {}
function RetryingPersist.sleep(ms) waits[#waits + 1] = ms end -- only notes it, so that this takes no time

local signals = RetryingPersist("signal", "wrapping")
local function try(label, codes, method, ...)
  faults, waits = codes, {}
  local fine, result = pcall(signals[method], signals, ...)
  print(label, fine, not fine and result.code or "", "tries: " .. #waits + 1)
end

try("write, three failures:", { "unavailable", "busy", "timeout" }, "writeValue", "a", 1)
for i, ms in ipairs(waits) do
  local least = 20 * 2 ^ (i - 1)
  assert(ms >= least and ms <= 1.5 * least)
end
try("read, no end of failures:", { "unavailable", "unavailable", "unavailable", "unavailable", "unavailable", "busy" },
  "readValue", "a")
try("remove, no answer:", { "timeout" }, "removeValue", "a")
try("read, refused:", { "io" }, "readValue", "a")
try("read, not there:", {}, "readValue", "b")
try("write if absent, there:", {}, "writeValue", "a", 2, { ifAbsent = true })
