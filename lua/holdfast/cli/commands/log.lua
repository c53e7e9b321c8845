-- SPDX-License-Identifier: MIT
--
-- log: what happened to an entity.

local core = require "holdfast.core"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function asObject(change)
  return text.object("revision", change.revision, "at", change.at, "what", change.what,
    "value", change.text and text.raw(change.text), "expiresAt", change.expiresAt)
end

local function asLine(change)
  local line = table.concat({ text.whole(change.revision), text.time(change.at), change.what }, "\t")
  return change.text and line .. "\t" .. text.oneLine(change.text) or line
end

local function log(args)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  local changes, from = core.historyTexts(persist, args.id, { limit = args.limit })
  for _, change in ipairs(changes) do output.line((args.json and asObject or asLine)(change)) end
  if #changes > 0 then
    output.note(args, "all that happened since revision %s, from which on the store keeps a history", text.whole(from))
    return 0
  end
  store:requireName(args.entity)
  output.note(args, "nothing happened to %s since revision %s, from which on the store keeps a history", args.id,
    text.whole(from))
  return 0
end

return {
  summary = "Show what happened to an entity.",
  description = "One line for each change that is kept, the newest first, by tabs: revision, time, what happened\n"
    .. "(write, remove, clear, expire, quarantine), and the value that was written.  Needs a store that\n"
    .. "keeps its history: holdfast set URL changes=7d history=true.",
  examples = {
    "holdfast log ./data signal BTC",
    "holdfast log ./data signal BTC --limit 1 --json",
    "holdfast get ./data signal BTC --at 4711",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("ID"):argname("ID"):target("id"):description("The entity's id.")
    command:option("--limit"):hidden_name("-n"):argname("N"):convert(options.wholeNumber)
      :description("The newest N; also -n N.")
    options.readonly(command)
  end,
  run = log,
}
