-- SPDX-License-Identifier: MIT
--
-- Histories at random: a world in which one fault after the other strikes, some together, and in the end all must be as
-- if nothing had ever gone wrong.  A history is plain data, made of a seed; one that fails is made as short as it can
-- be and still fails, and shown as what `model.lua replay` takes.

local parts = require "model.parts"
local plain = require "model.plain"
local processes = require "model.process"
local worlds = require "model.world"

local M = {}

local faults, faultNames = parts.all "faults"
local stores, storeNames = parts.all "stores"

---@class model.History
---@field seed integer
---@field store string
---@field strategies integer
---@field symbols integer
---@field steps table[]  { fault =, minutes =, ... }: what draw() of the fault gave

--- The history of a seed.
---@param seed integer
---@param store? string  in place of the one that the seed says
---@return model.History
function M.make(seed, store)
  local random = plain.random(seed)
  local history = {
    seed = seed, store = store or storeNames[seed % #storeNames + 1], strategies = 1 + random(3), symbols = random(2),
    steps = {},
  }
  local options = stores[history.store]
  for _ = 1, 8 + random(24) do
    local name = faultNames[random(#faultNames)]
    local step = faults[name].draw(random, options)
    if step then
      step.fault = name
      table.insert(history.steps, step)
    end
  end
  return history
end

-- Whether two processes are to keep each other out: where they are not, nobody looks at lock files.
local function hasRivals(history)
  for _, step in ipairs(history.steps) do
    if step.fault == "rival" then return true end
  end
  return false
end

--- Lives a history.
---@param history model.History
---@param folder string
---@param mutant? table
---@return string? problem  nil: everything held
---@return table counts  of what happened
function M.live(history, folder, mutant)
  processes.useLockFiles(hasRivals(history))
  local world = worlds.new {
    store = history.store, seed = history.seed, strategies = history.strategies, symbols = history.symbols,
    folder = folder, mutant = mutant,
  }
  local first = world.agenda.time
  local ok, raised = xpcall(function()
    world:start()
    world:pass(1)
    for _, step in ipairs(history.steps) do
      faults[step.fault].apply(world, step)
      world:pass(step.minutes)
      if step.minutes > 0 then world:disarm() end
    end
    world:settle()
  end, function(problem)
    return world.violation or type(problem) == "string" and debug.traceback(problem) or tostring(problem)
  end)
  local counts = {
    minutes = (world.agenda.time - first) / worlds.MINUTE, tells = world.tells or 0, moments = world.moments,
  }
  for name, count in pairs(world.hits) do counts[name] = count end
  pcall(world.close, world)
  if not ok then return raised, counts end
  return nil, counts
end

-- The history without the steps from `first` to `last`.
local function without(history, first, last)
  local shorter = plain.copy(history)
  for i = last, first, -1 do table.remove(shorter.steps, i) end
  return shorter
end

--- A history that fails, made as short as it can be and still fails.
---@param history model.History
---@param folder string
---@param mutant? table
---@return model.History
function M.shorten(history, folder, mutant)
  local size = #history.steps
  while size >= 1 do
    local i = 1
    while i <= #history.steps do
      local shorter = without(history, i, math.min(i + size - 1, #history.steps))
      if M.live(shorter, folder, mutant) then history = shorter else i = i + size end
    end
    size = math.floor(size / 2)
  end
  return history
end

--- A text of a history: a Lua file that returns it.
---@param history model.History
---@return string
function M.show(history)
  local lines = { ("return { seed = %d, store = %q, strategies = %d, symbols = %d, steps = {"):format(history.seed,
    history.store, history.strategies, history.symbols) }
  for _, step in ipairs(history.steps) do lines[#lines + 1] = "  " .. plain.text(step) .. "," end
  lines[#lines + 1] = "} }"
  return table.concat(lines, "\n")
end

return M
