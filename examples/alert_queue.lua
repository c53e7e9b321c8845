-- SPDX-License-Identifier: MIT
--
-- A bounded queue of alerts in a store of its own, for alert_webhook.lua: what is put in is durable when put() returns,
-- and stays until remove().  Where it is full the oldest failure goes, or else the oldest alert; what is dropped is
-- counted, in the same transaction, in an alert that is handed out before all others.
--
-- Several bots may share a folder: all of them put in, and the one that has the lock takes out.

local core = require "holdfast.core"
local holdfast = require "holdfast"

local DROPPED = "0-dropped" -- in natural order before every time
local HELD_MAX = 100

local M = {}

---@class example.AlertQueue
---@field store PersistBase
---@field folder string
---@field most integer  alerts that are kept
---@field held table[]  of those that the store did not take, until it does
local Queue = {}
Queue.__index = Queue

--- Opens it.
---@param folder string  for LMDB: a transaction is needed, and a place for a lock file
---@param most integer
---@return example.AlertQueue
---@raise invalid_argument
function M.open(folder, most)
  if folder:find("^%a[%w+.-]+:") or folder:find("?", 1, true) then
    error(holdfast.error("invalid_argument", ("alert_queue: give a folder, not the URL %s"):format(folder)), 0)
  end
  return setmetatable({ folder = folder, most = most, held = {}, store = holdfast.PersistBase("alert", folder) }, Queue)
end

-- Drops an alert, and notes it.
local function drop(self, key, alert, why)
  io.stderr:write(("alert dropped, %s: %s\n"):format(why, alert.text))
  local note = self.store:hasValue(DROPPED) and self.store:readValue(DROPPED)
    or { id = "dropped", kind = "dropped", count = 0, since = alert.at, at = alert.at }
  note.count, note.last, note.why = note.count + (alert.count or 1), alert.text, why
  note.text = ("%d alerts were dropped, %s; the last one: %s"):format(note.count, why, alert.text)
  self.store:writeValue(DROPPED, note)
  self.store:removeValue(key)
end

-- Makes room for one more.
local function makeRoom(self)
  while self.store:count() >= self.most do
    local key, alert
    for k, each in self.store:entries() do
      if k ~= DROPPED and (not key or each.kind == "failure") then key, alert = k, each end
      if alert and alert.kind == "failure" then break end
    end
    if not key then return end
    drop(self, key, alert, "too many wait")
  end
end

-- In the order of time, and never over another one.
local function write(self, alert)
  local n = 0
  local function key() return ("%d-%d"):format(alert.at, n) end
  while self.store:hasValue(key()) do n = n + 1 end
  self.store:writeValue(key(), alert)
end

local function isThere(self, id)
  for alert in self.store:values() do
    if alert.id == id then return true end
  end
  return false
end

local function store(self, alert)
  holdfast.transaction(function()
    if alert.redelivered and isThere(self, alert.id) then return end
    makeRoom(self)
    write(self, alert)
  end)
end

--- Puts an alert in.  What the store does not take now is held in memory, and put in when it does.
---@param alert { id: string, kind: string, at: number, text: string }
---@return boolean durable
function Queue:put(alert)
  local ok, raised = pcall(store, self, alert)
  if ok then return true end
  io.stderr:write(("alert not stored, and lost if the process ends: %s (%s)\n"):format(alert.text, tostring(raised)))
  if core.isError(raised, "invalid_value") then return false end -- it never will be
  if #self.held >= HELD_MAX then table.remove(self.held, 1) end
  self.held[#self.held + 1] = alert
  return false
end

-- Puts in what was held.
local function storeHeld(self)
  while self.held[1] do
    if not pcall(store, self, self.held[1]) then return end
    table.remove(self.held, 1)
  end
end

--- The next alert; nil: there is none, or another bot's process takes them out.
---@return string? key
---@return table? alert
---@raise what the store raises
function Queue:first()
  storeHeld(self)
  if not self.lease then
    local ok, raised = pcall(core.lease, self.folder .. "/.lease/alerts.lock", "alert_webhook")
    if not ok and core.isError(raised, "busy") then return nil end
    if not ok then error(raised, 0) end
    self.lease = raised
  end
  return self.store:entries()()
end

--- Takes an alert out that was sent.
---@param key string
---@param alert table  as first() gave it
---@raise what the store raises
function Queue:remove(key, alert)
  holdfast.transaction(function()
    local now = self.store:hasValue(key) and self.store:readValue(key)
    if not now then return end
    if key ~= DROPPED or now.count == alert.count then return self.store:removeValue(key) end
    now.count = now.count - alert.count -- more were dropped while this was on its way
    now.text = ("%d more alerts were dropped, %s; the last one: %s"):format(now.count, now.why, now.last)
    self.store:writeValue(key, now)
  end)
end

--- Drops one that cannot be sent.
---@param key string
---@param alert table
---@param why string
---@raise what the store raises
function Queue:drop(key, alert, why)
  holdfast.transaction(function()
    if not self.store:hasValue(key) then return end
    if key ~= DROPPED then return drop(self, key, alert, why) end
    io.stderr:write(("alert dropped, %s: %s\n"):format(why, alert.text))
    self.store:removeValue(key)
  end)
end

--- How many wait.
---@return integer
function Queue:count() return self.store:count() + #self.held end

--- Lets another process take them out.
function Queue:close()
  if self.lease then self.lease:release() end
  self.lease = nil
  self.store:close()
end

return M
