-- SPDX-License-Identifier: MIT
--
-- A right adapter around a concrete store: it keeps every entity as hexadecimal digits.  Two methods, and the rest
-- follows.

local holdfast = require "holdfast"

local Hexadecimal = holdfast.LmdbPersist:extend("Hexadecimal")

function Hexadecimal:writeValue(id, entity, options)
  local text = holdfast.json.encode(entity):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  return holdfast.LmdbPersist.writeValue(self, id, text, options)
end

function Hexadecimal:readValue(id)
  local text = holdfast.LmdbPersist.readValue(self, id)
  return holdfast.json.decode((text:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)))
end

return Hexadecimal
