-- SPDX-License-Identifier: MIT
--
-- An LMDB store that notes who changed what, in the same commit as the change: both are there, or
-- neither.  The notes are entities of their own, "{entityName}-audit", with the ids 1, 2, 3, ...
-- Reading is the parent's.
--
--     holdfast put "lua:./examples/audited.lua?base=./audited" risk BTCUSDT '{"limit":10}'
--     holdfast export ./audited risk-audit

local holdfast = require "holdfast"

local LmdbPersist = holdfast.LmdbPersist
local AuditedPersist = LmdbPersist:extend("AuditedPersist")

function AuditedPersist:init(entityName, baseDir, options)
  LmdbPersist.init(self, entityName, baseDir, options)
  self.audit = LmdbPersist(entityName .. "-audit", baseDir, options)
  self.user = os.getenv("USER") or "nobody"
end

local function note(self, what, id)
  local last
  for key in self.audit:keys { reverse = true, limit = 1 } do last = key end
  self.audit:writeValue((tonumber(last) or 0) + 1, { what = what, id = id, by = self.user, at = os.time() * 1000 })
end

function AuditedPersist:writeValue(id, entity, conditions)
  return holdfast.transaction(function()
    note(self, self:hasValue(id) and "changed" or "created", id)
    return LmdbPersist.writeValue(self, id, entity, conditions)
  end)
end

function AuditedPersist:removeValue(id)
  holdfast.transaction(function()
    note(self, "removed", id)
    LmdbPersist.removeValue(self, id)
  end)
end

function AuditedPersist:removeAll()
  holdfast.transaction(function()
    for id in self:keys() do note(self, "removed", id) end
    LmdbPersist.removeAll(self)
  end)
end

return AuditedPersist
