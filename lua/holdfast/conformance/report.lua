-- SPDX-License-Identifier: MIT
--
-- What a run found, as text for a person, as TAP, as JUnit's XML, and as a table for JSON.

local core = require "holdfast.core"

local M = {}

local CAPABILITIES = {}
for i, capability in ipairs(core.capabilities()) do CAPABILITIES[i] = capability.name end

local function lines(text) return (text or ""):gmatch("[^\n]+") end

--- The failure that may explain the others: the first one, since checks come in an order of dependence.  nil if nothing
--- failed.
---@param report table  what conformance.run() returned
---@return table? result
function M.beginWith(report)
  for _, result in ipairs(report.results) do
    if result.status == "failed" then return result end
  end
  return nil
end

-- ---- for a person

local function paint(color)
  local codes = { red = "31", green = "32", yellow = "33", bold = "1" }
  return function(name, text) return color and "\27[" .. codes[name] .. "m" .. text .. "\27[0m" or text end
end

local function describe(out, result, paints)
  out[#out + 1] = paints("red", "  FAIL ") .. paints("bold", result.name)
  for line in lines(result.message) do out[#out + 1] = "       " .. line end
  if result.expected then out[#out + 1] = "       expected  " .. result.expected end
  if result.got then out[#out + 1] = "       got       " .. result.got end
  if result.why then out[#out + 1] = "       why       " .. result.why end
  if result.where then
    out[#out + 1] = "       look at   " .. result.where .. (result.method and "  (" .. result.method .. ")" or "")
  elseif result.method then
    out[#out + 1] = "       method    " .. result.method
  end
  for line in lines(result.traceback) do out[#out + 1] = "       | " .. line end
end

--- Of each capability: declared or not, and how its checks went.
---@param report table  as for text()
---@return table[]
local function matrix(report)
  local rows = {}
  for _, name in ipairs(CAPABILITIES) do
    local declared = report.supports and report.supports[name]
    local passed, failed, skipped = 0, 0, 0
    for _, result in ipairs(report.results) do
      if result.capability == name then
        if result.status == "passed" then passed = passed + 1
        elseif result.status == "failed" then failed = failed + 1
        elseif not result.silent then skipped = skipped + 1 end
      end
    end
    local verdict = failed > 0 and "FAILED" or passed > 0 and (declared and "kept" or "refused, as it should be")
      or skipped > 0 and "not tested" or "no check"
    rows[#rows + 1] = { name = name, declared = declared and true or false, verdict = verdict }
  end
  return rows
end
M.matrix = matrix

--- The report for a person.
---@param report table  what conformance.run() returned
---@param color? boolean
---@return string
function M.text(report, color)
  local out, paints, group = {}, paint(color), nil
  out[#out + 1] = paints("bold", report.name)
  for _, result in ipairs(report.results) do
    if result.group ~= group and not result.silent then
      group = result.group
      local passed, of = 0, 0
      for _, other in ipairs(report.results) do
        if other.group == group and other.status ~= "skipped" then
          of = of + 1
          passed = passed + (other.status == "passed" and 1 or 0)
        end
      end
      out[#out + 1] = string.format("%s: %d of %d", group, passed, of)
    end
    if result.status == "failed" then describe(out, result, paints)
    elseif result.status == "skipped" and not result.silent then
      out[#out + 1] = paints("yellow", "  skip ") .. result.name .. ": " .. result.message
    end
  end
  out[#out + 1] = ""
  out[#out + 1] = string.format("%-12s  %-8s  %s", "capability", "declared", "result")
  for _, row in ipairs(matrix(report)) do
    out[#out + 1] = string.format("%-12s  %-8s  %s", row.name, row.declared and "yes" or "no",
      row.verdict == "FAILED" and paints("red", row.verdict) or row.verdict)
  end
  out[#out + 1] = ""
  local verdict = string.format("%d passed, %d failed, %d skipped in %.1f s", report.passed, report.failed,
    report.skipped,
    report.seconds)
  out[#out + 1] = report.failed == 0 and paints("green", "CONFORMS: ") .. verdict
    or paints("red", "DOES NOT CONFORM: ") .. verdict
  local first = report.failed > 1 and M.beginWith(report)
  if first then
    out[#out + 1] = string.format("begin with %s: %s%s; what comes after it may follow from it", first.group,
      paints("bold", first.name), first.where and " (" .. first.where .. ")" or "")
  end
  return table.concat(out, "\n")
end

-- ---- for machines

-- What went wrong, on lines of their own.
local function details(result)
  local out = {}
  for _, field in ipairs { "message", "expected", "got", "why", "where", "traceback" } do
    for line in lines(result[field]) do out[#out + 1] = field .. ": " .. line end
  end
  return out
end

--- The Test Anything Protocol, version 13.
---@param report table  as for text()
---@return string
function M.tap(report)
  local out = { "TAP version 13", "1.." .. #report.results }
  for i, result in ipairs(report.results) do
    local title = (result.group .. ": " .. result.name):gsub("#", "\\#")
    local line = string.format("%s %d - %s", result.status == "failed" and "not ok" or "ok", i, title)
    if result.status == "skipped" then line = line .. " # SKIP " .. result.message:gsub("\n", " ") end
    out[#out + 1] = line
    if result.status == "failed" then
      for _, detail in ipairs(details(result)) do out[#out + 1] = "# " .. detail end
    end
  end
  return table.concat(out, "\n")
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
local function xml(text)
  return (tostring(text):gsub('[&<>"]', ENTITIES):gsub("[%z\1-\8\11\12\14-\31]", "?"))
end

--- JUnit's XML.
---@param report table  as for text()
---@return string
function M.junit(report)
  local out = { '<?xml version="1.0" encoding="UTF-8"?>' }
  out[#out + 1] = string.format('<testsuite name="%s" tests="%d" failures="%d" skipped="%d" time="%.3f">',
    xml(report.name), #report.results, report.failed, report.skipped, report.seconds)
  for _, result in ipairs(report.results) do
    local head = string.format('  <testcase classname="%s" name="%s" time="%.3f"', xml(result.group), xml(result.name),
      result.seconds)
    if result.status == "passed" then
      out[#out + 1] = head .. "/>"
    else
      out[#out + 1] = head .. ">"
      out[#out + 1] = result.status == "skipped"
        and string.format('    <skipped message="%s"/>', xml(result.message))
        or string.format('    <failure message="%s">%s</failure>', xml(result.message),
          xml(table.concat(details(result), "\n")))
      out[#out + 1] = "  </testcase>"
    end
  end
  out[#out + 1] = "</testsuite>"
  return table.concat(out, "\n")
end

--- A table that json.encode() takes.
---@param report table  as for text()
---@return table
function M.json(report)
  local results, capabilities = core.json.array(), core.json.array()
  for i, result in ipairs(report.results) do
    results[i] = {
      group = result.group, name = result.name, status = result.status, message = result.message, why = result.why,
      expected = result.expected, got = result.got, where = result.where, method = result.method,
      seconds = result.seconds,
    }
  end
  for i, row in ipairs(matrix(report)) do capabilities[i] = row end
  local first = M.beginWith(report)
  return {
    name = report.name, passed = report.passed, failed = report.failed, skipped = report.skipped,
    seconds = report.seconds, conforms = report.failed == 0, results = results, capabilities = capabilities,
    beginWith = first and { group = first.group, name = first.name, method = first.method, where = first.where },
  }
end

return M
