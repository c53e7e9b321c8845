-- SPDX-License-Identifier: MIT
--
-- Subcommands that move entities in and out: export and import.  The format is JSON
-- lines, {"entity":"signal","id":"BTC","value":{...}}, and the text of a value comes back byte
-- for byte; what is damaged has "damaged", which says why, and "bytes", as they were found, in
-- Base64.  Import writes in batches, each whole or not at all; since a write is an
-- upsert, the same import can always be run again.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local base64 = require "holdfast.cli.lines.base64"
local batch = require "holdfast.cli.store.batch"
local destination = require "holdfast.cli.lines.destination"
local interrupt = require "holdfast.cli.interrupt" -- in src/main.c
local jsonlines = require "holdfast.cli.lines.jsonlines"
local leases = require "holdfast.cli.store.leases"
local marks = require "holdfast.cli.lines.marks"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local walk = require "holdfast.cli.store.walk"

local function openFile(path)
  local file, message = io.open(path, "rb")
  if file then return file end
  local err = core.error("io", "cannot open " .. message)
  err.exit = 2
  error(err, 0)
end

-- --------------------------------------------------------------------- export

local quote = holdfast.json.encode

local Exporter = {}
Exporter.__index = Exporter

-- What is damaged, as a line; nil for what no JSON text can name.
local function damagedLine(name, id, damage)
  local ok, line = pcall(text.object, "entity", name, "id", id, "damaged", text.utf8(damage.problem),
    "bytes", damage.bytes and base64.encode(damage.bytes))
  return ok and line or nil
end

function Exporter:writeDamaged(name, id, damage)
  local line = damagedLine(name, id, damage)
  if not line then return end -- it was reported, like all of them
  self.marks:line(line)
  self.damaged = self.damaged + 1
end

function Exporter:exportName(name, range)
  local persist = self.store:entity(name)
  local head = '{"entity":' .. quote(name) .. ',"id":'
  for id, json, damage in self.store:items(persist, range) do
    if not damage then
      self.marks:line(head .. quote(id) .. ',"value":' .. text.oneLine(json) .. "}")
      self.done = self.done + 1
      self.bar:step(self.done)
    elseif damage.bytes then
      self:writeDamaged(name, id, damage)
    else
      self.late[#self.late + 1] = { name = name, id = id, damage = damage }
    end
  end
end

-- What was found unreadable in a snapshot stays where it was: read outside of one, its bytes come into quarantine, and
-- from there into the export.
function Exporter:exportLate()
  for _, one in ipairs(self.late) do
    local persist = self.store:entity(one.name)
    local ok, raised = pcall(core.readText, persist, one.id)
    local corrupt = not ok and core.isError(raised, "corrupt")
    self:writeDamaged(one.name, one.id, corrupt and walk.damageOf(persist, one.id, raised) or one.damage)
  end
end

function Exporter:run(names, persists, range)
  local function walkAll()
    for _, name in ipairs(names) do self:exportName(name, range) end
  end
  if persists[1] then self.store:atOneMoment(persists[1], walkAll) end
  self:exportLate()
  self.marks:finish()
  self.destination:finish()
end

function Exporter:tell(args)
  local damaged = self.damaged > 0 and self.damaged or nil
  if args.json then return output.line(text.object("exported", self.done, "damaged", damaged, "file", args.output)) end
  output.line(string.format("%s%s exported to %s", text.plural(self.done, "entity", "entities"),
    damaged and string.format(" and %s damaged", text.count(damaged)) or "", args.output))
end

-- For xpcall: an error object with a traceback, but for what is none.
local function handler(raised)
  if getmetatable(raised) == destination.Interruption or raised == output.nobodyReads then return raised end
  return core.traceback(raised)
end

local function interrupted(args)
  local signal = interrupt.signal()
  output.complain({ code = "interrupted", message = "interrupted", hint = args.output .. " is as it was" }, args.json)
  return 128 + signal
end

local function export(args)
  local store = target.open(args)
  local names = args.entity and { args.entity } or store:names()
  local persists, total = {}, 0
  for i, name in ipairs(names) do
    persists[i] = store:entity(name) -- all are in use before the moment that is exported is fixed
    total = total + persists[i]:count()
  end
  if args.entity and total == 0 then store:requireName(args.entity) end
  local to = destination.open(args.output, store, persists)
  local self = setmetatable({
    store = store, destination = to, marks = marks.writer(function(line) to:write(line) end),
    done = 0, damaged = 0, late = {},
    bar = progress.start { label = "Exporting", unit = "entities", total = total, stride = 64,
      shared = to.isStandard },
  }, Exporter)
  local ok, raised = xpcall(self.run, handler, self, names, persists, options.rangeOf(args))
  self.bar:finish()
  if not ok then to:abandon() end
  if not ok and getmetatable(raised) == destination.Interruption then return interrupted(args) end
  if not ok then error(raised, 0) end
  if not to.isStandard then self:tell(args) end
  return store:exitCode()
end

-- --------------------------------------------------------------------- import

local function wrong(message) error(core.error("invalid_value", message), 0) end

-- What a line says is damaged.
local function parseDamaged(object)
  if type(object.damaged) ~= "string" then wrong('"damaged" must be a string that says what is wrong') end
  local bytes = object.bytes
  if bytes ~= nil then
    bytes = type(bytes) == "string" and base64.decode(bytes) or wrong('"bytes" must be text in Base64')
  end
  return { problem = object.damaged, bytes = bytes }
end

-- Takes a line apart: entity name, id, JSON text, or what is damaged; nil where it is about no entity.  Raises what is
-- wrong with it, without the line's number.
local function parseLine(line, entityName)
  local object = holdfast.json.decode(line)
  if type(object) ~= "table" or holdfast.isArray(object) then
    wrong('each line must be an object such as {"entity":"signal","id":"BTC","value":{}}')
  end
  if object.exportEnd ~= nil and object.id == nil then return nil end -- of an export of nothing
  local name, id = entityName or object.entity, object.id
  if name == nil then wrong('"entity" is missing: add it, or give --entity NAME') end
  if type(name) ~= "string" then wrong('"entity" must be a string') end
  if id == nil then wrong('"id" is missing') end
  if type(id) ~= "string" and type(id) ~= "number" then wrong('"id" must be a string or a number') end
  if object.value ~= nil then return name, id, jsonlines.member(line, "value") end
  if object.damaged == nil then wrong('"value" is missing') end
  return name, id, nil, parseDamaged(object)
end

local Importer = {}
Importer.__index = Importer

-- Takes an entity out of a line; true when it is time to write.  What is wrong with it is raised while its line is
-- known.
function Importer:add(number, line, entityName)
  local name, id, json, damage = parseLine(line, entityName)
  if not name then return false end
  local ok, checked = pcall(core.checkId, self.batch:persist(name), id)
  if not ok and (not damage or id == "") then error(checked, 0) end
  if ok then id = checked end -- else its key was damaged: the batch says that it cannot be kept
  self.lines[#self.lines + 1] = { number = number, name = name, id = id }
  if damage then return self.batch:addDamaged(name, id, damage) end
  return self.batch:add(name, id, json)
end

-- Why a line about something damaged could not be followed.
local REFUSALS = {
  kept = "Entity %s:%s is damaged in the import (%s); the store has a sound one, which stays",
  missing = "Entity %s:%s is damaged in the import (%s), and this store cannot keep it as damaged: it is left out",
}

function Importer:tell(one)
  if one.outcome == "quarantined" then
    self.quarantined = self.quarantined + 1
  else
    self.store:report(core.error("corrupt", REFUSALS[one.outcome]:format(one.name, one.id, one.problem),
      { entityName = one.name, entityId = one.id }))
  end
end

function Importer:flush()
  local lines = self.lines
  local count, damaged = self.batch:write()
  self.imported = self.imported + count
  for _, one in ipairs(damaged) do self:tell(one) end
  if #lines > 0 then self.lastLine = lines[#lines].number end
  self.lines = {}
end

-- The line that gave the entity which could not be written, if the error names one.
function Importer:lineOf(err)
  for i = #self.lines, 1, -1 do
    local line = self.lines[i]
    if line.id == err.entityId and line.name == err.entityName then return line.number end
  end
end

-- Says where the import stopped.
function Importer:explain(err, line)
  if core.isError(err) then
    line = line or self:lineOf(err)
    if line then err.message = string.format("line %d: %s", line, err.message) end
    err.line, err.imported = line, self.imported
    err.hint = self.imported == 0 and "nothing was imported"
      or string.format("imported so far: %s, up to line %d; running the whole import again is safe",
        text.plural(self.imported, "entity", "entities"), self.lastLine)
  end
  return err
end

-- While a host runs on the store, a file is looked through first, so that what is refused is refused before anything
-- has been written.  What is wrong with a line is for the import itself to say.
local function refuseUnderHost(guard, file, entityName)
  for number, line in jsonlines.lines(file) do
    local ok, name = pcall(parseLine, line, entityName)
    local claimed, raised = xpcall(function() guard:claim(ok and name or "") end, core.traceback)
    if not claimed then
      raised.message, raised.line = string.format("line %d: %s", number, raised.message), number
      raised.hint = "nothing was imported"
      error(raised, 0)
    end
  end
  file:seek("set")
end

-- Raises that the lines are not those of whole exports.
local function refuseCut(name, problem, hint)
  local err = core.error("invalid_value", string.format("%s is not a whole export: %s", name, problem))
  err.hint = hint .. "; --partial imports what is there"
  error(err, 0)
end

-- Looks whether a file is what export has written, all of it, before anything is imported.  Leaves it where it was;
-- says whether that could be done, which it cannot with a pipe, and whether there was an export in it.
local function checkWhole(file, name)
  local start = file:seek("cur")
  if not start then return false end
  local reader = marks.reader()
  for number, line in jsonlines.lines(file) do
    if line:find("%S") then reader:add(line, number) end
  end
  local problem, marked = reader:finish()
  if problem then refuseCut(name, problem, "nothing was imported") end
  file:seek("set", start)
  return true, marked
end

local NO_MARK = "holdfast: %s has no mark of a whole export (lines of your own, or an export of Holdfast 0.1): "
  .. "whether something is missing cannot be told\n"

function Importer:readLines(file, args, bar)
  for number, line, read in jsonlines.lines(file) do
    if line:find("%S") then
      self.current = number
      if self.reader then self.reader:add(line, number) end
      local full = self:add(number, line, args.entity)
      self.current = nil
      if full then self:flush() end
    end
    bar:step(read)
  end
  self:flush()
end

-- Opens the file and looks at it: what to read, how many bytes that are if it is known, and what checks it on the way.
local function openLines(args)
  local path = args.file ~= "-" and args.file or nil
  local file = path and openFile(path) or io.stdin
  local size = path and file:seek("end") or nil
  if size then file:seek("set") end
  if args.partial then return file, size end
  local checked, marked = checkWhole(file, path or "the standard input")
  if not checked then return file, size, marks.reader() end
  if path and not marked and not args.json then io.stderr:write(NO_MARK:format(path)) end
  return file, size
end

local function import(args)
  local file, size, reader = openLines(args)
  local store = target.open(args, true)
  local guard = leases.guard(store, args)
  if size and guard:seesHost() then refuseUnderHost(guard, file, args.entity) end
  local writes = batch.new(function(name)
    guard:claim(name) -- before anything of its batch is written
    return store:entity(name)
  end)
  local self = setmetatable({ store = store, batch = writes, reader = reader, lines = {}, imported = 0,
    quarantined = 0 }, Importer)
  local bar = progress.start { label = "Importing", unit = "", total = size, bytes = true, stride = 16 }
  local ok, raised = xpcall(self.readLines, core.traceback, self, file, args, bar)
  bar:finish()
  guard:release()
  if file ~= io.stdin then file:close() end
  if not ok then error(self:explain(raised, self.current), 0) end
  local problem = reader and reader:finish()
  if problem then
    refuseCut(args.file and args.file ~= "-" and args.file or "the standard input", problem,
      text.plural(self.imported, "entity", "entities") .. " that came were imported")
  end
  local quarantined = self.quarantined > 0 and self.quarantined or nil
  output.line(args.json and text.object("imported", self.imported, "quarantined", quarantined)
    or text.plural(self.imported, "entity", "entities") .. " imported"
    .. (quarantined and ", " .. text.count(quarantined) .. " damaged put into quarantine" or ""))
  return store:exitCode()
end

return {
  {
    name = "export",
    summary = "Write entities as JSON lines.",
    description = "Writes one line per entity: {\"entity\":\"signal\",\"id\":\"BTC\",\"value\":{...}}, as of one\n"
      .. "moment where the store can show one.  What is damaged, found now or in quarantine already, is\n"
      .. "reported, the exit code is 3, and its line has {...,\"damaged\":\"why\",\"bytes\":\"...\"} and no value.\n\n"
      .. "The first and the last line say so, by members exportBegin and exportEnd: import knows a cut\n"
      .. "export from a whole one.",
    examples = {
      "holdfast export ./data -o backup.jsonl",
      "holdfast export ./data signal | holdfast import ./copy",
    },
    arguments = function(command)
      options.url(command)
      options.entity(command, true)
      command:option("-o"):hidden_name("--output"):target("output"):argname("FILE")
        :description("Replace FILE, once the export is whole; the standard output if left out or '-'.")
      options.range(command)
      options.readonly(command)
    end,
    run = export,
  },
  {
    name = "import",
    summary = "Read entities from JSON lines.",
    description = "Reads lines as export writes them and writes the entities, new or not.  A bad line stops the\n"
      .. "import and is named; of its batch (up to 1000 lines) nothing is written.  Running the whole import\n"
      .. "again is always safe.  What a line says is damaged goes into quarantine where the store has one\n"
      .. "and no sound entity; otherwise it is reported, and the exit code is 3.\n\n"
      .. "A file that is part of an export is refused before anything is imported; of a pipe that is known\n"
      .. "only at its end.  --partial takes both.\n\n"
      .. "Refused for an adapter's entity names (signal, schedule, risk, partial) while a strategy host runs on\n"
      .. "the store; --force imports all the same.",
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
      options.durability(command)
      options.force(command)
    end,
    run = import,
  },
}
