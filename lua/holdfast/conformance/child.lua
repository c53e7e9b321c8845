-- SPDX-License-Identifier: MIT
--
-- What a piece of Lua in another process works with: it ends itself in the middle of things, meets the other one of
-- two, has a disk that is full, and leaves in a file of its own how it ended.  What it prints says nothing: adapters,
-- and the libraries below them, may write what they like.
--
-- Compiled code keeps values of memory in registers, and two processes look at one memory here: nothing is compiled.

local core = require "holdfast.core"
local ffi = require "ffi"
local now = require("holdfast.util.clock").now
local process = require "holdfast.util.process"

ffi.cdef [[
int hf_conformance_kill(int pid, int signal) __asm__("kill");
unsigned hf_conformance_alarm(unsigned seconds) __asm__("alarm");
unsigned hf_conformance_ualarm(unsigned first, unsigned further) __asm__("ualarm");
int hf_conformance_nap(unsigned microseconds) __asm__("usleep");
int hf_conformance_open(const char *path, int flags, ...) __asm__("open");
void *hf_conformance_mmap(void *at, size_t size, int protection, int flags, int fd, long offset) __asm__("mmap");
int hf_conformance_getaffinity(int pid, size_t size, uint8_t *mask) __asm__("sched_getaffinity");
int hf_conformance_setaffinity(int pid, size_t size, const uint8_t *mask) __asm__("sched_setaffinity");
struct hf_conformance_limit { unsigned long now, most; };
int hf_conformance_getrlimit(int resource, struct hf_conformance_limit *limit) __asm__("getrlimit");
int hf_conformance_setrlimit(int resource, const struct hf_conformance_limit *limit) __asm__("setrlimit");
long hf_conformance_signal(int signal, long handler) __asm__("signal");
]]

local KILL, FILE_TOO_LARGE, IGNORE = 9, 25, 1 -- signals, and what to do with one
local FILE_SIZE = 1 -- RLIMIT_FSIZE
local READ_WRITE, SHARED = 3, 1 -- of mmap
local PATIENCE = 10 -- seconds that one waits for the other
local CPU_BYTES = 128 -- of a set of processors
local STEPS = 500 -- at which two can meet
local NAP, AHEAD, AWAKE = 30, 0.0004, 0.0001 -- microseconds; seconds

-- Where two processes meet: how far each has come, and for each step the moment at which both go on.
local PLACE = "struct { int32_t step[2 * 16]; double moment[" .. STEPS + 1 .. "]; }"

local M = {}

local Child = {}
Child.__index = Child

-- Stays on a processor that the other one of two does not take, where there are two: on one and the same the second
-- would begin when the first has done.
local function takeProcessor(me)
  local allowed, mine, n = ffi.new("uint8_t[?]", CPU_BYTES), ffi.new("uint8_t[?]", CPU_BYTES), 0
  ffi.C.hf_conformance_getaffinity(0, CPU_BYTES, allowed)
  for cpu = 0, CPU_BYTES * 8 - 1 do
    local byte, flag = math.floor(cpu / 8), bit.lshift(1, cpu % 8)
    if bit.band(allowed[byte], flag) ~= 0 then
      n = n + 1
      if n == me then
        mine[byte] = flag
        ffi.C.hf_conformance_setaffinity(0, CPU_BYTES, mine)
      end
    end
  end
end

--- The file in which two processes meet, before they are started.
---@param path string
function M.makeMeetingPlace(path)
  local file = assert(io.open(path, "wb"))
  file:write(("\0"):rep(ffi.sizeof(PLACE)))
  file:close()
end

---@param seconds number  after which it is ended: an adapter may wait for ever
---@param result string   the file for how it ended
---@param place string    where it meets the other one, "" for none
---@param me integer      1 or 2
function M.new(seconds, result, place, me)
  local self = setmetatable({ result = result, me = me }, Child)
  ffi.C.hf_conformance_alarm(math.ceil(seconds))
  if place ~= "" then
    local fd = ffi.C.hf_conformance_open(place, 2)
    local memory = ffi.C.hf_conformance_mmap(nil, ffi.sizeof(PLACE), READ_WRITE, SHARED, fd, 0)
    takeProcessor(me)
    self.place = ffi.cast(ffi.typeof("volatile $ *", ffi.typeof(PLACE)), memory)
  end
  return self
end

--- Leaves what is known of how it ended.
function Child:say(word, text)
  local file = assert(io.open(self.result, "wb"))
  file:write(word, " ", text or "", "\n")
  file:close()
end

--- Ends the process here and now.
function Child:kill()
  self:say("killed")
  ffi.C.hf_conformance_kill(process.id(), KILL)
end

--- Ends the process in so many seconds, wherever it is then.
function Child:killIn(seconds)
  self:say("killed")
  ffi.C.hf_conformance_ualarm(math.floor(seconds * 1e6), 0)
end

-- Until condition() holds.  Who sleeps is woken in time even on a machine that is busy; who only yields is not.
local function await(condition, step)
  local deadline = now() + PATIENCE
  while not condition() do
    ffi.C.hf_conformance_nap(NAP)
    if now() > deadline then error(core.error("timeout", "the other process does not come to step " .. step), 0) end
  end
end

--- Goes on when the other process is at this step too: both at the same moment.
---@param step integer  1 to 500
function Child:meet(step)
  local place, me, other = self.place, (self.me - 1) * 16, (2 - self.me) * 16
  place.step[me] = step
  if self.me == 1 then
    await(function() return place.step[other] >= step end, step)
    place.moment[step] = now() + AHEAD
  else
    await(function() return place.moment[step] > 0 or place.step[other] > step end, step)
  end
  local moment = place.moment[step]
  while now() < moment do
    if now() < moment - AWAKE then ffi.C.hf_conformance_nap(NAP) end
  end
end

--- Lets the other one go on, who would wait at every further step.
function Child:leave()
  if self.place then self.place.step[(self.me - 1) * 16] = 2 ^ 31 - 1 end
end

--- From here on files cannot grow beyond so many bytes, as on a disk that is full; nil: they can again.
function Child:limitFiles(bytes)
  ffi.C.hf_conformance_signal(FILE_TOO_LARGE, IGNORE)
  local limit = ffi.new("struct hf_conformance_limit")
  ffi.C.hf_conformance_getrlimit(FILE_SIZE, limit)
  limit.now = bytes or limit.most
  ffi.C.hf_conformance_setrlimit(FILE_SIZE, limit)
end

jit.off(true, true)

return M
