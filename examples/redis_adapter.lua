-- SPDX-License-Identifier: MIT
--
-- The Redis adapter of the TypeScript framework, line by line: one key "{entityName}:{id}" for each
-- entity, whose value is its JSON.  The server is REDIS_HOST:REDIS_PORT, or 127.0.0.1:6379.
--
--     holdfast test examples/redis_adapter.lua
--     holdfast put lua:./examples/redis_adapter.lua signal BTCUSDT '{"open":44152.25}'
--
-- What is different, and why:
--   * The constructor does not connect, waitForInit does: making an instance must touch nothing, so that a program can
--     start and report an unreachable server where it can handle it.
--   * SCAN in place of KEYS.  KEYS looks at every key of the server in one step, and no other client is served until it
--     is done: with millions of keys, seconds.  SCAN does the same work in small steps.
--   * Values are fetched a page at a time with MGET, not with a round trip for each.
--   * The name is escaped: ":" in it would make the keys of "a:b" look like keys of "a", and "*" would match others.
--   * baseDir separates: in the default one, "./dump/data", and without one keys are as above; those of others begin
--     with it: "%base={baseDir}:{entityName}:{id}".
--
-- It does not declare `durable`: by default Redis writes to its disk now and then only.  With "appendonly yes" and
-- "appendfsync always" in redis.conf it is, and you may add durable = true.

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
package.path = here .. "?.lua;" .. package.path

local holdfast = require "holdfast"
local Redis = require "redis_client"
local json = holdfast.json

local RedisPersist = holdfast.PersistBase:extend("RedisPersist")

RedisPersist.supports = { ifAbsent = true }

local function escape(text) return (text:gsub("[%%:]", { ["%"] = "%25", [":"] = "%3A" })) end

function RedisPersist:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  self.redis = Redis.new() -- default connection, made when it is needed
  self.prefix = escape(entityName) .. ":"
  if baseDir and baseDir ~= "" and baseDir ~= "./dump/data" then
    self.prefix = "%base=" .. escape(baseDir) .. ":" .. self.prefix -- no escaped name begins like this
  end
end

-- Initialize connection - called once before any operations
function RedisPersist:waitForInit()
  self.redis:call("PING")
end

-- Other programs may have written anything under these keys.
local function parse(data, entityId)
  local ok, value = pcall(json.decode, data)
  if not ok then error(holdfast.error("corrupt", ("what Redis has for %s is %s"):format(entityId, value.message))) end
  return value
end

-- Read entity - raise if not found
function RedisPersist:readValue(entityId)
  local data = self.redis:call("GET", self.prefix .. entityId)
  if not data then error(("Entity %s:%s not found"):format(self.entityName, entityId)) end
  return parse(data, entityId)
end

-- Check existence
function RedisPersist:hasValue(entityId)
  return self.redis:call("EXISTS", self.prefix .. entityId) == 1
end

-- Write entity (upsert)
function RedisPersist:writeValue(entityId, entity, options)
  local key, serializedData = self.prefix .. entityId, json.encode(entity)
  if options and options.ifAbsent then
    if not self.redis:call("SET", key, serializedData, "NX") then error(holdfast.error("conflict")) end
  else
    self.redis:call("SET", key, serializedData)
  end

  -- Optional: Set TTL for automatic cleanup
  -- self.redis:call("EXPIRE", key, "86400") -- 24 hours
end

-- Remove entity - raise if not found
function RedisPersist:removeValue(entityId)
  if self.redis:call("DEL", self.prefix .. entityId) == 0 then
    error(("Entity %s:%s not found for deletion"):format(self.entityName, entityId))
  end
end

-- Ids of all entities of this name, in any order.  SCAN may give a key more than once.
local function scan(self)
  local pattern = self.prefix:gsub("[%*%?%[%]\\]", "\\%0") .. "*"
  local ids, seen, cursor = {}, {}, "0"
  repeat
    local reply = self.redis:call("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
    cursor = reply[1]
    for _, key in ipairs(reply[2]) do
      if not seen[key] then
        seen[key] = true
        ids[#ids + 1] = key:sub(#self.prefix + 1) -- extract entity ID from key (remove prefix)
      end
    end
  until cursor == "0"
  return ids
end

-- Calls fn with up to 500 of the ids at a time.
local function pages(ids, fn)
  for first = 1, #ids, 500 do
    fn({ unpack(ids, first, math.min(first + 499, #ids)) })
  end
end

local function keysOf(self, ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = self.prefix .. id end
  return keys
end

-- Remove all entities
function RedisPersist:removeAll()
  pages(scan(self), function(page) self.redis:call("DEL", unpack(keysOf(self, page))) end)
end

-- Iterate keys
function RedisPersist:keys()
  local ids = scan(self)
  table.sort(ids, holdfast.naturalOrder) -- sort alphanumerically
  return ids
end

-- Iterate values
function RedisPersist:values()
  local ids = RedisPersist.keys(self)
  return coroutine.wrap(function()
    pages(ids, function(page)
      local found = self:readMany(page)
      for _, id in ipairs(page) do
        if found[id] ~= nil then coroutine.yield(found[id]) end
      end
    end)
  end)
end

-- Read many at once; what does not exist is left out
function RedisPersist:readMany(ids)
  local found = {}
  if #ids == 0 then return found end
  pages(ids, function(page)
    for i, data in ipairs(self.redis:call("MGET", unpack(keysOf(self, page)))) do
      if data then found[page[i]] = parse(data, page[i]) end
    end
  end)
  return found
end

function RedisPersist:close()
  self.redis:close()
end

-- For `holdfast test`: makes the storage of an instance fail, until what it returns is called.
function RedisPersist.conformanceFail(instance)
  local redis = instance.redis
  instance.redis = Redis.new { port = 1 } -- where nobody listens
  return function() instance.redis = redis end
end

return RedisPersist
