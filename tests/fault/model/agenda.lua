-- SPDX-License-Identifier: MIT
--
-- Time, simulated: what is due when, for all processes of a world, and for each a stand-in of libuv (lua-luv) with
-- which the host's own clock and loop run as they do in real time.  `time` is the true time, which only goes on;
-- `offset` is by how much the machine's clock is wrong.

local Agenda = {}
Agenda.__index = Agenda

---@class model.Agenda
---@field time number    ms since the epoch
---@field offset number  ms
local M = {}

---@param start number  ms since the epoch
---@return model.Agenda
function M.new(start)
  return setmetatable({ time = start, offset = 0, list = {}, count = 0, onFire = function(_, fn) fn() end }, Agenda)
end

--- Has a function called at a time.
---@param due number
---@param fn function
---@param owner? table  the process whose it is
---@return table entry  set its `fn` to nil and it is not called
function Agenda:add(due, fn, owner)
  self.count = self.count + 1
  local entry, list = { due = due, fn = fn, owner = owner }, self.list
  local i = #list
  while i > 0 and list[i].due > due do i = i - 1 end
  table.insert(list, i + 1, entry)
  return entry
end

--- Forgets what a process waited for.
---@param owner table
function Agenda:drop(owner)
  for _, entry in ipairs(self.list) do
    if entry.owner == owner then entry.fn = nil end
  end
end

--- Does what is due next, if that is not after `limit`; of one process only, if it is said which.
---@param limit number
---@param owner? table
---@return boolean  whether there was something
function Agenda:step(limit, owner)
  local list = self.list
  local i = 1
  while list[i] and list[i].due <= limit do
    local entry = list[i]
    if not entry.fn then
      table.remove(list, i)
    elseif owner and entry.owner ~= owner then
      i = i + 1
    else
      table.remove(list, i)
      self.time = math.max(self.time, entry.due)
      self.onFire(entry.owner, entry.fn)
      return true
    end
  end
  return false
end

--- What the machine's clock says.
---@return number  ms since the epoch
function Agenda:now() return self.time + self.offset end

local Timer = {}
Timer.__index = Timer

function Timer:start(ms, _, fn)
  self:stop()
  self.entry = self.agenda:add(self.agenda.time + ms, fn, self.owner)
end

function Timer:stop()
  if self.entry then self.entry.fn = nil end
  self.entry = nil
end

--- A libuv for a process: as much of it as the host uses.
---@param owner table
function Agenda:uv(owner)
  local uv = {}
  function uv.gettimeofday()
    local ms = self:now()
    return math.floor(ms / 1000), ms % 1000 * 1000
  end
  function uv.hrtime() return self.time * 1e6 end
  function uv.update_time() end
  function uv.stop() end
  function uv.new_timer() return setmetatable({ agenda = self, owner = owner }, Timer) end
  function uv.run(mode) return mode == "once" and self:step(math.huge, owner) end
  return uv
end

return M
