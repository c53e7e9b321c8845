-- SPDX-License-Identifier: MIT
--
-- ls: which entity names there are, or the ids of one.

local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local where = require "holdfast.cli.code.where"

local function listNames(store, args)
  for _, name in ipairs(store:names()) do
    local count = store:count(store:entity(name))
    output.line(args.json and text.object("entity", name, "count", count) or name .. "\t" .. text.whole(count))
  end
end

local function listLong(store, persist, args)
  local found = false
  local knows = persist.supports.revision
  for id, json in store:texts(persist, options.rangeOf(args)) do
    found = true
    local entry = {}
    if knows then
      local ok, read = pcall(persist.readEntry, persist, id) -- fails if it has gone meanwhile
      if ok then entry = read end
    end
    if args.json then
      output.line(text.object("id", id, "bytes", #json, "revision", entry.revision, "updatedAt", entry.updatedAt,
        "expiresAt", entry.expiresAt))
    else
      local revision = entry.revision and text.whole(entry.revision) or "-"
      output.line(table.concat({ id, #json, revision, text.time(entry.updatedAt) }, "\t"))
    end
  end
  return found
end

local function ls(args)
  where.prepare(args)
  if args.where and not args.entity then refuse.call "--where is of the entities of one name: give ENTITY, too" end
  local store = target.open(args)
  if not args.entity then
    listNames(store, args)
    return store:exitCode()
  end
  local persist = store:entity(args.entity)
  if where.explain(args, persist) then return 0 end
  local found = false
  if args.long then
    found = listLong(store, persist, args)
  else
    for id in store:keys(persist, options.rangeOf(args)) do
      found = true
      output.line(args.json and text.object("id", id) or id)
    end
  end
  store:requireAsked(found, persist)
  return store:exitCode()
end

return {
  summary = "List entity names, or the ids of one.",
  description = "Without ENTITY: one line per entity name, with how many entities it has after a tab.\n"
    .. "With it: one id per line, in natural order (BTC-2 before BTC-10).",
  examples = {
    "holdfast ls ./data",
    "holdfast ls ./data signal --prefix BTC | head -5",
    "holdfast ls ./data signal -l",
    "holdfast ls ./data signal --where 'v.pnl < 0'",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    options.where(command)
    options.range(command)
    command:flag("-l --long")
      :description("Also the bytes of the value, its revision and when it was written, by tabs.")
    options.at(command)
    options.readonly(command)
  end,
  run = target.lookingBack(ls),
}
