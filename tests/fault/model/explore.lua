-- SPDX-License-Identifier: MIT
--
-- Every crash of a short history, and every crash of the recovery from it, and so on, however many.
--
-- A process that is killed leaves nothing but what is stored, the time, and what listeners were told.  So the states
-- that crashes can lead to are those that are seen at the moments of a run: each is noted once, a new process is
-- started in it, and the states at the moments of that run are noted, too, until there are no new ones.  Each run must
-- come to where the run without any crash was in the same minute: the same is stored, and the same events were told.

local plain = require "model.plain"
local processes = require "model.process"
local worlds = require "model.world"

local M = {}

---@class model.Exploration
---@field store string
---@field seed integer      of the market
---@field minutes integer   of the history
---@field strategies? integer
---@field symbols? integer
---@field folder string
---@field tail? integer     how many minutes a run goes on after it has come to where it should be (2)
---@field down? integer     how many minutes no process runs after a crash (0); if there are any, prices are missed, and
---                         what must hold are the invariants alone
---@field crashes? integer  how many one after the other, at most; any number if left out
---@field mutant? table

local textOfEntity = setmetatable({}, { __mode = "k" })

local function entityText(entity)
  local text = textOfEntity[entity]
  if not text then
    text = plain.text(entity)
    textOfEntity[entity] = text
  end
  return text
end

-- Whether a host reads it again: not what it only notes for others to see.
local function isRead(name, id) return name ~= "host" or not id:find "^status/" end

-- What is stored and makes a difference, as a text.
local function contentText(content)
  local lines = {}
  for name, entities in pairs(content) do
    for id, entity in pairs(entities) do
      if isRead(name, id) then lines[#lines + 1] = name .. " " .. id .. " " .. entityText(entity) end
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

-- What listeners were told, each event once, in the order of the first time.
local function trailOf(world)
  local told, lines = world.states.events.told, {}
  for who = 1, world.listeners do
    local ids = {}
    for id in pairs(told[who] or {}) do
      if id ~= "last" then ids[#ids + 1] = id end
    end
    table.sort(ids)
    lines[who] = table.concat(ids, " ")
  end
  return table.concat(lines, "\n")
end

local function momentOf(world) return contentText(world.disk.content) .. "\n\n" .. trailOf(world) end

local Exploration = {}
Exploration.__index = Exploration

-- Notes the states that a crash at the moments of this run would leave.
function Exploration:watch(kind, phase, name)
  local world = self.world
  self.moments = self.moments + 1
  local mark = world.disk.version * 1e6 + (world.tells or 0)
  if mark == self.mark then return end
  self.mark = mark
  if self.depth >= (self.options.crashes or math.huge) then return end
  -- Which half of which minute: notes for others to see are written one by one, each process a little later.
  local key = momentOf(world) .. "\n" .. math.floor(world.agenda.time / (worlds.MINUTE / 2))
  if self.known[key] then return end
  self.known[key] = true
  local state = world:backup()
  local minute = math.floor((world.agenda.time - worlds.START) / worlds.MINUTE)
  state.what = ("%s %s of %s, %d minutes after the beginning%s"):format(phase, kind, tostring(name), minute,
    self.path and "; and before that, " .. self.path or "")
  state.depth = self.depth + 1
  self.states[#self.states + 1] = state
end

-- The run without a crash: where it is after each minute.
function Exploration:lead()
  local world = self.world
  self.lead = {}
  world:start()
  for _ = 1, self.options.minutes do
    world:pass(1)
    self.lead[world.agenda.time] = momentOf(world)
  end
  world:check("settled", world)
  world:bury()
end

-- A process begins in a state, and must come to where it would be without the crash.
function Exploration:recover(state)
  local world = self.world
  local down = (self.options.down or 0) * worlds.MINUTE
  local last = worlds.START + (self.options.minutes + 0.5) * worlds.MINUTE
  self.path, self.depth, self.mark = state.what, state.depth, nil
  world:load(state)
  world:advanceTo(state.time + down)
  world:start()
  local half = (world.agenda.time - worlds.START) % worlds.MINUTE
  world:advanceTo(world.agenda.time - half + worlds.MINUTE / 2 + (half > worlds.MINUTE / 2 and worlds.MINUTE or 0))
  local left = self.options.tail or 2
  while true do
    local isThere = self.lead[world.agenda.time] == momentOf(world)
    if isThere or down > 0 then left = left - 1 end
    if left < 0 or world.agenda.time >= last then
      if not isThere and down == 0 then
        error(("it does not come to where it would be without a crash:\n%s\nit is\n%s"):format(
          tostring(self.lead[world.agenda.time]), momentOf(world)), 0)
      end
      break
    end
    world:pass(1)
  end
  if down > 0 then
    world.watch = nil
    world:settle()
  end
  world:verify()
end

--- Goes through all of it.
---@param options model.Exploration
---@return string? problem
---@return { states: integer, moments: integer, minutes: integer }
function M.run(options)
  processes.useLockFiles(false)
  options.outside = true
  local world = worlds.new(options)
  local self = setmetatable({
    options = options, world = world, known = {}, states = {}, moments = 0, depth = 0,
  }, Exploration)
  local function watch(...) self:watch(...) end
  local done, minutes = 0, 0
  local ok, raised = xpcall(function()
    world.watch = watch
    self:lead()
    minutes = options.minutes
    while self.states[done + 1] do
      local state = self.states[done + 1]
      self.states[done + 1] = false
      done, world.watch = done + 1, watch
      self:recover(state)
      minutes = minutes + (world.agenda.time - state.time) / worlds.MINUTE
    end
  end, function(problem)
    local text = world.violation or type(problem) == "string" and problem or debug.traceback(tostring(problem))
    return self.path and ("after a crash %s:\n%s"):format(self.path, text) or text
  end)
  pcall(world.close, world)
  return not ok and raised or nil, { states = done, moments = self.moments, minutes = minutes }
end

return M
