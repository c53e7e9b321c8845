-- SPDX-License-Identifier: MIT
--
-- How bench.lua measures: a measurement is a process of its own, which prints numbers on one line, over a store in a
-- folder that is new for it and removed in the end.

local clock = require "clock"

local M = {}

local here = arg[0]:match("^(.*)/") or "."
local started = clock.now()

--- A word for the shell that stands for exactly this text.
---@param text string
---@return string
function M.quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
local quoted = M.quoted

--- What a command of the shell prints.
---@param command string
---@return string
---@raise  if that is nothing
function M.run(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("*a")
  pipe:close()
  if output == "" then error("failed: " .. command, 0) end
  return output
end
local run = M.run

local build = os.getenv("HOLDFAST_BUILD") or "build"

--- The build folder.
M.build = build

local program = quoted(build .. "/tests/hf_bench")
local executable = run("readlink /proc/$PPID/exe"):match("^[^\n]+")

--- What runs a script as this one is run.
M.interpreter = quoted(executable) .. (executable:match("/holdfast$") and " run " or " ")

--- The programs that measure, and those that are added.
M.commands = {
  raw = program .. " raw",
  look = program .. " look",
  lead = program .. " lead",
  together = program .. " together",
  c = program .. " c",
  where = program .. " where",
  find = program .. " find",
  keep = program .. " keep",
  changes = program .. " changes",
  watch = program .. " watch",
  past = program .. " past",
  expiry = program .. " expiry",
  script = program .. " script",
  file = program .. " file",
  redis = program .. " redis",
  postgres = program .. " postgres",
  lua = M.interpreter .. quoted(here .. "/bench_lua.lua"),
  findLua = M.interpreter .. quoted(here .. "/bench_find.lua"),
  ask = M.interpreter .. quoted(here .. "/bench_ask.lua"),
  host = M.interpreter .. quoted(here .. "/bench_host.lua"),
}

-- What precedes each command.
local clockOf = ""

--- Has all that follows measure the processor's time.
function M.byProcessor() clockOf = "HOLDFAST_BENCH_CPU=1" end

--- One measurement.
---@param who string     which of the commands
---@param what string    of what it measures
---@param dir string     the store
---@param flags? string  further options of hf_bench
---@return number ...    what it prints
function M.once(who, what, dir, flags)
  local command = table.concat({ clockOf, M.commands[who], what, "-d", quoted(dir), flags or "" }, " ")
  local output, numbers = run(command), {}
  for number in output:gmatch("%S+") do numbers[#numbers + 1] = tonumber(number) end
  if #numbers == 0 then error("failed: " .. command .. ": " .. output, 0) end
  return unpack(numbers)
end

--- Rounds of measurements.  Round n has seed n.  Each begins with another one, so that none always runs after the same
--- other.
---@param n integer
---@param dir string   the store
---@param list table[] {key, who, what, flags}
---@return table<string, number[]>  the samples of each key
function M.rounds(n, dir, list)
  local samples = {}
  for _, m in ipairs(list) do samples[m[1]] = {} end
  for round = 1, n do
    for i = 1, #list do
      local m = list[(i + round) % #list + 1]
      samples[m[1]][round] = M.once(m[2], m[3], dir, string.format("-s %d %s", round, m[4] or ""))
    end
  end
  return samples
end

-- ------------------------------------------------------------------ folders

local base = build .. "/bench-data"
local made = {}

--- The folder in which the stores are made; without it one in the build folder.
---@param dir? string
---@return table  the module
function M.into(dir)
  base = dir or base
  return M
end

--- The path of a folder that does not exist, but may be made.
---@param name string
---@return string
function M.folder(name)
  local dir = base .. "/" .. name
  os.execute("rm -rf " .. quoted(dir) .. " && mkdir -p " .. quoted(base))
  made[dir] = true
  return dir
end

function M.discard(dir)
  os.execute("rm -rf " .. quoted(dir))
  made[dir] = nil
end

--- Removes all that is still there.
function M.discardAll()
  for dir in pairs(made) do os.execute("rm -rf " .. quoted(dir)) end
  os.execute("rmdir " .. quoted(base) .. " 2>/dev/null")
end

--- A store with that many signals, spread over as many entity names.
---@param name string   of its folder
---@param count integer
---@param names? integer
---@return string  the folder
function M.filled(name, count, names)
  local dir = M.folder(name)
  M.once("lua", "fill", dir, string.format("-n %d -k %d", count, names or 1))
  return dir
end

-- -------------------------------------------------------------------- words

--- Seconds since the start.
function M.elapsed() return (clock.now() - started) / 1e6 end

--- Says what is being done, for people who wait.
function M.progress(...)
  io.stderr:write(string.format("%4.0f s  ", M.elapsed()), string.format(...), "\n")
end

--- 100000 as "100,000".
---@param n integer
---@return string
function M.grouped(n)
  local text = tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

return M
