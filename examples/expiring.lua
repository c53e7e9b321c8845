-- SPDX-License-Identifier: MIT
--
-- Expiry for a store that has none: what is written with `ttl` or `expiresAt` is found by nobody from then on.
-- ExpiringPersist is over files; ExpiringPersist.over(Class) over any other class.
--
--     local ExpiringRedis = require("expiring").over(require "redis_adapter")
--
--     local sessions = ExpiringPersist("session", "./sessions")
--     sessions:writeValue("7f3a", { user = "ann" }, { ttl = "12h" })
--     sessions:sweep() -- now and then: takes away what has expired
--
-- Each entity is kept as { value =, expiresAt = }, so a store that has entities already is not taken over, and who
-- reads it without this class sees that form.
--
-- What it cannot promise where the store below has neither conditions nor transactions: sweep() looks, and then
-- removes; what another process writes between the two goes as well.  So sweep where one process writes.  It goes by
-- this machine's clock alone: sweep() removes for good, so it leaves what expired less than `margin` ms ago.

local holdfast = require "holdfast"
local clock = require "holdfast.util.clock"

local function isOver(kept, now) return kept.expiresAt ~= nil and kept.expiresAt <= now end

-- A class that extends the parent by expiry.
local function over(Parent, name)
  local ExpiringPersist = Parent:extend(name or "Expiring" .. Parent.className)

  ExpiringPersist.supports = { ttl = true, ifAbsent = false, revision = false, removeIfRevision = false }
  ExpiringPersist.margin = 60000 -- ms

  -- What is kept under an id, unless it has expired.
  local function keptOf(self, id)
    local kept = Parent.readValue(self, id)
    if isOver(kept, clock.wall()) then error(holdfast.error("not_found", ""), 0) end
    return kept
  end

  function ExpiringPersist:readValue(id) return keptOf(self, id).value end

  function ExpiringPersist:readEntry(id)
    local kept = keptOf(self, id)
    return { id = id, value = kept.value, revision = 0, updatedAt = 0, expiresAt = kept.expiresAt }
  end

  function ExpiringPersist:hasValue(id)
    local ok, raised = pcall(keptOf, self, id)
    if not ok and not holdfast.isError(raised, "not_found") then error(raised, 0) end
    return ok
  end

  function ExpiringPersist:writeValue(id, entity, options)
    Parent.writeValue(self, id, { value = entity, expiresAt = options and options.expiresAt })
  end

  function ExpiringPersist:removeValue(id)
    local was = self:hasValue(id)
    Parent.removeValue(self, id)
    if not was then error(holdfast.error("not_found", ""), 0) end
  end

  -- Iterates ids, and what is kept under each.
  local function each(self, range)
    local nextId = Parent.keys(self, range)
    return function()
      for id in nextId do
        local ok, kept = pcall(Parent.readValue, self, id)
        if ok then return id, kept end
        if not holdfast.isError(kept, "not_found") then error(kept, 0) end -- else it went meanwhile
      end
    end
  end

  function ExpiringPersist:entries(range)
    local nextOne, now = each(self, range), clock.wall()
    return function()
      for id, kept in nextOne do
        if not isOver(kept, now) then return id, kept.value, nil, nil, kept.expiresAt end
      end
    end
  end

  function ExpiringPersist:keys(range)
    local nextOne = ExpiringPersist.entries(self, range)
    return function() return (nextOne()) end
  end

  --- Takes away what has expired.  How many that were.
  function ExpiringPersist:sweep()
    local limit, removed = clock.wall() - self.margin, 0
    for id, kept in each(self) do
      if isOver(kept, limit) and pcall(Parent.removeValue, self, id) then removed = removed + 1 end
    end
    return removed
  end

  return ExpiringPersist
end

local ExpiringPersist = over(holdfast.FilePersist, "ExpiringPersist")
ExpiringPersist.over = over

return ExpiringPersist
