-- SPDX-License-Identifier: MIT
--
-- A class of one's own that extends a concrete store: every change of an entity leaves a
-- record of who changed what, in the same commit.  Everything that is not overridden
-- (reading, iterating, filter, take, count) is the parent's.
--
--     holdfast run examples/audited.lua [STORE]

local holdfast = require "holdfast"
local LmdbPersist = holdfast.LmdbPersist

local AuditedPersist = LmdbPersist:extend("AuditedPersist")

function AuditedPersist:init(entityName, baseDir, options)
  LmdbPersist.init(self, entityName, baseDir, options)
  self.audit = LmdbPersist(entityName .. "-audit", baseDir, options)
end

-- One after the other in natural order: 1, 2, ... 10.
local function note(self, what, id)
  self.audit:writeValue(self.audit:count() + 1, { what = what, id = tostring(id), by = self.user or "nobody" })
end

function AuditedPersist:writeValue(id, entity, options)
  return holdfast.transaction(function()
    note(self, self:hasValue(id) and "changed" or "created", id)
    return LmdbPersist.writeValue(self, id, entity, options)
  end)
end

function AuditedPersist:removeValue(id)
  return holdfast.transaction(function()
    note(self, "removed", id)
    return LmdbPersist.removeValue(self, id)
  end)
end

local base = arg[1] or "./audited"
local risk = AuditedPersist("risk", base)
risk:removeAll()
risk.audit:removeAll()
risk.user = "maria"

risk:writeValue("BTCUSDT", { limit = 10 })
risk:writeValue("BTCUSDT", { limit = 12 })
risk:removeValue("BTCUSDT")

-- What raises is not recorded either: the entity is not there, so nothing is removed and nothing noted.
local ok, failure = pcall(risk.removeValue, risk, "ETHUSDT")
print(ok, failure)

for n, change in risk.audit:entries() do
  print(n, change.what, change.id, change.by)
end
print(risk)
