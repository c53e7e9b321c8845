-- SPDX-License-Identifier: MIT
--
-- A world: a market, a machine with a clock, stores, and processes that run hosts in it.  It goes on minute by minute,
-- tells faults of each moment at which something could go wrong, and invariants of all that becomes durable or is told.
-- README.md says how to read it.

local agendas = require "model.agenda"
local disks = require "model.disk"
local holdfast = require "holdfast"
local markets = require "model.market"
local parts = require "model.parts"
local plain = require "model.plain"
local processes = require "model.process"

local M = {}

local START, MINUTE = 1707343380000, 60000
local LISTENERS = 2

M.START, M.MINUTE = START, MINUTE

local invariants, invariantNames = parts.all "invariants"
local stores = parts.all "stores"

-- What is traded: strategies without memory, whose signals depend on the price and the time only.
local STRATEGIES = {
  { name = "now", interval = "1m", minutes = 5, profit = 0.006, loss = 0.007, risks = { "two" }, pause = 4 },
  { name = "waits", interval = "3m", minutes = 7, profit = 0.008, loss = 0.009, risks = { "two", "three" },
    limit = 0.004, hand = { action = "waiting", kind = "cancel", each = 5 } },
  { name = "free", interval = "1m", minutes = 9, profit = 0.012, loss = 0.007, risks = {}, pause = 7,
    hand = { action = "active", kind = "close", each = 4 } },
  { name = "short", interval = "1m", minutes = 6, profit = 0.006, loss = 0.006, risks = { "three" },
    position = "short" },
}
local PROFILES = { two = 2, three = 3 }

---@class model.World
---@field disk model.Disk
---@field market model.Market
---@field agenda model.Agenda
---@field strategies table[]      those that run
---@field risksOf table<string, string[]>
---@field profiles table<string, integer>  how many positions each allows
---@field listeners integer
---@field armed function[]
---@field processes model.Process[]  that live
---@field states table<string, table>  what each invariant knows: plain data
---@field hits table<string, integer>  how often each fault has struck
---@field believes boolean  the exchange has candles for whatever time it is asked for
---@field isWaiting? boolean  something waits for longer than minutes go on: settle() waits for it
---@field violation? string
local World = {}
World.__index = World

local number = 0

---@class model.WorldOptions
---@field store string       a file in stores/
---@field seed integer       of the market
---@field strategies? integer  how many of them run (4)
---@field symbols? integer     on how many symbols (1)
---@field folder string      for what is stored
---@field mutant? table      of mutants.lua
---@field outside? boolean   requests come from another process, at times of their own, and not from callbacks

--- Makes a world in which nothing runs.
---@param options model.WorldOptions
---@return model.World
function M.new(options)
  number = number + 1
  local self = setmetatable({
    options = options, market = markets.new(options.seed), agenda = agendas.new(START + MINUTE / 2),
    listeners = LISTENERS, armed = {}, processes = {}, hits = {}, states = {}, errors = {}, moments = 0,
    profiles = PROFILES, strategies = { unpack(STRATEGIES, 1, options.strategies or 4) }, risksOf = {}, symbols = {},
    noisyUntil = 0, believes = false, kind = assert(stores[options.store], options.store),
  }, World)
  for i = 1, options.symbols or 1 do self.symbols[i] = ({ "BTC", "ETHUSD" })[i] end
  for _, each in ipairs(self.strategies) do self.risksOf[each.name] = each.risks end
  self.changed = options.mutant and processes.mutate(options.mutant)
  for _, name in ipairs(invariantNames) do self.states[name] = invariants[name].begin() end
  self.disk = disks.new(self, self.kind, ("%s/%d"):format(options.folder, number))
  self.agenda.onFire = function(process, fn)
    if not process then return fn() end
    if not process.dead then processes.act(process, fn) end
  end
  return self
end

-- ---------------------------------------------------------------- watching

-- Notes what must not be.  The process ends with it, whatever it catches; whoever drives the world raises it.
function World:violate(name, problem)
  self.violation = self.violation or ("%s: %s"):format(name, problem)
  for _, process in ipairs(self.processes) do process.dead = true end
end

function World:check(what, ...)
  for _, name in ipairs(invariantNames) do
    local look = invariants[name][what]
    local problem = look and look(self.states[name], ...)
    if problem then self:violate(name, problem) end
  end
end

--- Something has become durable.
function World:committed(changes) self:check("committed", changes, self) end

--- A listener was handed an event.
function World:told(event, who)
  self.tells = (self.tells or 0) + 1
  self:check("told", event, who, self)
end

--- A moment at which something could go wrong: a process is about to do something ("before"), or has ("after").
---@param kind string   "read", "write", "remove", "begin", "commit", "listener", "callback", "getSignal",
---                      "getCandles", "validation"
---@param phase "before"|"after"
---@param name? string  of the entity, or of what is called
---@param id? string
---@raise where a fault strikes
function World:moment(kind, phase, name, id)
  local process = processes.acting()
  if not process then return end
  if not process.dead then
    self.moments = self.moments + 1
    if self.watch then self.watch(kind, phase, name, id, process) end
    for _, fault in ipairs(self.armed) do fault(kind, phase, name, id, process) end
  end
  if process.dead then error(holdfast.error("io", "the process was killed"), 0) end
end

--- A fault has struck.
---@param fault string
---@param ms? number  how long its effects last; the rest of the minute if left out
function World:hit(fault, ms)
  self.hits[fault] = (self.hits[fault] or 0) + 1
  self.noisyUntil = math.max(self.noisyUntil, self.agenda.time + (ms or 0))
end

--- Has a fault told of each moment from now on.
---@param fault fun(kind: string, phase: string, name?: string, id?: string, process: table)
function World:arm(fault) self.armed[#self.armed + 1] = fault end

--- Nothing goes wrong any more.
function World:disarm() self.armed = {} end

-- --------------------------------------------------------------- processes

-- A strategy asks for the end of a signal of its own, now and then.
local function useHands(world, host, hand)
  return function(symbol, event, _, when)
    if event.action ~= hand.action or when / MINUTE % hand.each ~= 0 then return end
    local id = event.signal.id .. "/by hand"
    world:check("asked", { id = id, kind = hand.kind, signalId = event.signal.id, validTill = math.huge })
    host[hand.kind](symbol, { id = id })
  end
end

-- Another process asks for it, in minutes that depend on the time only: the same where a minute is lived again.
local function askFor(world, hand, row)
  local name, now = row.id:gsub("/", "-") .. "-by-hand", world.agenda.time
  local host = world.disk.content.host
  if host["request/" .. name] or host["answer/" .. name] then return end
  local request = {
    version = 1, id = name, kind = hand.kind, strategyName = row.strategyName, symbol = row.symbol, signalId = row.id,
    by = "the model", at = now, validTill = now + 5 * MINUTE,
  }
  world:check("asked", request)
  world.disk:put("host", "request/" .. name, request)
end

local function addStrategy(world, host, s)
  host.addStrategy {
    strategyName = s.name, interval = s.interval, riskList = s.risks,
    callbacks = {
      onOpen = function(_, row) world:moment("callback", "before", "onOpen", row.id) end,
      onTick = s.hand and not world.options.outside and useHands(world, host, s.hand) or nil,
    },
    getSignal = function(symbol, when)
      world:moment("getSignal", "before", s.name, symbol)
      local price, minute = host.getAveragePrice(symbol), when / MINUTE
      if s.pause and minute % s.pause == 0 then return nil end
      local position = s.position or minute % 5 < 3 and "long" or "short"
      local sign = position == "long" and 1 or -1
      return {
        position = position, minuteEstimatedTime = s.minutes, priceTakeProfit = price * (1 + sign * s.profit),
        priceStopLoss = price * (1 - sign * s.loss), priceOpen = s.limit and price * (1 - sign * s.limit) or nil,
      }
    end,
  }
end

local function addExchange(world, host)
  host.addExchange {
    exchangeName = "exchange",
    getCandles = function(symbol, _, since, limit)
      world:moment("getCandles", "before", symbol)
      local list = {}
      for i = 0, limit - 1 do
        local time = since + i * MINUTE
        if time <= world.agenda.time or world.believes then list[#list + 1] = world.market.candle(symbol, time) end
      end
      return list
    end,
  }
end

-- What a listener does with an event is done in the middle of it: a fault before that takes it from nobody but, where
-- the process is killed, from everybody.
local function listen(world, host, process, who)
  local function hear(event)
    if not event.id then return end
    local ok, raised = pcall(world.moment, world, "listener", "before", event.action, event.id)
    if process.dead then error(raised, 0) end
    world:told(event, who)
    if not ok then error(raised, 0) end
    world:moment("listener", "after", event.action, event.id)
  end
  host.listenSignalLive(hear)
  host.listenPartial(hear)
end

local function setUp(world, host, process)
  host.setConfig { CC_SCHEDULE_AWAIT_MINUTES = 6 }
  addExchange(world, host)
  for name, most in pairs(PROFILES) do
    host.addRisk {
      riskName = name,
      validations = { function(p)
        world:moment("validation", "before", name)
        if p.activePositionCount >= most then error("there are too many", 0) end
      end },
    }
  end
  for who = 1, LISTENERS do listen(world, host, process, who) end
  host.listenError(function(failure)
    if process.dead then return end
    world.errors[#world.errors + 1] = failure
    if failure.message:find("attempt to ", 1, true) then world:violate("defect", failure.message) end
  end)
  for _, s in ipairs(world.strategies) do addStrategy(world, host, s) end
  for _, run in ipairs(process.runs or world:runs()) do
    host.Live.background(run.symbol, { strategyName = run.name, exchangeName = "exchange" })
  end
end

--- All that can run: each strategy on each symbol.
function World:runs()
  local list = {}
  for _, symbol in ipairs(self.symbols) do
    for _, s in ipairs(self.strategies) do list[#list + 1] = { name = s.name, symbol = symbol } end
  end
  return list
end

--- Begins a process.
---@param runs? { name: string, symbol: string }[]  what it runs; everything if left out
---@return model.Process
---@raise busy  another one runs it
function World:start(runs)
  if not self.processes[1] then self.disk:open() end
  local begun
  local function begin(host, process)
    begun, process.runs, process.since = process, runs, self.agenda.time
    table.insert(self.processes, process)
    setUp(self, host, process)
  end
  local ok, raised = pcall(processes.start, function(owner) return self.agenda:uv(owner) end, self.changed, begin)
  if ok then return raised end
  if begun then self:remove(begun) end
  error(raised, 0)
end

-- Removes a process from the world.
function World:remove(process)
  for i, each in ipairs(self.processes) do
    if each == process then table.remove(self.processes, i) end
  end
  self.agenda:drop(process)
end

--- Kills a process, and begins another one in its place after some time.
---@param process model.Process
---@param ms? number  until then; nil: none begins
function World:kill(process, ms)
  processes.kill(process)
  self:remove(process)
  if ms then self:startIn(ms, process.runs) end
end

--- Begins a process after some time.
---@param ms number
---@param runs? table
function World:startIn(ms, runs)
  self.agenda:add(self.agenda.time + ms, function()
    self:verify()
    self:start(runs)
  end)
end

--- Ends a process as its user does.
---@param process model.Process
function World:stop(process)
  processes.act(process, function()
    process.host.Live.stop()
    process.host.run()
  end)
  if not process.dead then self:kill(process) end
end

--- Looks whether the stores have what they were given; raises what is wrong.
function World:verify()
  if self.violation then error(self.violation, 0) end
  if not next(self.disk.damaged) then self.disk:compare() end
end

-- -------------------------------------------------------------------- time

-- Buries the processes that a fault has killed.
function World:bury()
  for i = #self.processes, 1, -1 do
    local process = self.processes[i]
    if process.dead then self:kill(process, process.restartIn) end
  end
  if self.violation then error(self.violation, 0) end
end

-- Lives until a time.
function World:advanceTo(time)
  self:bury()
  while self.agenda:step(time) do self:bury() end
  self.agenda.time = math.max(self.agenda.time, time)
end

-- Whether all has been well since a time, for all that runs.
function World:isQuiet(since)
  local running = 0
  for _, process in ipairs(self.processes) do
    if process.dead or process.since >= since then return false end
    running = running + #(process.runs or self:runs())
  end
  return self.noisyUntil < since and self.agenda.offset == 0 and not next(self.disk.damaged) and not self.unsettled
    and running == #self:runs()
end

-- What other processes want of this one.
function World:useHands()
  local minute = math.floor(self.agenda.time / MINUTE)
  for _, s in ipairs(self.strategies) do
    if s.hand and minute % s.hand.each == 0 then
      for _, row in pairs(self.disk:snapshot()[s.hand.kind == "close" and "signal" or "schedule"]) do
        if row.strategyName == s.name then askFor(self, s.hand, row) end
      end
    end
  end
end

--- Lives so many minutes.
---@param minutes integer
function World:pass(minutes)
  for _ = 1, minutes do
    if self.options.outside then self:useHands() end
    local before, rows = self.agenda.time, self.disk:snapshot().signal
    self:advanceTo(before + MINUTE)
    local when = math.floor(self.agenda.time / MINUTE) * MINUTE
    if self:isQuiet(before) then
      self:check("minute", when, rows, self)
      self:bury()
    end
  end
end

--- Everything is put right, some minutes pass, and then all must be as if nothing had ever gone wrong.
function World:settle()
  self:disarm()
  self.believes = false
  if self.agenda.offset ~= 0 then self:setClock(0) end
  if next(self.disk.damaged) then
    self:killAll()
    self.disk:heal()
  end
  self:advanceTo(self.agenda.time + (self.isWaiting and 8 or 4) * MINUTE)
  if not self.processes[1] then self:start() end
  self.unsettled = nil
  self:pass(4)
  self:check("settled", self)
  self:bury()
  self:verify()
end

--- Kills all that runs, and whatever was to begin.
function World:killAll()
  for i = #self.processes, 1, -1 do self:kill(self.processes[i]) end
  self.agenda.list = {}
end

--- Ends all, and closes the stores.
function World:close()
  self:killAll()
  self.disk:close()
end

-- --------------------------------------------------------------- operators

--- A copy of what is stored, and of what was known of it.
function World:backup()
  return { content = self.disk:snapshot(), states = plain.copy(self.states), time = self.agenda.time }
end

--- Goes on from another moment, as if all until then had been as it was there; nothing runs.
---@param moment table  of backup()
function World:load(moment)
  self:killAll()
  self.agenda.time, self.agenda.offset, self.noisyUntil = moment.time, 0, 0
  self.states = plain.copy(moment.states)
  self.disk:restore(moment.content)
end

--- Puts one back, as an operator does while no host runs.
---@param but? string  an entity name that stays as it is
function World:restore(backup, but)
  local content = {}
  for name, entities in pairs(backup.content) do content[name] = entities end
  if but then content[but] = self.disk:snapshot()[but] end
  self.disk:restore(content)
  for _, name in ipairs(invariantNames) do
    local look, problem = invariants[name].restored, nil
    if look then self.states[name], problem = look(self.states[name], plain.copy(backup.states[name]), self) end
    if problem then self:violate(name, problem) end
  end
end

--- Removes one entity, as an operator does while no host runs.
function World:removeEntity(name, id)
  local entity = self.disk.content[name][id]
  if entity == nil then return false end
  self.disk:put(name, id, nil)
  self:check("removed", name, id, entity, self)
  return true
end

--- The machine's clock is set.
---@param offset number  ms: by how much it is wrong from now on
function World:setClock(offset)
  self.agenda.offset = offset
  self:check("clockMoved", self)
end

M.invariants, M.invariantNames = invariants, invariantNames

return M
