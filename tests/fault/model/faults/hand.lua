-- SPDX-License-Identifier: MIT
--
-- Another process wants something, at some moment outside of transactions: the end of a signal, once or twice, at a
-- price of its own or not, for long or hardly at all; a request taken back; a pause, and its end.

local MINUTE = 60000

local M = {}

local ACTS = { "close", "close", "close", "cancel", "cancel", "takeBack", "pause", "pause", "resume" }
local SCOPES = { "*/*", "now/*", "*/BTC", "free/BTC", "waits/ETHUSD" }
local TABLES = { close = "signal", cancel = "schedule" }

function M.draw(random)
  return {
    act = ACTS[random(#ACTS)], which = random(8), at = random(60), scope = random(#SCOPES),
    price = random(4) == 1 and 90 + random(20) or nil, valid = random(6), times = random(3) == 1 and 2 or 1,
    till = random(2) == 1 and random(4) or nil, minutes = random(4),
  }
end

-- One of those that there are.
local function pick(entities, which, prefix)
  local ids = {}
  for id in pairs(entities) do
    if not prefix or id:sub(1, #prefix) == prefix then ids[#ids + 1] = id end
  end
  table.sort(ids)
  return ids[(which - 1) % math.max(#ids, 1) + 1]
end

local function ask(world, step)
  local key = pick(world.disk.content[TABLES[step.act]], step.which)
  local row = key and world.disk.content[TABLES[step.act]][key]
  if not row then return false end
  local now = world.agenda:now()
  for _ = 1, step.times do
    world.handCount = (world.handCount or 0) + 1
    local request = {
      version = 1, id = "hand" .. world.handCount, kind = step.act, strategyName = row.strategyName,
      symbol = row.symbol, signalId = row.id, price = step.price, by = "the model", at = now,
      validTill = now + step.valid * MINUTE,
    }
    world:check("asked", request)
    world.disk:put("host", "request/" .. request.id, request)
  end
  return true
end

local ACTS_OF = { close = ask, cancel = ask }

function ACTS_OF.takeBack(world, step)
  local id = pick(world.disk.content.host, step.which, "request/")
  if not id then return false end
  world:check("takenBack", world.disk.content.host[id].id)
  world.disk:put("host", id, nil)
  return true
end

function ACTS_OF.pause(world, step)
  local strategyName, symbol = SCOPES[step.scope]:match "^(.*)/(.*)$"
  world.disk:put("host", "pause/" .. strategyName .. "%2F" .. symbol, {
    version = 1, strategyName = strategyName, symbol = symbol, by = "the model", since = world.agenda:now(),
    till = step.till and world.agenda:now() + step.till * MINUTE,
  })
  return true
end

function ACTS_OF.resume(world)
  for id in pairs(world.disk:snapshot().host) do
    if id:find "^pause/" then world.disk:put("host", id, nil) end
  end
  return true
end

function M.apply(world, step)
  local left, isDone = step.at, false
  world:arm(function()
    left = left - 1
    if left > 0 or isDone or world.disk.depth > 0 then return end
    isDone = ACTS_OF[step.act](world, step) -- there may be nothing to act on yet
    if isDone then world:hit "hand" end
  end)
end

return M
