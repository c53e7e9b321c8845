-- SPDX-License-Identifier: MIT
--
-- The peers: what measures each of them, where its data are, and whether it is here.

local measure = require "measure"
local temp = require "support.temp"

local M = {}

local here = arg[0]:match("^(.*)/") or "."
local quoted = measure.quoted

local function succeeds(command) return os.execute(command .. " >/dev/null 2>&1") == 0 end

local function firstLine(command)
  local pipe = assert(io.popen(command .. " 2>/dev/null"))
  local line = pipe:read("*l")
  pipe:close()
  return line or ""
end

local function script(name) return quoted(here .. "/peers/" .. name) end

-- What begins a program in C, or nil and what is missing.
local function program(name, package)
  local path = measure.build .. "/tests/hf_peer_" .. name
  if succeeds("test -x " .. quoted(path)) then return quoted(path) end
  return nil, package .. " was not there when this was built"
end

-- A folder for a store that is a part of the program; durable or not, it is the same.
local function embedded(name)
  local dir = measure.folder("peer-" .. name)
  return function() return dir end
end

-- What begins a script for Node, with the npm package, or nil and what is missing.
local function node(name, package, flags)
  if not succeeds "command -v node" then return nil, "there is no node" end
  local has = ("cd %s && node -e %s"):format(quoted(M.packages), quoted(("require(%q)"):format(package)))
  if not succeeds(has) then
    return nil, package:find("^node:") and "this node has none" or "it is not installed; --npm installs it"
  end
  return ("HOLDFAST_PEER_PACKAGES=%s node --expose-gc --no-warnings %s %s"):format(quoted(M.packages), script(name),
    flags or "")
end

local function nodeVersion(package)
  local text = temp.readFile(("%s/node_modules/%s/package.json"):format(M.packages, package))
  return text:match('"version": "([^"]+)"')
end

local servers = {}

local function server(kind, ...)
  local support = require("support." .. kind)
  if not support.isInstalled then return nil, "it is not installed" end
  support.lifetime = 3600
  local started = support.start(...)
  servers[#servers + 1] = started
  return started
end

-- Each gives what begins its command line, and place(isDurable); or nil and what is missing.  `texts`: it also reads
-- without decoding; `indexed`: it
-- has indexes.  finish() is called when the data are loaded.
local PEERS = {
  {
    name = "SQLite", title = "SQLite %s, in C", texts = true, indexed = true,
    version = function() return firstLine "pkg-config --modversion sqlite3" end,
    find = function()
      local command, missing = program("sqlite", "libsqlite3-dev")
      return command, command and embedded "sqlite" or missing
    end,
  },
  {
    name = "better-sqlite3", title = "better-sqlite3 %s", version = function() return nodeVersion "better-sqlite3" end,
    find = function()
      local command, missing = node("sqlite.mjs", "better-sqlite3")
      return command, command and embedded "better-sqlite3" or missing
    end,
  },
  {
    name = "node:sqlite", title = "node:sqlite of %s", version = function() return firstLine "node --version" end,
    find = function()
      local command, missing = node("sqlite.mjs", "node:sqlite", "--builtin")
      return command, command and embedded "node-sqlite" or missing
    end,
  },
  {
    name = "lmdb for Node", title = "lmdb %s for Node", version = function() return nodeVersion "lmdb" end,
    find = function()
      local command, missing = node("lmdb.mjs", "lmdb")
      return command, command and embedded "lmdb" or missing
    end,
  },
  {
    name = "Tarantool", title = "Tarantool %s", indexed = true,
    version = function() return firstLine("tarantool --version"):match("%d[%d.]*") end,
    find = function()
      if not succeeds "command -v tarantool" then return nil, "it is not installed" end
      return "tarantool " .. script "tarantool.lua", embedded "tarantool"
    end,
  },
  {
    name = "PostgreSQL", title = "PostgreSQL %s, in C", texts = true, isServer = true, indexed = true,
    version = function() return firstLine("psql --version"):match("%d[%d.]*") end,
    find = function(self)
      local command, missing = program("postgres", "libpq-dev")
      if not command then return nil, missing end
      local started, why = server("postgres", "shared_buffers=512MB\nmax_wal_size=4GB")
      if not started then return nil, why end
      self.finish = function() started:psql "VACUUM ANALYZE e" end
      return command, function() return started:url() end
    end,
  },
  {
    name = "Redis", title = "Redis %s, in C", texts = true, isServer = true,
    version = function() return firstLine("redis-server --version"):match("v=(%S+)") end,
    find = function()
      local command, missing = program("redis", "libhiredis-dev")
      if not command then return nil, missing end
      local durable, why = server("redis", "--appendonly yes --appendfsync always")
      if not durable then return nil, why end
      local other = server "redis"
      return command, function(isDurable) return "127.0.0.1:" .. (isDurable and durable or other).port end
    end,
  },
}

--- Holdfast itself, by a script, and where it is about texts, by its C API.
function M.holdfast()
  return {
    name = "Holdfast", texts = true, indexed = true, command = measure.interpreter .. script "holdfast.lua",
    inC = { getText = measure.commands.c .. " get", valuesText = measure.commands.c .. " walk" },
    place = embedded "holdfast",
  }
end

--- Those that are here, each with `command` and `place`; of the others it says why not.
---@return table[]
function M.present()
  local found = {}
  for _, peer in ipairs(PEERS) do
    local command, place = peer:find()
    if command then
      peer.command, peer.place = command, place
      peer.name = peer.title:format(peer.version() or "")
      found[#found + 1] = peer
    else
      io.stderr:write("bench: ", peer.name, ": ", place, ": left out\n")
    end
  end
  return found
end

--- Has npm install what package.json names, into the folder of the packages, which stays.
function M.install()
  if not succeeds "command -v npm" then
    io.stderr:write("bench: there is no npm: nothing is installed\n")
    return
  end
  measure.progress("npm install, in %s", M.packages)
  -- Where Node's headers are installed they need not be fetched for what npm compiles.
  local ok = succeeds(([[cp %s %s/package.json && cd %s && { [ ! -e /usr/include/node/node.h ] ||
    export npm_config_nodedir=/usr; } && npm install --no-audit --no-fund]]):format(script "package.json",
    quoted(M.packages), quoted(M.packages)))
  if not ok then io.stderr:write("bench: npm could not install its packages: going on without them\n") end
end

--- The folder of the npm packages, which is made.
function M.usePackages()
  M.packages = measure.build .. "/bench-peers"
  os.execute("mkdir -p " .. quoted(M.packages))
end

function M.stopServers()
  for _, started in ipairs(servers) do started:stop() end
  servers = {}
end

return M
