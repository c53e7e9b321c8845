-- SPDX-License-Identifier: MIT
--
-- Bringing the changes of one store into another, as they come.  Commits of the source are read in groups, never a part
-- of one, and each group is one transaction of the target, where it has them, with the note of how far that is: what is
-- in the target and what it claims are never two things.  In a target without transactions the note comes after, so
-- that a group may be brought twice, which changes nothing: what is written are whole values.

local clock = require "holdfast.util.clock"
local core = require "holdfast.core"
local holdfast = require "holdfast"
local interruption = require "holdfast.cli.console.interruption"
local text = require "holdfast.cli.console.text"

local MOST = 8192               -- changes that are read together
local MOST_BYTES = 8 * 1024 * 1024
local PARTS = 64                -- of those, which are brought together so that they end at one moment
local GROWTHS = 20              -- how often a group may be tried again because the target grew for it
local NOTE_SECONDS = 10         -- how often it is noted that there was nothing to bring
local WAIT_MS = 500             -- between two looks at whether a signal has come

---@class holdfast.cli.Follower
---@field source table            as target.open gives it
---@field to table                likewise
---@field note holdfast.FollowsNote
---@field says holdfast.Follows   what the note says
---@field newest integer          revision of the source, as it was seen last
---@field brought integer         changes
---@field kept integer            entities that are damaged in the source, and sound in the target, which stay
---@field damaged integer         those, and others that are damaged in the source
local Follower = {}
Follower.__index = Follower

local M = {}

---@param context {source: table, to: table, note: holdfast.FollowsNote, says: holdfast.Follows, sure: integer?}
---  sure: a revision before which the target is not what the source was
---@return holdfast.cli.Follower
function M.new(context)
  local self = setmetatable(context, Follower)
  self.any = self.source:entity "holdfast.follows"
  self.changes = core.changeGroup(self.says.entities)
  self.persists, self.newest, self.brought, self.kept, self.damaged = {}, 0, 0, 0, 0
  self.sure = self.sure or 0
  self.isAtomic = self.note.persist.supports.transaction
  self.noted = clock.now()
  return self
end

function Follower:persist(name)
  if not self.persists[name] then self.persists[name] = self.to:entity(name) end
  return self.persists[name]
end

-- Nobody else has become who follows, and nobody has promoted the target.
function Follower:checkNote()
  local now = self.note:read()
  if now and now.token == self.says.token then return end
  local what = not now and "has been promoted" or "is followed into by somebody else"
  error(core.error("conflict", ("%s %s: this follower ends, and has brought everything until revision %s"):format(
    text.url(self.to.url), what, text.whole(self.says.revision))), 0)
end

--- Notes how far the target is, in the transaction that it is in.
---@param says table  what is to be changed in the note
---@return holdfast.Follows
function Follower:writeNote(says)
  local next = {}
  for name, value in pairs(self.says) do next[name] = value end
  for name, value in pairs(says) do next[name] = value end
  self.note:write(next)
  return next
end

function Follower:apply()
  for place, name in ipairs(core.changesOf(self.changes)) do
    if name ~= self.any.entityName then
      local _, _, damaged, kept = core.changesApply(self:persist(name), self.changes, place)
      self.damaged, self.kept = self.damaged + damaged, self.kept + kept
    end
  end
end

function Follower:read(from, skip)
  local read = core.changesRead(self.any, self.changes, from, skip, MOST, MOST_BYTES)
  self.newest = read.newest
  if read.newest < self.says.revision then
    error(core.error("conflict", ("%s is at revision %s, and %s has followed it until %s: an older state was put in "
      .. "its place"):format(text.url(self.source.url), text.whole(read.newest), text.url(self.to.url),
      text.whole(self.says.revision))), 0)
  end
  return read
end

-- Whether there was nothing more at the moment of the reading.
local function isTip(read) return read.skip == 0 and read.next > read.newest end

-- Brings what was read, and what follows of a commit that was not read to its end.  Without history values may be later
-- than their revisions; whatever was changed meanwhile comes up to the newest commit, so there it is one moment again.
local function bring(self, read)
  if self.isAtomic then self:checkNote() end
  local count, at, exact, parts = read.count, read.at, read.exact, 1
  self:apply()
  while not read.whole or not exact and parts < PARTS do
    read = self:read(read.next, read.skip)
    count, at, parts = count + read.count, math.max(at, read.at), parts + 1
    exact = isTip(read) or exact and read.exact
    self:apply()
  end
  if not self.isAtomic then self:checkNote() end
  local revision = read.revision
  local says = self:writeNote { revision = revision, at = at, exact = exact,
    state = revision >= self.sure and "following" or "copying" }
  return says, count
end

-- A group, in one transaction of the target.
function Follower:group(read)
  if not self.isAtomic then return bring(self, read) end
  for attempt = 1, GROWTHS do
    local ok, says, count = xpcall(holdfast.transaction, interruption.handler, bring, self, read)
    if ok then return says, count end
    -- A store that has to grow does so between two transactions.
    if not core.isError(says, "full") or attempt == GROWTHS then error(says, 0) end
    read = self:read(self.says.revision + 1, 0)
  end
end

-- Notes now and then that the source has gone on without a change for us: what it forgets, we have.
function Follower:noteIdle(revision, force)
  if revision <= self.says.revision or not force and clock.now() - self.noted < NOTE_SECONDS then return end
  local function note()
    self:checkNote()
    return self:writeNote { revision = revision, exact = true,
      state = revision >= self.sure and "following" or self.says.state }
  end
  if self.isAtomic then
    self.says = holdfast.transaction(note)
  else
    self.says = note()
  end
  self.noted = clock.now()
end

--- Brings what there is, up to a group.
---@return boolean any  whether there was something
function Follower:step()
  local read = self:read((self.idleAt or self.says.revision) + 1, 0)
  if read.count > 0 then
    local count
    self.says, count = self:group(read)
    self.brought, self.idleAt, self.noted = self.brought + count, nil, clock.now()
    return true
  end
  if read.revision > (self.idleAt or self.says.revision) then self.idleAt = read.revision end
  self:noteIdle(self:revision(), self.says.state == "copying")
  return self.says.revision < read.revision and read.revision < read.newest
end

--- Everything until this revision of the source is in the target, whether that is noted or not.
---@return integer
function Follower:revision() return math.max(self.says.revision, self.idleAt or 0) end

--- Whether there was nothing more when the source was looked at last.
---@return boolean
function Follower:isAtTip() return self:revision() >= self.newest end

--- Waits until there is something, or a signal may have come.
function Follower:wait() core.changesWait(self.any, self.changes, self:revision(), WAIT_MS) end

--- Follows until `done` says so, or a signal comes.
---@param done fun(follower: holdfast.cli.Follower): boolean?
function Follower:run(done)
  while true do
    local any = self:step()
    interruption.check()
    if done(self) then return end
    if not any and self:isAtTip() then self:wait() end
  end
end

--- Notes where it ends.
function Follower:finish() self:noteIdle(self:revision(), true) end

return M
