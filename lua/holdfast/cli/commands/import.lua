-- SPDX-License-Identifier: MIT
--
-- import: entities in from JSON lines.

local core = require "holdfast.core"
local batch = require "holdfast.cli.store.batch"
local files = require "holdfast.cli.system.files"
local importer = require "holdfast.cli.lines.importer"
local indexes = require "holdfast.cli.store.indexes"
local locks = require "holdfast.cli.store.locks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local refuse = require "holdfast.cli.console.refuse"
local source = require "holdfast.cli.lines.source"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function tell(self, args, made)
  local quarantined = self.quarantined > 0 and self.quarantined or nil
  output.line(args.json and text.object("imported", self.imported, "quarantined", quarantined,
    "indexes", indexes.json(made))
    or text.plural(self.imported, "entity", "entities") .. " imported"
    .. (quarantined and ", " .. text.count(quarantined) .. " damaged put into quarantine" or ""))
  if not args.json then indexes.tell(made) end
end

-- The indexes of what was exported, which are made when all of it is here.  Under another name they are not asked for.
local function makeIndexes(self, store, args)
  if args.no_indexes or args.entity then return {}, 0 end
  return indexes.makeAll(store, args, self.indexes)
end

-- That the file was named first, and then a store that is not there yet.
local function refuseFileAsStore(args, path)
  local found = not files.look(path) and files.look(args.url)
  if found and found.kind == "file" then
    refuse.call("%s is a file: the store stands before it: holdfast import %s %s", args.url, path, args.url)
  end
end

local function import(args)
  local path = args.file ~= "-" and args.file or nil
  if path then refuseFileAsStore(args, path) end
  local file, size, reader = source.open(path, args)
  local store = target.open(args, true)
  local guard = locks.guard(store, args)
  if size and guard:seesHost() then source.claimAll(guard, file, path, args.entity) end
  local writes = batch.new(function(name)
    guard:claim(name) -- before anything of its batch is written
    return store:entity(name)
  end, args.drop_expiry)
  local self = importer.new(store, writes, reader)
  local bar = progress.start { label = "Importing", unit = "", total = size, bytes = true, stride = 16 }
  local ok, raised = xpcall(self.run, core.traceback, self, file, args.entity, bar)
  bar:finish()
  guard:release()
  if file ~= io.stdin then file:close() end
  if not ok then error(self:explain(raised), 0) end
  local problem = reader and reader:finish()
  if problem then
    source.refuseCut(path, problem, text.plural(self.imported, "entity", "entities") .. " that came were imported")
  end
  local made, exit = makeIndexes(self, store, args)
  tell(self, args, made)
  return math.max(store:exitCode(), exit)
end

return {
  summary = "Read entities from JSON lines.",
  description = "Reads lines as export writes them and writes the entities, new or not.  A bad line stops the\n"
    .. "import and is named; of its batch (up to 1000 lines) nothing is written.  Running the whole import\n"
    .. "again is always safe.  What a line says is damaged goes into quarantine where the store has one\n"
    .. "and no sound entity; otherwise it is reported, and the exit code is 3.\n\n"
    .. "A file that is part of an export is refused before anything is imported; of a pipe that is known\n"
    .. "only at its end.  --partial takes both.  Indexes that the exported store had are made at the end,\n"
    .. "unless --no-indexes or --entity is given.\n\n"
    .. "Refused for an adapter's entity names (" .. locks.names() .. ") while a strategy host runs\n"
    .. "on the store; --force imports all the same.",
  examples = {
    "holdfast import ./data backup.jsonl",
    "holdfast filter ./data signal 'v.open' --json | holdfast import ./open - --entity signal",
  },
  arguments = function(command)
    options.url(command)
    command:argument("FILE"):argname("FILE"):target("file"):args("?")
      :description("The lines; the standard input if left out or '-'.")
    command:option("--entity"):argname("NAME"):description("The entity name for all lines, whatever they say.")
    command:flag("--partial"):description("Import lines of an export that is cut or was changed.")
    command:flag("--no-indexes"):description("Make none of the indexes that the exported store had.")
    options.dropExpiry(command)
    options.durability(command)
    options.force(command)
  end,
  run = import,
}
