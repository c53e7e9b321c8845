-- SPDX-License-Identifier: MIT
--
-- Entity names as names of collections, and back.
--
-- A name that MongoDB takes for a collection is one as it is: that is where the TypeScript framework keeps the entity.
-- One that it does not take, since it has a $, begins with "system.", or begins or ends with a dot, gets the prefix
-- "%name:"; one that is too long is listed in the collection "%names", which gives it a collection "%long:...".
-- Names that begin like these are escaped too, so no two entity names meet.

local core = require "holdfast.core"
local reader = require "holdfast.backends.mongo.reader"
local writer = require "holdfast.backends.mongo.writer"

local M = {}

-- Bytes of "DATABASE.COLLECTION", at most.
local NAMESPACE_MAX = 255

local ESCAPED, LONG, LIST = "%name:", "%long:", "%names"

local function begins(text, prefix) return text:sub(1, #prefix) == prefix end

local function isOurs(name) return begins(name, ESCAPED) or begins(name, LONG) or name == LIST end

local function isPlain(name)
  return not (isOurs(name) or begins(name, "system.") or name:find("[%$%z]") or name:find("..", 1, true)
    or name:find("^%.") or name:find("%.$"))
end

local function escape(name)
  return ESCAPED .. name:gsub("[%%%$%.]", function(c) return string.format("%%%02X", c:byte()) end)
end

local function randomName()
  local file = assert(io.open("/dev/urandom", "rb"))
  local out = file:read(12):gsub(".", function(c) return string.format("%02x", c:byte()) end)
  file:close()
  return LONG .. out
end

-- The collection that "%names" has for a name, or gets now.
local function listed(connection, name)
  writer.reset()
  local command = writer.begin()
  writer.string("findAndModify", LIST)
  local query = writer.document("query")
  writer.string("_id", name)
  writer.finish(query)
  local update = writer.document("update")
  local set = writer.document("$setOnInsert")
  writer.string("collection", randomName())
  writer.finish(set)
  writer.finish(update)
  writer.boolean("upsert", true)
  writer.boolean("new", true)
  writer.finish(command)
  local reply = connection:command("naming a collection", true)
  return core.json.decode(reply.value).collection
end

--- The collection of an entity name.  Within Connection:run().
---@return string
function M.collection(connection, name)
  local plain = isPlain(name) and name or escape(name)
  if #connection.database + 1 + #plain <= NAMESPACE_MAX then return plain end
  return listed(connection, name)
end

-- collection -> entity name, of those in the list.
local function readList(connection)
  local names = {}
  writer.reset()
  writer.finish(writer.begin())
  local at = writer.size()
  writer.finish(writer.begin())
  connection:find(LIST, at, function(data, length)
    local row = {}
    reader.each(data, length, function(key, kind, p) row[key] = reader.plain(kind, p) end)
    if row.collection then names[row.collection] = row._id end
  end)
  return names
end

-- Whether a collection has the index that every collection of entities has.
local function hasIndex(connection, collection)
  writer.reset()
  local command = writer.begin()
  writer.string("listIndexes", collection)
  writer.finish(command)
  local reply = connection:command("listing the indexes of " .. collection)
  for _, index in ipairs(core.json.decode(reply.cursor).firstBatch) do
    if index.unique and index.key.entityId then return true end
  end
  return false
end
M.hasIndex = hasIndex

--- The entity names in a database: of all collections with a unique index on entityId.  Within Connection:run().
---@return string[]
function M.list(connection)
  local names, long = {}, nil
  for _, collection in ipairs(connection:collectionNames()) do
    if collection ~= LIST and not begins(collection, "system.") and hasIndex(connection, collection) then
      if begins(collection, LONG) then
        long = long or readList(connection)
        names[#names + 1] = long[collection]
      elseif begins(collection, ESCAPED) then
        names[#names + 1] = collection:sub(#ESCAPED + 1):gsub("%%(%x%x)", function(digits)
          return string.char(tonumber(digits, 16))
        end)
      else
        names[#names + 1] = collection
      end
    end
  end
  table.sort(names)
  return names
end

return M
