-- SPDX-License-Identifier: MIT
--
-- purge: earlier values taken out of the log of changes.

local core = require "holdfast.core"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function purge(args)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  local total = 0
  for _, id in ipairs(args.id) do
    local purged = core.purge(persist, id)
    total = total + purged
    output.line(args.json and text.object("entity", args.entity, "id", id, "purged", purged)
      or string.format("%s\t%s", id, text.plural(purged, "entry", "entries")))
  end
  if total == 0 then store:requireName(args.entity) end
  return 0
end

return {
  summary = "Forget the earlier values of entities.",
  description = "Takes what is kept of these ids out of the store's log of changes and its history, for ever: the\n"
    .. "values that they had, and that they were changed.  The entities themselves stay; rm them first where\n"
    .. "they are to go as well.  Backups, and whoever followed the store, have what they had.",
  examples = {
    "holdfast purge ./data user alice",
    "holdfast rm ./data user alice && holdfast purge ./data user alice",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("ID"):argname("ID"):target("id"):args("+"):description("Ids of entities.")
  end,
  run = purge,
}
