-- SPDX-License-Identifier: MIT
--
-- put: one entity written.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local locks = require "holdfast.cli.store.locks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function readStdin()
  local all, message = io.read("*a")
  if not all then error(core.error("io", "cannot read the standard input: " .. tostring(message)), 0) end
  return all
end

local function put(args)
  local value = args.value
  if not value or value == "-" then value = readStdin() end
  value = value:gsub("^[ \t\r\n]+", ""):gsub("[ \t\r\n]+$", "")
  holdfast.json.decode(value) -- what cannot be stored creates no store either
  local store = target.open(args, true)
  local persist = store:entity(args.entity)
  local guard = locks.guard(store, args)
  guard:claim(args.entity, { args.id })
  local revision = core.writeText(persist, args.id, value, args.ttl and { ttl = args.ttl })
  guard:release()
  if args.json then
    if not persist.supports.revision then revision = nil end
    output.line(text.object("id", args.id, "revision", revision))
  end
  return 0
end

return {
  summary = "Write an entity.",
  description = "Writes one JSON value under an id, new or not, and creates the store where there is none.\n"
    .. "When the command returns, the entity is durable.  The text is stored as given.\n\n"
    .. "Refused under an adapter's entity name (" .. locks.names() .. ") while a strategy host runs\n"
    .. "on the store, but for rows of signals that it does not run; --force writes all the same.",
  examples = {
    "holdfast put ./data signal BTC '{\"side\":\"long\"}'",
    "holdfast put ./data session 7f3a '{\"user\":1}' --ttl 12h",
    "curl -s https://example.org/btc.json | holdfast put ./data signal BTC",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("ID"):argname("ID"):target("id"):description("The entity's id.")
    command:argument("JSON"):argname("JSON"):target("value"):args("?")
      :description("The value; from the standard input if left out or '-'.")
    command:option("--ttl"):argname("TIME"):description("It expires after this time: 90s, 15m, 12h, 7d.")
    options.durability(command)
    options.force(command)
  end,
  run = put,
}
