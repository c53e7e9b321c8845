-- SPDX-License-Identifier: MIT
--
-- The process that the demo kills, from both sides.  It trades, and its listeners append what they get to a journal, a
-- file outside of the store: it stands for the world, which does not forget what it was given.  So the journal takes
-- each event once, by its id: what was delivered just before a kill may be delivered again after it.
--
-- To its parent it says a line for each thing that happens, a word and what belongs to it:
--
--     pid N           first of all
--     minute MS       before it begins a minute
--     restored JSON   {what=, price=, signal=}: what a process before it has left
--     heard ID        this event is in the journal now
--     again ID        this event was in it already
--     error MESSAGE   the host reports one
--     refused CODE MESSAGE   it cannot begin
--     done            the last minute is over
--     status N        how it ended, said by the shell around it

local ffi = require "ffi"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local demoHost = require "demo.host"

local M = {}

ffi.cdef [[
typedef struct { long s, ns; } demo_time;
int demo_clock(int, demo_time *) __asm__("clock_gettime");
int demo_sleep(const demo_time *, demo_time *) __asm__("nanosleep");
int demo_kill(int, int) __asm__("kill");
int demo_pid(void) __asm__("getpid");
]]

local instant = ffi.new("demo_time")

--- Milliseconds since some moment.
---@return number
function M.now()
  ffi.C.demo_clock(1, instant)
  return tonumber(instant.s) * 1e3 + tonumber(instant.ns) / 1e6
end

---@param ms number
function M.sleep(ms)
  if ms <= 0 then return end
  instant.s, instant.ns = math.floor(ms / 1e3), math.floor(ms % 1e3 * 1e6)
  ffi.C.demo_sleep(instant, nil)
end

-- ------------------------------------------------------------------- journal

--- The events in a journal from some place on, and the place where they end.
---@param path string
---@param place integer  0 at first
---@return table[] events
---@return integer place
function M.readJournal(path, place)
  local list, file = {}, io.open(path, "rb")
  if not file then return list, place end
  file:seek("set", place)
  for line in file:read("*a"):gmatch("([^\n]*)\n") do
    place = place + #line + 1
    local ok, event = pcall(holdfast.json.decode, line)
    if ok then list[#list + 1] = event end -- the line that a kill has cut off is none
  end
  file:close()
  return list, place
end

local function openJournal(path)
  local known, events = {}, M.readJournal(path, 0)
  for _, event in ipairs(events) do known[event.id] = true end
  local file = assert(io.open(path, "ab"))
  if file:seek("end") > 0 then
    local last = assert(io.open(path, "rb"))
    last:seek("end", -1)
    if last:read(1) ~= "\n" then file:write("\n") end
    last:close()
  end
  return file, known
end

-- --------------------------------------------------------------------- child

local function say(word, rest)
  io.write(word, " ", rest or "", "\n")
  if not io.flush() then os.exit(1) end -- nobody is there any more
end

--- Trades, and says so on standard output.
---@param world demo.World
---@param options { store: string, journal: string, from: number, till: number, pace: number }  folder and file; ms: the
--- first minute and the last; and how long a minute takes
---@return boolean ok
function M.serve(world, options)
  say("pid", ffi.C.demo_pid())
  holdfast.adapters.useAll("lmdb:" .. options.store)
  local journal, known = openJournal(options.journal)

  -- In the first minute only what was found is active: what opens in it, opens.
  local restored = {}
  local function found(what, signal, price)
    if host.now() ~= options.from or restored[signal.id] then return end
    restored[signal.id] = true
    say("restored", holdfast.json.encode { what = what, signal = signal, price = price })
  end
  demoHost.define(world, {
    onActive = function(_, signal, price) found("open", signal, price) end,
    onSchedule = function(_, signal, price)
      if signal.scheduledAt < options.from then found("scheduled", signal, price) end
    end,
  })

  local function hear(event)
    if not event.id then return end -- a minute in which nothing changed
    if known[event.id] then return say("again", event.id) end
    known[event.id] = true
    journal:write(holdfast.json.encode(event), "\n")
    journal:flush()
    say("heard", event.id)
  end
  host.listenSignalLive(hear)
  host.listenPartial(hear)
  host.listenError(function(failure) say("error", failure.message) end)

  local start, count = M.now(), 0
  local ok, failure = pcall(demoHost.replay, world, options.from, options.till, function(minute)
    M.sleep(start + count * options.pace - M.now())
    count = count + 1
    say("minute", ("%d"):format(minute))
  end)
  if not ok and not failure.code then error(failure, 0) end
  if ok then say("done") else say("refused", failure.code .. " " .. failure.message) end
  return ok
end

-- -------------------------------------------------------------------- parent

function M.quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- What a command prints, without the white space at its end.
function M.shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("%s+$", ""))
end

---@class demo.Process
---@field pid integer
local Process = {}
Process.__index = Process

--- Starts this script once more.
---@param words string[]  its arguments
---@return demo.Process
function M.start(words)
  local command = { M.quote(M.shell("readlink /proc/$PPID/exe")), "run", M.quote(arg[0]) }
  for _, word in ipairs(words) do command[#command + 1] = M.quote(word) end
  -- A shell tells how it ended.  Its own remark ("Killed") is not wanted, the process's complaints are.
  local pipe = assert(io.popen([[exec sh -c '(exec "$@" 2>&3); echo status $?' sh ]] .. table.concat(command, " ")
    .. " 3>&2 2>/dev/null"))
  local self = setmetatable({ pipe = pipe }, Process)
  local word, pid = self:read()
  if word ~= "pid" then error("the process did not start", 0) end
  self.pid = tonumber(pid)
  return self
end

--- The next thing that it says; nil when it has ended.
---@return string? word
---@return string? rest
function Process:read()
  local line = self.pipe:read("*l")
  if not line then
    self.pipe:close()
    return
  end
  return line:match("^(%S+) ?(.*)$")
end

function Process:kill() ffi.C.demo_kill(self.pid, 9) end

return M
