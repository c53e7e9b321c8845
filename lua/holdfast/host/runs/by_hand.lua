-- SPDX-License-Identifier: MIT
--
-- host.close and its siblings: what a script asks of live runs, of this process or of others.  None of them waits but
-- answer(), so they can be called from wherever the host calls the script; not in a transaction, with which what they
-- store would be undone, and so not in a validation.

local checks = require "holdfast.host.checks"
local contexts = require "holdfast.host.scheduler.context"
local core = require "holdfast.core"
local hands = require "holdfast.host.runs.hands"
local loop = require "holdfast.host.scheduler.loop"
local pauses = require "holdfast.host.state.pauses"
local process = require "holdfast.util.process"
local requests = require "holdfast.host.state.requests"

local M = {}

local POLL_MS = 250

-- Who asks: the script and its process.
local function by(what)
  local arguments = rawget(_G, "arg")
  local script = type(arguments) == "table" and arguments[0]
  return ("%s in %s, process %d"):format(what, type(script) == "string" and script or "a script", process.id())
end

-- Raises where nothing can be asked.  Gives the context of the live run that calls, if one does.
local function enter(what)
  local context = contexts.get()
  if context and context.backtest then
    checks.refuse("%s: not in a backtest: it is for live runs", what)
  end
  if core.inTransaction() then
    error(core.error("busy", what .. ": not inside a transaction, nor a validation, which is called in one: it would "
      .. "be undone with that; do it in getSignal, a callback or a listener", { retryable = false }), 0)
  end
  return context
end

local function checkId(what, id)
  if type(id) ~= "string" or id == "" then checks.refuse("%s: give the id of a request, not a %s", what, type(id)) end
end

local function ask(what, kind, symbol, given)
  local context = enter(what)
  if given ~= nil and type(given) ~= "table" then
    checks.refuse("%s: give {strategyName=} after the symbol, not a %s", what, type(given))
  end
  local options = {}
  for field, value in pairs(given or {}) do options[field] = value end
  if options.strategyName == nil and context then options.strategyName = context.strategyName end
  local request = requests.ask(what, kind, symbol, options, by(what), loop.now())
  return request.id, hands.call(request.strategyName, symbol)
end

--- Asks for the end of the open signal of a strategy on a symbol: closed, with the reason "manual".  It is durable when
--- this returns.  A run of this process takes it up as soon as it is idle, where its minute is free, another one in its
--- next minute.
---@param symbol string
---@param options? { strategyName?: string, price?: number, note?: string, valid?: number, id?: string }  strategyName
--- may be left out in functions that a run calls; price: at which it has ended, the average price if left out; note: a
--- text for the event; valid: for how many ms it stands, ten minutes if left out; id: what is asked for twice under one
--- id, such as that of an event that may be delivered again, is one request
---@return string id       of the request, for host.answer
---@return boolean isHere  whether a run of this process takes it up
---@raise invalid_argument; not_found: nothing is open; conflict: another request has the id; busy: in a transaction;
--- what the store raises
function M.close(symbol, options) return ask("host.close", "close", symbol, options) end

--- The same for a signal that waits for its price: cancelled, with the reason "manual".
---@param symbol string
---@param options? { strategyName?: string, price?: number, note?: string, valid?: number, id?: string }
---@return string id
---@return boolean isHere
---@raise invalid_argument; not_found: nothing waits; conflict; busy; what the store raises
function M.cancel(symbol, options) return ask("host.cancel", "cancel", symbol, options) end

--- What has become of a request.
---@param id string   of host.close or host.cancel
---@param ms? number  waits for it for so long at most; the run itself cannot answer while it waits
---@return holdfast.host.Answer?  nil: there is none (any more)
---@raise invalid_argument; busy: waiting is not possible here; what the store raises
function M.answer(id, ms)
  checkId("host.answer", id)
  if ms ~= nil and (type(ms) ~= "number" or ms ~= ms or ms < 0) then
    checks.refuse("host.answer: give milliseconds to wait, not %s", tostring(ms))
  end
  local answer, till = requests.answer(id), nil
  while not answer and ms do
    local now = loop.elapsed()
    till = till or now + ms
    if now >= till then return nil end
    loop.sleep(math.min(POLL_MS, till - now))
    answer = requests.answer(id)
  end
  return answer
end

--- Takes a request back that was not taken up yet.
---@param id string
---@return boolean taken  false: it was answered already, or never made
---@raise invalid_argument; busy: inside a transaction; what the store raises
function M.takeBack(id)
  enter "host.takeBack"
  checkId("host.takeBack", id)
  return requests.takeBack(id)
end

--- From now on nothing opens, and getSignal is not asked.  It lasts over restarts, until host.resume or `till`.
---@param options? { strategyName?: string, symbol?: string, reason?: string, till?: number|string }  what is left out
--- is any; till: ms, or "2026-11-29T00:00:00Z"
---@return holdfast.host.Pause
---@raise invalid_argument; busy: inside a transaction; what the store raises
function M.pause(options)
  enter "host.pause"
  return pauses.write("host.pause", options or {}, by "host.pause", loop.now())
end

--- Removes the pauses within what is named; what is left out is any.
---@param options? { strategyName?: string, symbol?: string }
---@return integer removed               how many
---@return holdfast.host.Pause[] others  that hold something of it up all the same: they are wider
---@raise invalid_argument; busy: inside a transaction; what the store raises
function M.resume(options)
  enter "host.resume"
  return pauses.remove("host.resume", options or {}, loop.now())
end

return M
