-- SPDX-License-Identifier: MIT
--
-- Comparing two stores, name by name (compare.lua), at the moment of the source at which it was copied.

local compare = require "holdfast.cli.copying.compare"
local interruption = require "holdfast.cli.console.interruption"
local moments = require "holdfast.cli.copying.moment"
local options = require "holdfast.cli.console.options"
local pair = require "holdfast.cli.copying.pair"
local progress = require "holdfast.cli.console.progress"

local M = {}

local function nothing() end

-- An iterator over what a store has under a name; nothing is opened for a name that it does not have.
local function textsOf(store, known, name, args)
  if known and not pair.has(known, name) then return nothing end
  return store:items(store:entity(name), options.rangeOf(args))
end

--- Compares what was asked for; without names, everything that either store has.
---@param args table
---@param source table            as target.open gives it
---@param to table                likewise
---@param names string[]
---@param now holdfast.cli.Moment
---@return table[] results        of each name, as compare.lua gives them, with `entity`
function M.compare(args, source, to, names, now)
  local ours, theirs = now.names, now:outside(moments.known, to)
  local total, done = pair.totalOf(source, names, args), 0 -- before there are names that only the target has
  if not args.entity then names = pair.sorted(names, theirs or {}) end
  local bar = progress.start { label = "Comparing", unit = "entities", total = total, stride = 64 }
  local function step()
    done = done + 1
    interruption.check(done)
    bar:step(done)
  end
  local ok, results = pcall(function()
    local list = {}
    for i, name in ipairs(names) do
      local nextTarget = now:outsideEach(now:outside(textsOf, to, theirs, name, args))
      list[i] = compare.compare(textsOf(source, ours, name, args), nextTarget, step)
      list[i].entity = name
    end
    return list
  end)
  bar:finish()
  if not ok then error(results, 0) end
  return results
end

--- What can be wrong with an entity of two stores.
M.PROBLEMS = { "missing", "different", "extra", "damaged" }

--- What all comparisons found.
---@param results table[]
---@return table<string, integer> sum  how many of each problem, of all of them in `found`, and `entities` of the source
function M.sum(results)
  local all = { found = 0, entities = 0 }
  for _, problem in ipairs(M.PROBLEMS) do
    all[problem] = 0
    for _, result in ipairs(results) do all[problem] = all[problem] + result[problem] end
    all.found = all.found + all[problem]
  end
  for _, result in ipairs(results) do all.entities = all.entities + result.source.count end
  return all
end

return M
