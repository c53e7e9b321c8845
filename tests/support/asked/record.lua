-- SPDX-License-Identifier: MIT
--
-- Writes down all that can be seen of a loop that asks a predicate: what it lets through, in which order, what is
-- raised and when, what the predicate and the loop's body do to their variables, to globals and to a log, and where
-- they yield. Two loops are the same when their records are.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local tampering = require "support.asked.tampering"

local M = {}

local null, isArray = holdfast.null, holdfast.json.isArray

-- A predicate's own replacements are not ours.
local error, getmetatable, ipairs, pairs, pcall, tostring, type =
  error, getmetatable, ipairs, pairs, pcall, tostring, type
local format, gsub, concat, sort = string.format, string.gsub, table.concat, table.sort
local create, resume, status, globals = coroutine.create, coroutine.resume, coroutine.status, getfenv(0)

-- ---- values as text

local text

local function tableText(value, around)
  if around[value] then return "<itself>" end
  around[value] = true
  local out, keys = {}, {}
  for key in pairs(value) do keys[#keys + 1] = { key, text(key, around) } end
  sort(keys, function(a, b) return a[2] < b[2] end)
  for i, key in ipairs(keys) do out[i] = key[2] .. "=" .. text(value[key[1]], around) end
  around[value] = nil
  local ends = isArray(value) and "[%s]" or getmetatable(value) and "<%s>" or "{%s}"
  return format(ends, concat(out, ","))
end

--- All of a value: also the sign of a zero.  Of a table all that is in it; of a function that it is one.
---@param value any
---@return string
function text(value, around)
  local kind = type(value)
  if kind == "number" then return value ~= value and "nan" or format("%.17g", value) end
  if kind == "string" then return format("%q", value) end
  if kind == "table" then return tableText(value, around or {}) end
  if value == null then return "null" end
  if kind == "function" then return kind end
  return tostring(value)
end
M.text = text

-- What was raised: its code, message and entity.  A predicate's error says which operation asked, and for which entity
-- where that has ids; neither is compared.
local function raisedText(raised)
  if not core.isError(raised) then return "raised " .. gsub(text(raised), "0x%x+", "0x") end
  local message = gsub(gsub(tostring(raised.message), "^%l+: the predicate raised: ", ""), "0x%x+", "0x")
  local id = raised.code ~= "script" and raised.entityId or nil
  return format("error %s %s %s:%s", raised.code, message, tostring(raised.entityName), tostring(id))
end

-- ---- a loop

local MOST_ERRORS = 1000

--- Goes through a loop: what is raised does not end it, as `for` would, but the body does by giving true.
---@param next fun(): ...
---@param body? fun(n: integer, value: any): boolean?
---@param note fun(...)
function M.walk(next, body, note)
  local n, errors = 0, 0
  local function step(ok, first, second, third, fourth)
    if not ok then
      errors = errors + 1
      note(raisedText(first))
      return errors < MOST_ERRORS
    end
    if first == nil then return false end
    n = n + 1
    note("got ", text(first), " ", text(second), " ", text(third), " ", text(fourth))
    local value = second == nil and first or second
    local done, stop = pcall(body or note, n, value)
    if not done then note("body ", raisedText(stop)) end
    return not (done and stop)
  end
  while step(pcall(next)) do end
end

--- Calls something, and writes down what it gives or raises.
function M.call(note, fn, ...)
  local function take(ok, first, second)
    if not ok then return note(raisedText(first)) end
    note("gave ", text(first), " ", text(second))
  end
  return take(pcall(fn, ...))
end

-- ---- a run

local function driver(run, note)
  local co = create(run)
  while true do
    local ok, yielded = resume(co)
    if not ok then error(yielded, 0) end
    if status(co) == "dead" then return end
    note("yield ", text(yielded))
  end
end

-- What a chunk of predicates.lua is given.
local function library(note)
  local lib = { null = null, holdfast = holdfast }
  function lib.log(value)
    note("log ", text(value))
    return value
  end
  return lib
end

--- Makes the functions of a chunk, has them run, and gives the record.
---@param chunk function
---@param run fun(predicate: function, body: function, note: fun(...), variables: function, record: string[])
---@return string[]
function M.of(chunk, run)
  local record, n = {}, 0
  local function note(...)
    n = n + 1
    record[n] = concat({ ... })
  end
  local lib = library(note)
  local tamper, undo = tampering.new(note)
  lib.tamper = tamper
  globals.global1 = 7
  local predicate, body, variables = chunk(lib)
  local ok, raised = pcall(driver, function() run(predicate, body, note, variables, record) end, note)
  undo()
  if not ok then error(raised, 0) end
  note("variables ", text(variables()), " ", text(globals.global1))
  globals.global1 = nil
  return record
end

--- The first place in which two records differ, with what stands there; nil if there is none.
---@param a string[]
---@param b string[]
---@return integer? place
---@return string? ofA
---@return string? ofB
function M.difference(a, b)
  for i = 1, math.max(#a, #b) do
    if a[i] ~= b[i] then return i, a[i] or "the end", b[i] or "the end" end
  end
end

return M
