-- SPDX-License-Identifier: MIT
--
-- What the prompt is about: the open store, and what a line of it does.  The store is at hand in Lua as `store`, and
-- the entities of each name as `db.NAME`.

local call = require "holdfast.cli.code.call"
local core = require "holdfast.core"
local glyphs = require "holdfast.cli.console.glyphs"
local holdfast = require "holdfast"
local iterators = require "holdfast.cli.prompt.iterators"
local output = require "holdfast.cli.console.output"
local show = require "holdfast.cli.prompt.show"
local target = require "holdfast.cli.store.target"
local terminal = require "holdfast.cli.system.terminal"

-- As they are now: what is typed may replace them.
local ipairs, math, pcall, rawset, select, setmetatable, table, type =
  ipairs, math, pcall, rawset, select, setmetatable, table, type

local VALUES = 20 -- of an iterator, at a time
local GAP = 2 -- blanks between values, on a terminal

---@class holdfast.cli.Session
---@field json? boolean      errors as JSON
---@field talks boolean      to a terminal
---@field readOnly? boolean
---@field url? string        of the open store
---@field db? table          its entities by name
---@field commands string[]  the dot commands
---@field failed boolean     whether anything has
---@field ended? boolean     whether it was told to end
---@field looking? boolean   while a word is completed
---@field last? table        the last error
---@field more? table        the iterator that has more to print, and its next values
local Session = {}
Session.__index = Session

local M = {}

---@param args {json?: boolean, readonly?: boolean}
---@param talks boolean
---@return holdfast.cli.Session
function M.new(args, talks)
  return setmetatable({ json = args.json, readOnly = args.readonly, talks = talks, commands = {}, failed = false },
    Session)
end

--- Notes and prints an error.
---@param err table
function Session:complain(err)
  self.failed = true
  self.last = err
  err.showTraceback = false
  output.complain(err, self.json)
end

--- The same for what code of the user's raised, or what it has called.
---@param err table
function Session:complainOf(err)
  local whole = err.traceback
  self:complain(call.explain(err))
  err.traceback = whole
end

--- Complains that what was typed is wrong.
---@param code string
---@param message string  a format
function Session:refuse(code, message, ...)
  local err = core.error(code, message:format(...))
  err.where = nil
  self:complain(err)
end

-- -------------------------------------------------------------------- store

-- The URL with which whoever opens it can only read.
local function readOnlyUrl(url)
  if not url:find("^%l[%l%d+.-]*:") then url = "lmdb:" .. url:gsub("[%%?]", { ["%"] = "%25", ["?"] = "%3F" }) end
  return url .. (url:find("?", 1, true) and "&" or "?") .. "readonly=true"
end

--- The entity names of the open store; none where they cannot be had.
---@return string[]
function Session:names()
  local ok, found = pcall(function() return self.target and self.target:names() or {} end)
  return ok and found or {}
end

-- Says that a name is new: it may be misspelt.
local function noteNew(session, name)
  if not session.talks or session.looking then return end
  local known = session:names()
  for _, found in ipairs(known) do
    if found == name then return end
  end
  output.note(session, "the store has no entities named '%s'%s", name,
    #known > 0 and ": it has " .. table.concat(known, ", ", 1, math.min(#known, 10)) or " yet")
end

-- The entities of each name, made when they are first asked for.
local function database(session)
  local url = session.url
  return setmetatable({}, {
    __index = function(db, name)
      if type(name) ~= "string" then return nil end
      local made = holdfast.PersistBase(name, url, { create = false })
      noteNew(session, name)
      rawset(db, name, made)
      return made
    end,
    __tostring = function()
      local names = table.concat(session:names(), ", ")
      if names ~= "" then names = ": " .. names end
      return glyphs.harmless("the entities of " .. core.redact(url) .. names)
    end,
  })
end

--- Opens a store, and makes it what the prompt is about.
---@param url string
---@raise what opening it does
function Session:open(url)
  if self.readOnly then url = readOnlyUrl(url) end
  output.guard { url }
  self.target = target.open { url = url, json = self.json }
  if not self.readOnly then target.keepWriting(url) end
  self.url = url
  self.db = database(self)
  _G.store, _G.db = self.target.store, self.db
end

-- ------------------------------------------------------------------ results

-- The text of several values; `shown` is show.pretty or show.short, as far as somebody sees it.
local function joined(self, values, shown)
  local parts = {}
  local room = terminal.width(1)
  for i = 2, values.n do
    parts[#parts + 1] = self.talks and shown(values[i], room) or show.line(values[i])
    room = room - glyphs.width(parts[#parts]) - GAP
  end
  return table.concat(parts, self.talks and (" "):rep(GAP) or "\t")
end

local function pack(...) return { n = select("#", ...), ... } end

-- The next values of the iterator: pack()ed, false in front where it raised.
local function nextOf(more) return pack(call.call(more.step)) end

--- Prints the next values of the iterator that has some left.  What it raises comes back instead.
---@return table? err
function Session:printMore()
  local more = self.more
  for _ = 1, VALUES do
    local values = more.next or nextOf(more)
    more.next = nil
    if not values[1] then return values[2] end
    if values[2] == nil then
      self.more = nil
      if not more.any then output.note(self, "nothing") end
      return nil
    end
    more.any = true
    output.line(joined(self, values, show.short))
  end
  more.next = nextOf(more)
  if not more.next[1] or more.next[2] ~= nil then
    output.flush()
    output.note(self, "there are more: .more goes on")
  else
    self.more = nil
  end
  return nil
end

--- Runs a chunk and prints its results.  What it raises comes back instead.
---@param chunk function
---@return table? err
function Session:evaluate(chunk)
  local results = pack(call.call(chunk))
  if not results[1] then return results[2] end
  if results.n == 2 and iterators.is(results[2]) then
    self.more = { step = results[2] }
    return self:printMore()
  elseif results.n > 1 then
    output.line(joined(self, results, show.pretty))
  end
  return nil
end

return M
