-- SPDX-License-Identifier: MIT
--
-- The progress bar: one line on stderr that says how far long work is.  It appears
-- only on a terminal, and only once the work has taken a moment; in a pipe or a log
-- nothing of it is ever seen.

local clock = require "holdfast.util.clock"
local terminal = require "holdfast.cli.system.terminal"
local text = require "holdfast.cli.console.text"

local PATIENCE = 0.3 -- seconds until it appears
local INTERVAL = 0.1 -- seconds between two drawings

local Progress = {}
Progress.__index = Progress

local M = {}

-- What replaces it where nobody watches.
local silent = { step = function() end, finish = function() end }

local function draw(self, done)
  local width = terminal.width(2)
  local line
  if self.total and self.total > 0 then
    local part = math.min(done / self.total, 1)
    local numbers = string.format(" %3d%%  %s of %s %s", math.floor(part * 100), self.format(done),
      self.format(self.total), self.unit)
    local room = math.min(width - #self.label - #numbers - 5, 30)
    local full = math.floor(part * room)
    local bar = room >= 5 and string.format(" [%s%s]", ("#"):rep(full), ("-"):rep(room - full)) or ""
    line = self.label .. bar .. numbers
  else
    line = string.format("%s  %s %s", self.label, self.format(done), self.unit)
  end
  io.stderr:write("\r", line:sub(1, width - 1), "\27[K")
  io.stderr:flush()
  self.drawn = true
end

--- Notes that `done` units are done, and draws when it is time to.
---@param done number
function Progress:step(done)
  self.calls = self.calls + 1
  if self.calls % self.stride ~= 0 then return end
  local now = clock.now()
  if now < self.due then return end
  self.due = now + INTERVAL
  draw(self, done)
end

--- Removes the line, so that the next one on stderr begins where it began.
function Progress:finish()
  if self.drawn then
    io.stderr:write("\r\27[K")
    io.stderr:flush()
    self.drawn = false
  end
end

--- Begins to watch work.
---@param options {label: string, unit?: string, total?: number, bytes?: boolean, stride?: integer, shared?: boolean}
---   total: units that make 100%, if known; bytes: the units are bytes; stride: look at the clock at every so many
---   steps only; shared: the output goes to stdout while the work runs, so stay silent if that is a terminal too
function M.start(options)
  if not terminal.isTerminal(2) or (options.shared and terminal.isTerminal(1)) or os.getenv("TERM") == "dumb" then
    return silent
  end
  return setmetatable({
    label = options.label,
    unit = options.unit or "",
    total = options.total,
    format = options.bytes and text.bytes or text.count,
    stride = options.stride or 1,
    calls = 0,
    due = clock.now() + PATIENCE,
  }, Progress)
end

-- A line that stays until the work is over.
local Said = {}
Said.__index = Said
function Said:finish() Progress.finish(self) end

--- Says what is done meanwhile, where somebody watches, of work that cannot say how far it is.
---@param label string|false  false: nothing is said
---@return {finish: fun(self: table)}
function M.say(label)
  if not label or not terminal.isTerminal(2) or os.getenv("TERM") == "dumb" then return silent end
  io.stderr:write("\r", label:sub(1, terminal.width(2) - 1), "\27[K")
  io.stderr:flush()
  return setmetatable({ drawn = true }, Said)
end

return M
