-- SPDX-License-Identifier: MIT
--
-- What `holdfast host` asks of hosts: the store as they see it, who runs there, and waiting for an answer.

local adapters = require "holdfast.adapters"
local clock = require "holdfast.util.clock"
local core = require "holdfast.core"
local glyphs = require "holdfast.cli.console.glyphs"
local interruption = require "holdfast.cli.console.interruption"
local locks = require "holdfast.host.state.lock"
local output = require "holdfast.cli.console.output"
local requests = require "holdfast.host.state.requests"
local stored = require "holdfast.host.state.host_rows"
local text = require "holdfast.cli.console.text"
local trades = require "holdfast.host.state.trades"

local M = {}

local POLL_SECONDS = 0.2
-- Whoever takes a request up in its last moment has answered by then.
local LATE_MS = 3000

--- Has the adapters use the store of a command.
---@param store table  as target.open gives it
function M.use(store) adapters.useAll(store.url, store.options) end

local READERS = { close = "PersistSignalAdapter", cancel = "PersistScheduleAdapter" }

--- What can be ended: of a strategy, or of all.
---@param action "close"|"cancel"
---@param strategyName? string
---@return { strategyName: string, symbol: string }[]
function M.rows(action, strategyName)
  local list = {}
  for row in adapters[READERS[action]].collection():values() do
    if type(row) == "table" and type(row.strategyName) == "string" and type(row.symbol) == "string"
      and (not strategyName or row.strategyName == strategyName) then
      list[#list + 1] = { strategyName = row.strategyName, symbol = row.symbol }
    end
  end
  return list
end

local SHOWN = 10 -- of a list of names

--- Strategies and symbols in words, in which nothing is left that a terminal obeys: others may have stored them.
---@param list { strategyName: string, symbol: string }[]
---@return string
function M.describe(list)
  local names = {}
  for i, each in ipairs(list) do names[i] = glyphs.harmless(("'%s' on %s"):format(each.strategyName, each.symbol)) end
  table.sort(names)
  local more = #names > SHOWN and (" and %d more"):format(#names - SHOWN) or ""
  return names[1] and table.concat(names, ", ", 1, math.min(#names, SHOWN)) .. more or "none"
end

-- What the store knows of: what is open or waits, and what has noted how it is.
local function known()
  local list, has = {}, {}
  local function add(row)
    local name = M.describe { row }
    if not has[name] then list[#list + 1], has[name] = row, true end
  end
  for action in pairs(READERS) do
    for _, row in ipairs(M.rows(action)) do add(row) end
  end
  for _, note in ipairs((stored.list "status")) do
    local row = note.value
    if type(row) == "table" and type(row.strategyName) == "string" and type(row.symbol) == "string" then add(row) end
  end
  return list
end

-- What to say of names of which the store has nothing; nil where it has.
local function doubtOf(strategyName, symbol)
  local list, isSymbol = known(), false
  for _, each in ipairs(list) do
    if (strategyName or each.strategyName) == each.strategyName and (symbol or each.symbol) == each.symbol then
      return nil
    end
    isSymbol = isSymbol or each.symbol == strategyName
  end
  if trades.each({ strategyName = strategyName, symbol = symbol })() then return nil end
  if not list[1] then return "the store has nothing open, and no host, of that name yet" end
  return ("the store has nothing open, and no host, of that name; it has %s%s"):format(M.describe(list),
    isSymbol and ("; '%s' is a symbol: write '*' %s for every strategy on it"):format(strategyName, strategyName) or "")
end

--- Warns where names are of nothing that the store knows: they may be misspelt.
---@param strategyName? string  nil: any
---@param symbol? string        nil: any
---@param asJson? boolean
function M.warnOfUnknown(strategyName, symbol, asJson)
  local ok, doubt = pcall(doubtOf, strategyName, symbol)
  if not ok then doubt = "whether the store knows that name cannot be seen: " .. core.toError(doubt).message end
  if doubt then output.warn(doubt, asJson) end
end

--- Says for which of the requests no host is seen that would take it up.
---@param list holdfast.host.Request[]
---@param asJson? boolean
function M.warnOfNone(list, asJson)
  for _, request in ipairs(list) do
    local ok, holder, isShared = pcall(locks.holderOf, request.strategyName, request.symbol)
    local who = ("'%s' on %s"):format(request.strategyName, request.symbol)
    if not ok then
      output.warn(("whether a host runs %s cannot be seen: %s"):format(who, core.toError(holder).message), asJson)
    elseif not holder then
      output.warn(("no host runs %s now%s: one that starts before %s takes the request up"):format(who,
        isShared and "" or ", as far as can be seen from here", text.time(request.validTill)), asJson)
    end
  end
end

-- The answer; one of our own where the request has expired.
local function answerOf(request, now)
  local answer = requests.answer(request.id)
  if answer then return answer end
  if now <= request.validTill + LATE_MS then return nil end
  return requests.settleExpired(request, now) or requests.answer(request.id)
    or requests.answerTo(request, "refused", now, "it was taken back")
end

-- Those that have no answer yet; tells of the others.
local function look(list, tell)
  local rest, allDone = {}, true
  for _, request in ipairs(list) do
    local answer = answerOf(request, clock.wall())
    if answer then
      tell(answer)
      allDone = allDone and answer.outcome == "done"
    else
      rest[#rest + 1] = request
    end
  end
  output.flush()
  return rest, allDone
end

local function interrupted(args, rest)
  local ids = {}
  for i, request in ipairs(rest) do ids[i] = request.id end
  local url = text.url(args.url)
  return interruption.complain(args, {
    message = ("interrupted: what was asked for stands until %s: %s"):format(text.time(rest[1].validTill),
      table.concat(ids, ", ")),
    hint = ("'holdfast host take-back %s %s' takes it back"):format(url, ids[1]),
  })
end

--- Waits for the answers to requests.
---@param list holdfast.host.Request[]
---@param args { url: string, json?: boolean }
---@param tell fun(answer: holdfast.host.Answer)
---@return integer code  to exit with
function M.await(list, args, tell)
  local isDone = true
  interruption.listen()
  while true do
    local rest, allDone = look(list, tell)
    list, isDone = rest, isDone and allDone
    if not rest[1] then break end
    if interruption.signal() then return interrupted(args, list) end
    clock.sleep(POLL_SECONDS)
  end
  interruption.unwatch()
  return isDone and 0 or 1
end

return M
