-- SPDX-License-Identifier: MIT
--
-- What was seen of the hosts of a store, for people: a table of the runs, what is wrong with them, and what is known
-- beside.

local figures = require "holdfast.host.report.figures"
local grid = require "holdfast.cli.console.grid"
local pauses = require "holdfast.host.state.pauses"
local text = require "holdfast.cli.console.text"

local M = {}

local MINUTE, HOUR = 60000, 3600000

local COLUMNS = {
  { title = "strategy" }, { title = "symbol" }, { title = "state" }, { title = "last minute" }, { title = "side" },
  { title = "since (UTC)" }, { title = "left", right = true }, { title = "entry", right = true },
  { title = "price", right = true }, { title = "pnl", right = true }, { title = "to entry", right = true },
  { title = "to profit", right = true }, { title = "to loss", right = true },
}

local function number(value) return type(value) == "number" and value or nil end
local function record(value) return type(value) == "table" and value or {} end
local function line(value) return value ~= nil and figures.line(tostring(value)) or "?" end

-- "20:14 (49 min ago)", with the date where it is not of now.
local function moment(ms, now)
  if not number(ms) then return "" end
  local ago = now - ms
  local isNear = math.abs(ago) < 12 * HOUR
  local at = figures.time(ms, isNear and "%H:%M" or math.abs(ago) < 300 * 24 * HOUR and "%m-%d %H:%M" or nil)
  if ago < 0 then return ("%s (in %s)"):format(at, text.span(-ago)) end
  return ("%s (%s ago)"):format(at, text.span(ago))
end

local function distance(percent) return number(percent) and ("%.2f%%"):format(percent) or "" end

-- Whether the times of a run are those of a clock that its program moves, and when that was then.
local function ownTime(run) return run.note and run.note.manual and number(run.note.clockTime) or nil end

-- A time of a run.
local function momentOf(run, ms, now)
  if not ownTime(run) then return moment(ms, now) end
  return number(ms) and figures.time(ms) or ""
end

-- When what is open or waits ends by itself, if it does.
local function endOf(run)
  local row = run.row
  if row then
    local minutes, opened = number(row.minuteEstimatedTime), number(row.pendingAt) or number(row.openedAt)
    return minutes and opened and minutes < math.huge and opened + minutes * MINUTE or nil
  end
  return run.waiting and run.note and number(record(run.note.waiting).till)
end

--- How long what is open or waits may go on, in ms; nil where that has no end, or is not known.
---@param run holdfast.cli.SeenRun
---@param now number
---@return number?
function M.left(run, now)
  local ends = endOf(run)
  return ends and ends - (ownTime(run) or now)
end

-- The note of what is open or waits, unless it is of what was before.
local function figuresOf(run)
  local note, row = run.note or {}, run.row or run.waiting
  local found = record(run.row and note.position or note.waiting)
  return row and found.id == row.id and found or {}
end

M.figuresOf = figuresOf

local function priceOf(value) return number(value) and figures.price(value) or "" end

local function rowOf(run, verdict, now)
  local note, row = run.note or {}, run.row or run.waiting
  local state = verdict.state .. (verdict.isPaused and ", paused" or "")
  local cells = { line(run.strategyName), line(run.symbol), state, momentOf(run, note.minute, now) }
  cells[9] = priceOf(note.price)
  if not row then return cells end
  local found, left = figuresOf(run), M.left(run, now)
  cells[5] = run.row and line(row.position) or line(row.position) .. " waits"
  cells[6] = momentOf(run, run.row and (row.pendingAt or row.openedAt) or row.scheduledAt, now)
  cells[7] = left and (left > 0 and text.span(left) or "over") or ""
  cells[8] = priceOf(row.priceOpen)
  cells[10] = number(found.pnl) and figures.percent(found.pnl) or ""
  cells[11] = distance(found.toOpen)
  cells[12], cells[13] = distance(found.toTakeProfit), distance(found.toStopLoss)
  return cells
end

local function nameOf(run) return line(run.strategyName) .. " " .. line(run.symbol) end

local function add(lines, style, ...) lines[#lines + 1] = { style = style, text = string.format(...) } end

local function section(lines, title)
  add(lines, nil, "")
  add(lines, "strong", "%s", title)
end

-- The titles of the columns in which something stands, and of each row what stands in them.
local function usedColumns(rows)
  local titles, used = {}, {}
  for i = 1, #rows do used[i] = {} end
  for place, column in ipairs(COLUMNS) do
    local isUsed = false
    for _, row in ipairs(rows) do isUsed = isUsed or (row[place] or "") ~= "" end
    if isUsed then
      titles[#titles + 1] = column.title
      for i, row in ipairs(rows) do
        local said = row[place] ~= "" and row[place] or nil
        used[i][#titles] = said and column.right and { number = said } or said
      end
    end
  end
  return titles, used
end

local function addTable(lines, seen, verdicts, now)
  local rows = {}
  for i, run in ipairs(seen.runs) do rows[i] = rowOf(run, verdicts[i], now) end
  local titles, used = usedColumns(rows)
  local aligned = grid.of(titles, used)
  add(lines, "strong", "%s", aligned:head())
  add(lines, nil, "%s", aligned:rule())
  for i, each in ipairs(used) do
    add(lines, verdicts[i].level ~= "ok" and verdicts[i].level or nil, "%s", aligned:line(each))
  end
end

local function addTrouble(lines, seen, verdicts)
  local isFirst = true
  for i, run in ipairs(seen.runs) do
    local verdict = verdicts[i]
    if verdict.level ~= "ok" then
      if isFirst then section(lines, "wrong") end
      isFirst = false
      local isAlarm, what = verdict.level == "alarm", run.row and "open position" or "waiting signal"
      add(lines, verdict.level, "%s%s is %s%s: %s", isAlarm and "! " or "", nameOf(run), verdict.state,
        isAlarm and (", and its %s NOT WATCHED"):format(what) or "", line(verdict.reason))
    end
  end
end

-- Who holds slots of a profile: names, where they are known.
local function holdersOf(list)
  local names = {}
  for _, slot in ipairs(list) do names[#names + 1] = type(slot) == "table" and nameOf(slot) or nil end
  return names[1] and (" (%s)"):format(table.concat(names, ", ")) or ""
end

local function addSlots(lines, seen)
  local names = text.names(seen.slots)
  if not names[1] then return end
  section(lines, "slots of risk profiles")
  for _, name in ipairs(names) do
    local list = seen.slots[name]
    add(lines, nil, "%s: %s%s", line(name), text.plural(number(list.count) or #list, "slot", "slots"), holdersOf(list))
  end
end

-- ", by alice"
local function byOf(value) return type(value) == "string" and ", by " .. line(value) or "" end

local function scopeOf(pause)
  return pauses.describe { strategyName = line(pause.strategyName), symbol = line(pause.symbol) }
end

local function addPauses(lines, seen, now)
  if seen.pauses[1] then section(lines, "paused") end
  for _, pause in ipairs(seen.pauses) do
    add(lines, "warning", "%s, since %s%s%s%s", scopeOf(pause), moment(pause.since, now),
      number(pause.till) and ", until " .. moment(pause.till, now) or "", byOf(pause.by),
      type(pause.reason) == "string" and ": " .. line(pause.reason) or "")
  end
end

local function addRequests(lines, seen, now)
  if seen.requests[1] then section(lines, "asked for, and not answered") end
  for _, request in ipairs(seen.requests) do
    add(lines, nil, "%s %s, %s%s%s", line(request.kind), nameOf(request), moment(request.at, now), byOf(request.by),
      number(request.validTill) and ", holds until " .. moment(request.validTill, now) or "")
  end
end

local function addFailures(lines, seen, now)
  local isFirst = true
  for _, run in ipairs(seen.runs) do
    for _, failure in ipairs(record(run.note and run.note.failures)) do
      local at = number(record(failure).at)
      if at and (ownTime(run) or now) - at < HOUR then
        if isFirst then section(lines, "failures of late") end
        isFirst = false
        add(lines, nil, "%s, %s, %s: %s: %s", nameOf(run), momentOf(run, at, now),
          text.plural(number(failure.count) or 1, "time", "times"), line(failure.source), line(failure.message))
      end
    end
  end
end

-- Locks by the processes that hold them, in the order of the runs.
local function processesOf(seen)
  local list, byName = {}, {}
  for _, run in ipairs(seen.runs) do
    if run.lock.held then
      local name = run.lock.holder:match("^(.-) %(") or "a process that has not said who it is"
      local since = run.lock.holder:match("since ([%dT:-]+)Z%)$")
      if not byName[name] then
        byName[name] = { name = name, since = since, runs = {} }
        list[#list + 1] = byName[name]
      end
      table.insert(byName[name].runs, nameOf(run))
      if since and since < (byName[name].since or "~") then byName[name].since = since end
    end
  end
  return list
end

local MOST_NAMES = 8

local function addLocks(lines, seen)
  local list = processesOf(seen)
  if list[1] or seen.changes[1] then section(lines, "locks") end
  for _, process in ipairs(list) do
    local shown = { unpack(process.runs, 1, MOST_NAMES) }
    if #process.runs > MOST_NAMES then shown[#shown + 1] = ("and %d more"):format(#process.runs - MOST_NAMES) end
    add(lines, nil, "%s, since %s: %s", line(process.name), process.since and process.since:gsub("T", " ") or "?",
      table.concat(shown, ", "))
  end
  for _, change in ipairs(seen.changes) do
    add(lines, "warning", "the store is being changed by %s", line(change.holder))
  end
  if seen.lockProblem then
    add(lines, "warning", "not all locks could be seen: %s", line(seen.lockProblem.message))
  end
end

--- The lines.
---@param seen holdfast.cli.Seen
---@param verdicts holdfast.cli.Verdict[]  of its runs
---@param url string
---@param now number  ms since 1970
---@return holdfast.cli.Line[]
function M.lines(seen, verdicts, url, now)
  local lines = {}
  add(lines, nil, "%s at %s UTC", line(text.url(url)), figures.time(now, "%Y-%m-%d %H:%M:%S"))
  add(lines, nil, "")
  if seen.runs[1] then
    addTable(lines, seen, verdicts, now)
    addTrouble(lines, seen, verdicts)
  else
    add(lines, nil, "no strategy host runs on it, and nothing is open or waits")
  end
  addSlots(lines, seen)
  addPauses(lines, seen, now)
  addRequests(lines, seen, now)
  addFailures(lines, seen, now)
  addLocks(lines, seen)
  return lines
end

return M
