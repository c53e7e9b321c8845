-- SPDX-License-Identifier: MIT
--
-- How busted reports here: nothing of what passes in time, and of what fails one line first, which says where, what was
-- expected and what came, as soon as it happens; then the rest of the message, and the traceback.  So the first lines
-- of a failed test say what broke, and `./dev test` finds them by their first word, FAIL.  The last line counts.

local pretty = require "pl.pretty"

local SHORT = 100 -- columns of a value that is said in the first line
local SLOW = 10 -- seconds after which one that passed is said, too: ctest ends what takes too long without a word

-- How the first line begins for the assertions of luassert that compare two values.
local COMPARED = {
  ["Expected objects to be equal."] = "expected ",
  ["Expected objects to be the same."] = "expected ",
  ["Expected strings to match."] = "expected a match of ",
  ["Expected values to be near."] = "expected about ",
  ["Expected a different error."] = "expected the error ",
}

local function isShort(text) return #text <= SHORT and not text:find "\n" end

local function indented(text) return "    " .. text:gsub("\n", "\n    ") end

-- The message as text, without the place that Lua puts before it.
local function textOf(message)
  if message == nil then return "an error that is nil" end
  if type(message) == "table" and not (getmetatable(message) or {}).__tostring then return pretty.write(message) end
  return (tostring(message):gsub("^[^\n:]+:%d+: ", "", 1))
end

-- The line of a spec that is to be looked at: what failed may stand in a helper that it calls.
local function placeOf(failure)
  local traceback = failure.trace and failure.trace.traceback or ""
  local place = traceback:match "([^%s]+_spec%.lua:%d+):" or tostring(failure.message):match "^([^\n:]+:%d+): "
  if place then return place end
  for _, trace in ipairs { failure.trace or {}, failure.element.trace or {} } do
    if trace.short_src and trace.currentline then return trace.short_src .. ":" .. trace.currentline end
  end
  return failure.name
end

-- The source at a place: what a bare assert() does not say.
local function sourceAt(place)
  local path, wanted = place:match "^(.*):(%d+)$"
  local file = path and io.open(path)
  local source = ""
  if not file then return source end
  for _ = 1, tonumber(wanted) do source = file:read "*l" or "" end
  file:close()
  return ": " .. source:match "^%s*(.-)%s*$"
end

-- What is said in the first line, and what after it.
local function describe(text)
  local before, got, expected = text:match "^(.-)\nPassed in:\n(.*)\nExpected:\n(.*)$"
  if not before then before, got, expected = text:match "^(.-)\nCaught:\n(.*)\nExpected:\n(.*)$" end
  if not before then
    local first, rest = text:match "^([^\n]*)\n(.*)$"
    if not first then return text, "" end
    if first:find ":$" and isShort(rest) then return first .. " " .. rest, "" end
    return first, indented(rest) .. "\n"
  end
  local said, assertion = before:match "^(.*)\n([^\n]*)$"
  assertion = assertion or before
  local details = said and indented(said) .. "\n" or ""
  if isShort(got) and isShort(expected) then
    return (COMPARED[assertion] or assertion .. " Expected ") .. expected .. ", got " .. got, details
  end
  return assertion, "  expected:\n" .. indented(expected) .. "\n  got:\n" .. indented(got) .. "\n" .. details
end

--- The text about one failure.
---@param failure table as busted's handlers keep it: name, message, trace, element
---@return string
local function report(failure)
  local place = placeOf(failure)
  local first, details = describe(textOf(failure.message))
  if first == "assertion failed!" then first = first .. sourceAt(place) end
  local traceback = failure.trace and failure.trace.traceback
  return ("FAIL %s: %s  [%s]\n%s%s"):format(place, first, failure.name, details,
    traceback and traceback:gsub("^\n+", "") .. "\n" or "")
end

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()

  local function tell(isError)
    return function(element, parent, message, trace)
      io.write(report(handler.format(element, parent, message, trace, isError)), "\n")
      io.flush()
      return nil, true
    end
  end

  local function tellSlow(element, _, status)
    if status == "success" and (element.duration or 0) > SLOW then
      io.write(("passed in %.0f s: %s\n"):format(element.duration, handler.getFullName(element)))
      io.flush()
    end
    return nil, true
  end

  handler.suiteEnd = function()
    for _, pending in ipairs(handler.pendings) do
      io.write(("pending: %s%s\n"):format(pending.name,
        pending.message and " (" .. textOf(pending.message) .. ")" or ""))
    end
    io.write(("%d passed, %d failed, %d errors, %d pending in %.1f s\n"):format(handler.successesCount,
      handler.failuresCount, handler.errorsCount, handler.pendingsCount, handler.getDuration()))
    return nil, true
  end

  busted.subscribe({ "failure" }, tell(false))
  busted.subscribe({ "error" }, tell(true))
  busted.subscribe({ "test", "end" }, tellSlow)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  handler.options = options
  return handler
end
