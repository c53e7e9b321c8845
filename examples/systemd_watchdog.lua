-- SPDX-License-Identifier: MIT
--
-- Tells systemd how a bot is: that it has started, that it lives, what it does, that it is about to end.  A bot that
-- stands still is killed and started again, and goes on from what is stored.  bot.service is a unit for it:
--
--     local watchdog = require "systemd_watchdog"
--     host.Live.background("BTCUSDT", { strategyName = "main", exchangeName = "mine" })
--     watchdog.start()
--     host.run()
--     watchdog.stopping()
--
-- A sign of life is sent by the loop that ticks, once every run has gone through a minute since the last sign, and
-- never by a timer, which would go on while a run hangs.  A run that stands still ends the signs, also while others go
-- on.  A minute that failed counts: an exchange that is down is not mended by starting the bot again.  That is in the
-- status, which `systemctl status` shows.
--
-- Where systemd is not, NOTIFY_SOCKET is not set and nothing is done.  The socket is written to here and not by
-- libsystemd, whose sd_notify waits where nobody reads: a sign of life is not worth that a bot stands still for.

local ffi = require "ffi"
local holdfast = require "holdfast"
local host = require "holdfast.host"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and other scripts make theirs.
ffi.cdef [[
  struct example_sockaddr_un { unsigned short family; char path[108]; };
  int example_socket(int domain, int type, int protocol) __asm__("socket");
  int example_close(int fd) __asm__("close");
  long example_sendto(int fd, const char *text, size_t size, int flags, const struct example_sockaddr_un *to,
    unsigned length) __asm__("sendto");
  int example_getpid(void) __asm__("getpid");
]]

local AF_UNIX, SOCK_DGRAM_CLOEXEC, MSG_DONTWAIT_NOSIGNAL = 1, 0x80002, 0x4040
local PATH_AT = 2 -- where `path` begins
local LEAST_SECONDS = 120 -- signs come once a minute, some of them late

local M = {}

-- ---- the socket

-- The address of NOTIFY_SOCKET, and its length: a path, or a name without a file, which begins with "@" there and with
-- a byte 0 in the address.
local function addressOf(name)
  if #name > 107 or not name:find("^[/@].") then
    error(holdfast.error("unsupported", ("NOTIFY_SOCKET=%s: it should be a path, or begin with @, of at most 107 bytes")
      :format(name)), 0)
  end
  local address = ffi.new("struct example_sockaddr_un", { family = AF_UNIX })
  ffi.copy(address.path, (name:gsub("^@", "\0")), #name)
  return address, PATH_AT + #name
end

--- Sends systemd lines such as "READY=1".  Where the socket is full, or gone, the lines are lost.
---@param ... string
---@return boolean sent  false: there is no systemd, or it does not listen
function M.notify(...)
  local name = os.getenv "NOTIFY_SOCKET"
  if not name or name == "" then return false end
  local address, length = addressOf(name)
  local fd = ffi.C.example_socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0)
  if fd < 0 then return false end
  local text = table.concat({ ... }, "\n")
  local sent = ffi.C.example_sendto(fd, text, #text, MSG_DONTWAIT_NOSIGNAL, address, length)
  ffi.C.example_close(fd)
  return sent == #text
end

-- ---- the runs

local seen, failed = {}, {} -- runs that have gone through a minute since the last sign; and those of which it failed

local function keyOf(run) return run.strategyName .. " on " .. run.symbol end

-- Whether each run has gone through a minute.
local function isRoundOver()
  for _, run in ipairs(host.Live.list()) do
    if not run.stopping and not seen[keyOf(run)] then return false end
  end
  return true
end

local function status(minute)
  local count, names = #host.Live.list(), {}
  for name in pairs(failed) do names[#names + 1] = name end
  table.sort(names)
  local text = ("%d run%s, %s UTC"):format(count, count == 1 and "" or "s", os.date("!%H:%M", minute / 1000))
  if names[1] then text = ("%s; no prices, or another failure: %s"):format(text, table.concat(names, ", ")) end
  return "STATUS=" .. text:gsub("[^\32-\126]", "?"):sub(1, 500)
end

local function onMinute(event)
  local key = keyOf(event)
  seen[key], failed[key] = true, event.failed or nil
  if not isRoundOver() then return end
  M.notify("WATCHDOG=1", status(event.timestamp))
  seen, failed = {}, {}
end

-- Refuses a WatchdogSec that would end a bot that is well.
local function checkInterval()
  local pid, us = tonumber(os.getenv "WATCHDOG_PID" or ""), tonumber(os.getenv "WATCHDOG_USEC" or "")
  if not us or pid and pid ~= ffi.C.example_getpid() then return end
  if us < LEAST_SECONDS * 1e6 then
    error(holdfast.error("invalid_argument", ("WatchdogSec=%g is too short: a sign of life comes once a minute, and "
      .. "later where an exchange is asked again: give it 300, and at least %d"):format(us / 1e6, LEAST_SECONDS)), 0)
  end
end

--- Says that the bot has started, and from then on, each minute, that it lives.  Call it after the runs were started.
---@return fun() stop  ends the signs of life
---@raise invalid_argument  WatchdogSec is too short
function M.start()
  checkInterval()
  seen, failed = {}, {}
  local stop = host.listenMinute(onMinute)
  M.notify("READY=1", ("STATUS=%d started"):format(#host.Live.list()))
  return stop
end

--- Says that the bot is about to end.
function M.stopping() M.notify("STOPPING=1", "STATUS=ending") end

return M
