-- SPDX-License-Identifier: MIT
--
-- export: entities out as JSON lines.

local core = require "holdfast.core"
local destination = require "holdfast.cli.lines.destination"
local exporter = require "holdfast.cli.lines.exporter"
local indexes = require "holdfast.cli.store.indexes"
local interruption = require "holdfast.cli.console.interruption"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local where = require "holdfast.cli.code.where"

local function tell(self, args)
  local damaged = self.damaged > 0 and self.damaged or nil
  if args.json then return output.line(text.object("exported", self.done, "damaged", damaged, "file", args.output)) end
  output.line(string.format("%s%s exported to %s", text.plural(self.done, "entity", "entities"),
    damaged and string.format(" and %s damaged", text.count(damaged)) or "", args.output))
end

-- Raises where there is nothing of that name; one that looks like that of a file may be meant to be written.
local function requireName(args, store)
  local ok, err = pcall(store.requireName, store, args.entity)
  if ok then return end
  if args.entity:find "[./]" and not args.output and core.isError(err) then
    err.hint = ("%s; a file is given with -o: holdfast export %s -o %s"):format(err.hint or "it is empty",
      text.url(args.url), args.entity)
  end
  error(err, 0)
end

local function export(args)
  where.prepare(args)
  local store = target.open(args)
  local names = args.entity and { args.entity } or store:names()
  if where.explainFor(args, store, names) then return 0 end
  local persists, total = {}, 0
  for i, name in ipairs(names) do
    persists[i] = store:entity(name) -- all are in use before the moment that is exported is fixed
    total = total + persists[i]:count()
  end
  if args.entity and total == 0 then requireName(args, store) end
  local definitions = indexes.definitions(store, names)
  local to = destination.open(args.output, store, persists)
  local bar = progress.start { label = "Exporting", unit = "entities", total = total, stride = 64,
    shared = to.isStandard }
  local self = exporter.new(store, to, bar, definitions)
  local ok, raised = xpcall(self.run, interruption.handler, self, names, persists, options.rangeOf(args))
  bar:finish()
  if not ok then to:abandon() end
  if not ok and interruption.is(raised) then
    return interruption.complain(args, { hint = args.output .. " is as it was" })
  end
  if not ok then error(raised, 0) end
  if not to.isStandard then tell(self, args) end
  return store:exitCode()
end

return {
  summary = "Write entities as JSON lines.",
  description = "Writes one line per entity: {\"entity\":\"signal\",\"id\":\"BTC\",\"value\":{...}}, as of one\n"
    .. "moment where the store can show one.  What is damaged, found now or in quarantine already, is\n"
    .. "reported, the exit code is 3, and its line has {...,\"damaged\":\"why\",\"bytes\":\"...\"} and no value.\n\n"
    .. "The first and the last line say so, by members exportBegin and exportEnd: import knows a cut\n"
    .. "export from a whole one.  The first line also says which indexes there are, exportIndexes: import\n"
    .. "makes them.",
  examples = {
    "holdfast export ./data -o backup.jsonl",
    "holdfast export ./data signal | holdfast import ./copy",
    "holdfast export ./data signal --where 'v.closed' -o closed.jsonl",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    command:option("-o"):hidden_name("--output"):target("output"):argname("FILE")
      :description("Replace FILE, once the export is whole; the standard output if left out or '-'.")
    options.where(command)
    options.range(command)
    options.at(command)
    options.readonly(command)
  end,
  run = target.lookingBack(export),
}
