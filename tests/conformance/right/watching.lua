-- SPDX-License-Identifier: MIT
--
-- A right adapter: an LMDB store whose watches and histories go through methods of the class, which change nothing.
-- Broken ones change what `pass` and `told` do.

local holdfast = require "holdfast"

local Watching = holdfast.LmdbPersist:extend("Watching")

local Watch = {}
Watch.__index = function(self, name) return rawget(Watch, name) or self.inner[name] end

-- The next change that `pass` lets through, as it makes it.
function Watch:next(timeout)
  repeat
    local change = table.remove(self.again, 1) or self.inner:next(timeout)
    if change == nil then return nil end
    local passed = self.of:pass(change, self)
    if passed then return passed end
  until false
end

function Watch:close() self.inner:close() end

-- A change as it is handed out; false: it is not.  What is put into watch.again comes after it.
function Watching:pass(change) return change end -- luacheck: ignore 212

-- Options as they are handed down.
function Watching:asked(options) return options end -- luacheck: ignore 212

-- A history as it is handed out.
function Watching:told(list) return list end -- luacheck: ignore 212

function Watching:watch(options)
  local inner = holdfast.PersistBase.watch(self, self:asked(options or {}))
  return setmetatable({ inner = inner, of = self, again = {}, count = 0 }, Watch)
end

function Watching:history(id) return self:told(holdfast.PersistBase.history(self, id)) end

return Watching
