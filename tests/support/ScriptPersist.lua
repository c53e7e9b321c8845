-- SPDX-License-Identifier: MIT
--
-- A backend in Lua for tests: the eight methods over a table of JSON texts, which all instances
-- of one base and entity name share.  `log` has the calls that reached it.

local holdfast = require("holdfast")

local ScriptPersist = holdfast.PersistBase:extend("ScriptPersist")

-- base -> entity name -> id -> text
ScriptPersist.bases = {}
ScriptPersist.log = {}

local function note(what) table.insert(ScriptPersist.log, what) end

--- Forgets the calls.
function ScriptPersist.forgetLog()
  for i = #ScriptPersist.log, 1, -1 do ScriptPersist.log[i] = nil end
end

--- The entity names that a base has.
function ScriptPersist.entityNames(baseDir)
  local names = {}
  for name in pairs(ScriptPersist.bases[baseDir] or {}) do names[#names + 1] = name end
  return names
end

function ScriptPersist:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  local names = ScriptPersist.bases[baseDir] or {}
  ScriptPersist.bases[baseDir] = names
  names[entityName] = names[entityName] or {}
  self.texts = names[entityName]
end

function ScriptPersist:waitForInit(initial)
  note("waitForInit " .. tostring(initial))
end

function ScriptPersist:readValue(id)
  note("readValue " .. id)
  local text = self.texts[id]
  if not text then error(("Entity %s:%s not found"):format(self.entityName, id)) end
  return holdfast.json.decode(text)
end

function ScriptPersist:hasValue(id)
  note("hasValue " .. id)
  return self.texts[id] ~= nil
end

function ScriptPersist:writeValue(id, entity)
  note("writeValue " .. id)
  self.texts[id] = holdfast.json.encode(entity)
end

function ScriptPersist:removeValue(id)
  note("removeValue " .. id)
  if not self.texts[id] then error(holdfast.error("not_found")) end
  self.texts[id] = nil
end

function ScriptPersist:removeAll()
  note("removeAll")
  for id in pairs(self.texts) do self.texts[id] = nil end
end

function ScriptPersist:keys()
  note("keys")
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function ScriptPersist:values()
  note("values")
  return coroutine.wrap(function()
    local ids = ScriptPersist.keys(self)
    for _, id in ipairs(ids) do
      if self.texts[id] then coroutine.yield(holdfast.json.decode(self.texts[id])) end
    end
  end)
end

return ScriptPersist
