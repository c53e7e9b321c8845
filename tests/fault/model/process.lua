-- SPDX-License-Identifier: MIT
--
-- A process that runs a host, of which many can live, die and overlap in this one: each has the modules of
-- lua/holdfast/host loaded once more, as if it had just begun, with a libuv whose time is simulated.  Killing it throws
-- them away; what the system does when a process ends (it frees its locks) is done for it.
--
-- The modules are read from the source folder, so that a mutant (mutants.lua) can change a line of them.

local adapters = require "holdfast.adapters"
local core = require "holdfast.core"

local M = {}

local folder = assert(os.getenv "HOLDFAST_SOURCE", "HOLDFAST_SOURCE is the source folder") .. "/lua/"

---@class model.Process
---@field host table       the module holdfast.host, its own
---@field dead boolean     killed: nothing that it still does has an effect
---@field since number     the true time at which it began
---@field started boolean

local texts, names = {}, {}

local function load()
  local list = assert(io.popen(("cd '%s' && find holdfast/host -name '*.lua'"):format(folder)))
  for path in list:lines() do
    local name = path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    local file = assert(io.open(folder .. path))
    texts[name] = file:read("*a")
    names[#names + 1] = name
    file:close()
  end
  list:close()
  assert(names[1], "there are no modules in " .. folder)
end
load()

local function compile(name, text) return assert(loadstring(text, "@lua/" .. name:gsub("%.", "/") .. ".lua")) end

local chunks = {}
for _, name in ipairs(names) do chunks[name] = compile(name, texts[name]) end

local function replace(text, from, to, what)
  local first, last = text:find(from, 1, true)
  assert(first, ("mutant '%s': its line is not there any more: %s"):format(what, from))
  assert(not text:find(from, last + 1, true), ("mutant '%s': its line is there twice: %s"):format(what, from))
  return text:sub(1, first - 1) .. to .. text:sub(last + 1)
end

--- The chunks of a mutant.
---@param mutant { name: string, module: string, from: string, to: string }
---@return table<string, function>
function M.mutate(mutant)
  local name = "holdfast.host." .. mutant.module
  return { [name] = compile(name, replace(assert(texts[name], name), mutant.from, mutant.to, mutant.name)) }
end

-- The modules of a host, loaded once more.
local function fresh(changed)
  for name in pairs(package.loaded) do
    if name:find "^holdfast%.host" then package.loaded[name] = nil end
  end
  for _, name in ipairs(names) do package.preload[name] = changed and changed[name] or chunks[name] end
  local host = require "holdfast.host"
  for _, name in ipairs(names) do package.preload[name] = nil end
  return host
end

-- What a process holds of this one is noted, to be let go of when it is killed.  None waits for another: time that
-- passes here is simulated, and none of them would do anything meanwhile.
local acting
local lease, hold = core.lease, adapters.hold

-- Locks that are held, where they are simulated: by path.
local held, isReal = {}, true

local Lease = {}
Lease.__index = Lease

function Lease:check() -- luacheck: ignore 212
end

function Lease:release()
  if held[self.path] == self then held[self.path] = nil end
end

local function simulated(path, who)
  if held[path] then error(core.error("busy", path .. " is held by " .. held[path].who), 0) end
  held[path] = setmetatable({ path = path, who = who }, Lease)
  return held[path]
end

--- Whether locks of runs are lock files, as they are for a host, or simulated as the others are, which takes no time.
---@param real boolean
function M.useLockFiles(real) isReal = real end

function core.lease(path, who) -- luacheck: ignore 122
  if not acting then return lease(path, who, 0) end
  local isOfRun = path:find("/signal/", 1, true) -- the others are held for a moment
  local got = (isReal and isOfRun and lease or simulated)(path, who, 0)
  acting.leases[got] = true
  return got
end

function adapters.hold(what) -- luacheck: ignore 122
  local release = hold(what)
  if acting then acting.holds[release] = true end
  return release
end

--- The process that acts just now, if any.
---@return model.Process?
function M.acting() return acting end

--- Has a process do something.
---@param process? model.Process
---@param fn function
function M.act(process, fn, ...)
  local before = acting
  acting = process
  local function finish(ok, ...)
    acting = before
    if not ok then error((...), 0) end
    return ...
  end
  return finish(pcall(fn, ...))
end

--- Begins one.
---@param uv table            its libuv
---@param changed? table      the chunks of a mutant
---@param setUp fun(host: table, process: model.Process)  adds strategies and listeners, and starts them
---@return model.Process
function M.start(uv, changed, setUp)
  local process = { dead = false, started = false, leases = setmetatable({}, { __mode = "k" }), holds = {} }
  package.loaded.luv = uv(process)
  process.host = fresh(changed)
  process.loop = package.loaded["holdfast.host.scheduler.loop"]
  process.host.now() -- takes the libuv
  local ok, raised = pcall(M.act, process, setUp, process.host, process)
  if not ok and not process.dead then
    M.kill(process)
    error(raised, 0)
  end
  process.started = true
  return process
end

--- Throws one away, as `kill -9` does.
---@param process model.Process
function M.kill(process)
  process.dead = true
  for each in pairs(process.leases) do each:release() end
  for release in pairs(process.holds) do release() end
  process.leases, process.holds = {}, {}
  getmetatable(process.loop.ending).__gc = function() end -- it would say that the script forgot to wait
end

return M
