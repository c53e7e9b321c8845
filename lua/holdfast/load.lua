-- SPDX-License-Identifier: MIT
--
-- A class out of an adapter's file or module, or the reason why there is none: one sentence that begins with the line
-- to look at.  `holdfast test FILE` loads by this, and so does a URL "lua:TARGET", whoever opens it
-- (src/lua/script/url.c).
--
-- Of the way to a fault only the author's own lines are told, in `cause`, and only where they tell more.

local core = require "holdfast.core"
local classes = require "holdfast.class"

local M = {}

local files = {} -- absolute path -> class: a file is run once in a state

-- The first so many frames of a traceback tell all.
local FRAMES_MAX = 20

local ENOENT = 2

-- `traceback` is there, and empty: nobody adds the way through our own code.
local function raise(code, message, fields)
  local err = core.error(code, message, fields)
  err.traceback = ""
  error(err, 0)
end

-- ---- what loading raised

local function isOwn(info)
  return info.source:find("^=%[holdfast") or info.source:find("/lua/holdfast/", 1, true)
    or info.source:find("^@lua/holdfast/")
end

local function place(info)
  return info.currentline > 0 and info.short_src .. ":" .. info.currentline or info.short_src
end

-- The author's frames from the fault out to our function `boundary`, innermost first.
local function ownFrames(boundary)
  local frames = {}
  for level = 2, math.huge do
    local info = debug.getinfo(level, "Slnf")
    if not info or info.func == boundary or #frames == FRAMES_MAX then return frames end
    if info.what ~= "C" and info.what ~= "tail" and not isOwn(info) then frames[#frames + 1] = info end
  end
end

-- Nil where it would only repeat the line that the message begins with.
local function tracebackOf(frames, where)
  if #frames == 0 or (#frames == 1 and where == place(frames[1])) then return nil end
  local lines = { "stack traceback:" }
  for _, info in ipairs(frames) do
    local name = info.what == "main" and "main chunk" or info.name and "function '" .. info.name .. "'"
      or ("function <%s:%d>"):format(info.short_src, info.linedefined)
    lines[#lines + 1] = ("\t%s: in %s"):format(place(info), name)
  end
  return table.concat(lines, "\n")
end

-- What `require` says in many lines, in one.  The second result: it begins with a line of a file.
local function shorten(text)
  local inner = text:match("^error loading module '.-' from file '.-':\n%s*(.*)$")
  if inner then return inner, true end
  local missing = text:match("^(.-module '[^'\n]*' not found):\n")
  return missing or text, false
end

local function positionIn(text) return text:match("^([^\n]-:%d+): ") end

-- The text, with a line in front of it, and that line.
local function locate(text, frames)
  local short, located = shorten(text)
  for _, info in ipairs(frames) do
    if located then break end
    located = short:sub(1, #info.short_src + 1) == info.short_src .. ":"
  end
  if located then return short, positionIn(short) end
  if not frames[1] then return short, nil end
  return place(frames[1]) .. ": " .. short, place(frames[1])
end

-- What was raised, as an error object that says where; one that was raised as such keeps its code and fields.
local function explain(raised, boundary)
  local frames = ownFrames(boundary)
  local known = core.isError(raised)
  local text = known and raised.message or core.traceback(raised).message
  local message, where = locate(text, frames)
  local err = core.error(known and raised.code or "script", message, { where = where or known and raised.where or nil })
  err.traceback = ""
  for _, field in ipairs { "entityName", "entityId", "backend", "retryable", "cause" } do
    if known then err[field] = raised[field] end
  end
  err.cause = err.cause or tracebackOf(frames, where)
  return err
end

-- ---- running

-- The modules whose loading has begun and not ended: `require` would not try them again after a failure.  Its mark on
-- them is a light userdata, whose type is "number" in some builds of LuaJIT.
local function halfLoaded()
  local names = {}
  for name, value in pairs(package.loaded) do
    local kind = type(value)
    if kind == "userdata" or kind == "number" then names[name] = true end
  end
  return names
end

-- Calls what has the author's code in it, and gives what that returns.
local function run(fn, ...)
  local before = halfLoaded()
  local ok, result = xpcall(fn, function(raised) return explain(raised, run) end, ...)
  if ok then return result end
  for name in pairs(halfLoaded()) do
    if not before[name] then package.loaded[name] = nil end
  end
  error(result, 0)
end

-- Says why the file cannot be compiled.
local function refuse(path, problem)
  local file, reason, number = io.open(path, "rb")
  if not file then
    if number == ENOENT then raise("not_found", "there is no adapter file " .. path) end
    raise("io", "cannot read the adapter file " .. reason)
  end
  local ok, unreadable = file:read(0)
  file:close()
  if not ok and unreadable then raise("io", ("cannot read the adapter file %s: %s"):format(path, unreadable)) end
  if problem:find("bytecode", 1, true) then
    problem = problem .. ": give the source, or what " .. jit.version .. " has compiled"
  end
  raise("script", problem, { where = positionIn(problem) or path })
end

local function describe(value)
  if value == nil then return "nothing" end
  return type(value) == "table" and rawget(value, 0) and "an instance" or "a " .. type(value)
end

-- The class, if it is one that instances can be made of.
--   where  the file to look at; nil: the caller's line
local function check(target, value, where)
  if not classes.isClass(value) then
    raise("invalid_argument", ("%s returned %s: an adapter returns its class, made with "
      .. "holdfast.PersistBase:extend(\"Name\")"):format(target, describe(value)), { where = where })
  end
  if classes.isNative(value) then return value end
  local ok, raised = pcall(classes.checkComplete, value)
  if not ok then raise(raised.code, target .. ": " .. raised.message, { where = where }) end
  return value
end

--- The class that a file returns.
---@param path string
---@param absolute? string  the file's one name, so that it is run once in this state; otherwise it is run again
---@return table class
---@raise not_found, io, script, invalid_argument, and what the file raises
function M.file(path, absolute)
  local class = absolute and files[absolute]
  if class then return class end
  local chunk, problem = loadfile(path)
  if not chunk then refuse(path, problem) end
  class = check(path, run(chunk), path)
  if absolute then files[absolute] = class end
  return class
end

--- The class that a module returns.
---@param name string
---@return table class
---@raise script, invalid_argument, and what the module raises
function M.module(name)
  local ok, class = pcall(run, require, name)
  if not ok and class.message == "module '" .. name .. "' not found" then
    raise("script", class.message .. " where Lua looks for modules; an adapter's file ends in .lua: lua:./adapter.lua")
  end
  if not ok then error(class, 0) end
  if class == true then class = nil end -- which require makes of nothing
  return check("'" .. name .. "'", class)
end

return M
