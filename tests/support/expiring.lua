-- SPDX-License-Identifier: MIT
--
-- Entities of which some have expired, for the specs of servers.

local clock = require("holdfast.util.clock")

local M = {}

M.HOUR = 3600 * 1000

--- A time, so many milliseconds from now.
function M.at(ms) return clock.wall() + ms end

--- Entities of which every third has expired, every third will, and every third never does.
function M.filled(store, count)
  local values = {}
  for i = 1, count do values["e" .. i] = { n = i } end
  store:writeMany(values)
  for i = 1, count do
    if i % 3 == 0 then store:writeValue("e" .. i, { n = i }, { expiresAt = M.at(-1) }) end
    if i % 3 == 1 then store:writeValue("e" .. i, { n = i }, { expiresAt = M.at(M.HOUR) }) end
  end
  return store
end

return M
