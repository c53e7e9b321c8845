-- SPDX-License-Identifier: MIT
--
-- How following begins.  A store that follows already goes on after what it has.  Another one must be empty: it gets
-- everything that is there at one moment, and is noted as incomplete until all of that has come, so that a copy that
-- was broken off is never taken for the whole; the next one begins again.

local clock = require "holdfast.util.clock"
local copying = require "holdfast.cli.copying.copier"
local core = require "holdfast.core"
local follows = require "holdfast.follows"
local identity = require "holdfast.cli.following.identity"
local indexes = require "holdfast.cli.store.indexes"
local interruption = require "holdfast.cli.console.interruption"
local moments = require "holdfast.cli.copying.moment"
local pair = require "holdfast.cli.copying.pair"
local position = require "holdfast.cli.copying.position"
local report = require "holdfast.cli.copying.report"
local text = require "holdfast.cli.console.text"

local M = {}

-- A copy that begins again keeps no position.
local NOWHERE = { load = function() end, save = function() return true end, remove = function() end }

local function refuse(code, hint, message, ...)
  local err = core.error(code, message:format(...))
  err.hint = hint
  error(err, 0)
end

-- Raises where the source keeps no log.  Its newest revision.
local function newestOf(source)
  local any = source:entity(follows.ENTITY)
  local from, _, newest = core.changesReach(any)
  if from then return newest end
  if not any.supports.changes or text.url(source.url):find "^lua:" then
    refuse("unsupported", "copy it from time to time: holdfast copy --delete --verify",
      "%s cannot be followed: LMDB and Redis can, and every store can follow", text.url(source.url))
  end
  return refuse("unsupported", ("holdfast set %s changes=7d"):format(text.url(source.url)),
    "%s keeps no log of its changes, so it cannot be followed", text.url(source.url))
end

-- The names that are followed and that the source has.
local function namesOf(source, args)
  local known = moments.known(source)
  if not args.entity then return known or pair.namesOf(source, args) end
  local list = {}
  for _, name in ipairs(pair.sorted(args.entity)) do
    if not known or pair.has(known, name) then list[#list + 1] = name end
  end
  return list
end

local function isSameList(a, b)
  return table.concat(a or {}, "\n") == table.concat(b or {}, "\n")
end

-- Whether the note is of this source.
local function isOf(says, source, id)
  if says.sourceId and id then return says.sourceId == id end
  return says.source == position.plainUrl(source)
end

local function hasEntities(to)
  for _, name in ipairs(moments.known(to) or {}) do
    if to:entity(name):count() > 0 then return name end
  end
end

-- Why the target cannot be filled; nil: it may be.
local function checkFillable(args, to, says, isOurs)
  if says and not isOurs then
    refuse("conflict", "'holdfast promote' makes it a store of its own; --force has it follow this one instead",
      "%s follows %s", text.url(to.url), says.source)
  end
  local name = not says and hasEntities(to)
  if name then
    refuse("conflict", "give an empty one, or --force, which replaces and removes what it has",
      "%s has entities named '%s', and follows no store", text.url(to.url), name)
  end
end

-- What is there at one moment.  Two revisions: nothing before the first is missing, and nothing after the second is in
-- it.
local function copyAll(args, source, to, note)
  local before, after, copier = newestOf(source), nil, nil
  local copyArgs = { source = args.source, target = args.target, entity = args.entity, json = args.json,
    delete = true, force = true, command = args.command,
    drop_expiry = not note.persist.supports.ttl } -- there it goes when it has gone in the source
  local function atTheMoment(now, present)
    if now.fixed then after = newestOf(source) end
    copier = copying.copy(copyArgs, source, to, present, now, NOWHERE)
  end
  moments.run(source, namesOf(source, args), not args.entity, args.json, atTheMoment)
  after = after or newestOf(source)
  local made, exit = indexes.makeAll(to, args, indexes.definitions(source, namesOf(source, args)))
  if not args.json then
    report.copied(copier)
    indexes.tell(made)
  end
  return before, after, copier, exit
end

---@class holdfast.cli.Beginning
---@field says holdfast.Follows
---@field sure integer
---@field copied? integer  entities; nil: it went on
---@field exit integer

--- Goes on, or begins.
---@param args table
---@param source table  as target.open gives it
---@param to table      likewise
---@param note holdfast.FollowsNote
---@param who string    who follows, for the note
---@return holdfast.cli.Beginning
function M.begin(args, source, to, note, who)
  newestOf(source)
  local id = identity.of(source:entity(follows.ENTITY))
  local ok, there = pcall(note.read, note)
  if not ok and not (args.force and core.isError(there, "corrupt")) then error(there, 0) end
  if not ok then there = nil end
  local isOurs = there and isOf(there, args.source, id)
  local isSame = isOurs and isSameList(there.entities, args.entity)
  if isOurs and not isSame and not args.recopy then
    refuse("conflict", "give the same --entity, or --recopy", "%s follows %s with other entity names",
      text.url(to.url), there.source)
  end
  local says = {
    state = "copying", source = position.plainUrl(args.source), sourceId = id, entities = args.entity, revision = 0,
    exact = false, at = 0, since = clock.wall(), holder = who, token = identity.random(),
  }
  if isSame and there.state == "following" and not args.recopy then
    for _, name in ipairs { "state", "revision", "exact", "at", "since" } do says[name] = there[name] end
    note:write(says)
    return { says = says, sure = 0, exit = 0 }
  end
  if not args.force then checkFillable(args, to, there, isOurs) end
  note:write(says)
  local before, after, copier, exit = copyAll(args, source, to, note)
  interruption.check()
  says.revision, says.exact = before, before == after
  if before == after then says.state = "following" end
  note:write(says)
  return { says = says, sure = after, copied = copier.copied, exit = exit }
end

return M
