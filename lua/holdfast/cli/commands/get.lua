-- SPDX-License-Identifier: MIT
--
-- get: entities by their ids.

local core = require "holdfast.core"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local rows = require "holdfast.cli.console.rows"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function getOne(store, persist, id, args)
  if not args.json then return core.readText(persist, id) end
  return store:atOneMoment(persist, function()
    local json = core.readText(persist, id)
    local entry = (persist.supports.revision or persist.supports.ttl) and persist:readEntry(id) or {}
    return text.object("id", id, "value", text.raw(json), "revision", entry.revision, "updatedAt", entry.updatedAt,
      "expiresAt", entry.expiresAt)
  end)
end

local function get(args)
  local shown = (args.table or args.columns) and rows.of(args)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  local code = 0
  for _, id in ipairs(args.id) do
    local ok, line = pcall(getOne, store, persist, id, args)
    if ok and shown then
      shown:add(id, line)
    elseif ok then
      output.line(#args.id > 1 and text.oneLine(line) or line)
    elseif core.isError(line, "not_found") then
      code = math.max(code, 1)
      -- The names are of use when the name is the mistake, not the id.
      local known, unknown = pcall(store.requireName, store, args.entity)
      line.hint = not known and unknown.hint or nil
      output.complain(line, args.json)
    elseif core.isError(line, "corrupt") then
      code = 3
      output.complain(line, args.json)
    else
      error(line, 0)
    end
  end
  if shown then shown:finish() end
  return code
end

return {
  summary = "Print entities by their ids.",
  description = "Prints the JSON of an entity as it is stored; for several ids one line each.\n"
    .. "With --json: {\"id\":..,\"value\":..,\"revision\":..,\"updatedAt\":..}, and \"expiresAt\" of what expires.\n"
    .. "Exit code 1 if one of them does not exist.",
  examples = {
    "holdfast get ./data signal BTC",
    "holdfast get ./data signal BTC ETH --json",
    "holdfast get ./data signal BTC ETH --table",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("ID"):argname("ID"):target("id"):args("+"):description("Ids of entities.")
    options.table(command)
    options.at(command)
    options.readonly(command)
  end,
  run = target.lookingBack(get),
}
