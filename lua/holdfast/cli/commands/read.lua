-- SPDX-License-Identifier: MIT
--
-- Subcommands that read: get, ls, filter, take, count.  Values go out as the text that
-- is stored, one line per entity, so that other programs can take them from a pipe.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local bytecode = require "holdfast.cli.code.bytecode"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

-- Writes one entity: its value, or with --json an object with its id.
local function writeEntity(args, id, json)
  output.line(args.json and text.object("id", id, "value", text.raw(json)) or text.oneLine(json))
end

-- ------------------------------------------------------------------------ get

local function getOne(store, persist, id, args)
  if not args.json then return core.readText(persist, id) end
  return store:atOneMoment(persist, function()
    local json = core.readText(persist, id)
    local entry = persist.supports.revision and persist:readEntry(id) or {}
    return text.object("id", id, "value", text.raw(json), "revision", entry.revision, "updatedAt", entry.updatedAt)
  end)
end

local function get(args)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  local code = 0
  for _, id in ipairs(args.id) do
    local ok, line = pcall(getOne, store, persist, id, args)
    if ok then
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
  return code
end

-- ------------------------------------------------------------------------- ls

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
      output.line(text.object("id", id, "bytes", #json, "revision", entry.revision, "updatedAt", entry.updatedAt))
    else
      local revision = entry.revision and text.whole(entry.revision) or "-"
      output.line(table.concat({ id, #json, revision, text.time(entry.updatedAt) }, "\t"))
    end
  end
  return found
end

local function ls(args)
  local store = target.open(args)
  if not args.entity then
    listNames(store, args)
    return store:exitCode()
  end
  local persist = store:entity(args.entity)
  local found = false
  if args.long then
    found = listLong(store, persist, args)
  else
    for id in store:keys(persist, options.rangeOf(args)) do
      found = true
      output.line(args.json and text.object("id", id) or id)
    end
  end
  store:requireFound(found, args.entity)
  return store:exitCode()
end

-- --------------------------------------------------------------------- filter

local NO_VALUE = "the expression gives no value, so nothing could match: write a condition such as "
  .. "'v.x == 1' (== compares, = assigns), or end the statements with a return"

-- Compiles the expression; `v` is the value and `id` the id.
local function compile(expression)
  local head = "local v, id = ... "
  local chunk, message = loadstring(head .. "return " .. expression .. "\n", "=EXPR")
  if not chunk then
    local statements = loadstring(head .. expression .. "\n", "=EXPR")
    if not statements then
      error(core.error("invalid_argument", "the expression is not Lua: " .. message), 0)
    end
    chunk = statements
  end
  if not bytecode.givesValue(chunk) then error(core.error("invalid_argument", NO_VALUE), 0) end
  return setfenv(chunk, setmetatable({ holdfast = holdfast, null = holdfast.null }, { __index = _G }))
end

local function filter(args)
  local predicate = compile(args.expression)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  local range = options.rangeOf(args)
  local left = range.limit or math.huge
  range.limit = nil
  local decode = holdfast.json.decode
  local current, found
  local ok, raised = xpcall(function()
    if left == 0 then return end
    for id, json in store:texts(persist, range) do
      found = true
      local value = decode(json)
      current = id
      local wanted = predicate(value, id)
      current = nil
      if wanted then
        if args.ids and not args.json then output.line(id) else writeEntity(args, id, json) end
        left = left - 1
        if left == 0 then return end
      end
    end
  end, function(raised) return raised == output.nobodyReads and raised or core.traceback(raised) end)
  if not ok then
    if raised ~= output.nobodyReads then raised = core.toError(raised) end
    if current then
      raised.message = string.format("the expression raised at %s:%s: %s", args.entity, current, raised.message)
      raised.entityName, raised.entityId = args.entity, current
      raised.showTraceback = false
    end
    error(raised, 0)
  end
  store:requireFound(found or args.limit == 0, args.entity)
  return store:exitCode()
end

-- ----------------------------------------------------------------------- take

local function take(args)
  local store = target.open(args)
  local range = options.rangeOf(args)
  range.limit = args.n
  local found = false
  for id, json in store:texts(store:entity(args.entity), range) do
    found = true
    writeEntity(args, id, json)
  end
  store:requireFound(found, args.entity)
  return store:exitCode()
end

-- ---------------------------------------------------------------------- count

local function count(args)
  local store = target.open(args)
  local total = 0
  if args.entity then
    total = store:count(store:entity(args.entity))
    store:requireFound(total > 0, args.entity)
  else
    local names = store:names()
    local bar = progress.start { label = "Counting", unit = "entity names", total = #names }
    for i, name in ipairs(names) do
      total = total + store:count(store:entity(name))
      bar:step(i)
    end
    bar:finish()
  end
  output.line(args.json and text.object("entity", args.entity, "count", total) or string.format("%.0f", total))
  return store:exitCode()
end

return {
  {
    name = "get",
    summary = "Print entities by their ids.",
    description = "Prints the JSON of an entity as it is stored; for several ids one line each.\n"
      .. "With --json: {\"id\":..,\"value\":..,\"revision\":..,\"updatedAt\":..}.\n"
      .. "Exit code 1 if one of them does not exist.",
    examples = { "holdfast get ./data signal BTC", "holdfast get ./data signal BTC ETH --json" },
    arguments = function(command)
      options.url(command)
      options.entity(command)
      command:argument("ID"):argname("ID"):target("id"):args("+"):description("Ids of entities.")
      options.readonly(command)
    end,
    run = get,
  },
  {
    name = "ls",
    summary = "List entity names, or the ids of one.",
    description = "Without ENTITY: one line per entity name, with how many entities it has behind a tab.\n"
      .. "With it: one id per line, in natural order (BTC-2 before BTC-10).",
    examples = {
      "holdfast ls ./data",
      "holdfast ls ./data signal --prefix BTC | head -5",
      "holdfast ls ./data signal -l",
    },
    arguments = function(command)
      options.url(command)
      options.entity(command, true)
      options.range(command)
      command:flag("-l --long")
        :description("Also the bytes of the value, its revision and when it was written, by tabs.")
      options.readonly(command)
    end,
    run = ls,
  },
  {
    name = "filter",
    summary = "Print entities for which a Lua expression is true.",
    description = "Prints the values, one line of JSON each, for which EXPR is true.  In EXPR `v` is the value,\n"
      .. "`id` its id, `null` JSON's null.  Finding none is no error.",
    examples = {
      "holdfast filter ./data signal 'v.side == \"long\" and v.price > 40000'",
      "holdfast filter ./data signal 'v.closed' --ids | xargs -d '\\n' holdfast rm ./data signal",
      "holdfast filter ./data candle 'v.volume == 0' --prefix BTC --json",
    },
    arguments = function(command)
      options.url(command)
      options.entity(command)
      command:argument("EXPR"):argname("EXPR"):target("expression")
        :description("A Lua expression, or statements with a return that gives a value.")
      command:flag("-i --ids"):description("Print the ids and not the values.")
      options.range(command)
      options.readonly(command)
    end,
    run = filter,
  },
  {
    name = "take",
    summary = "Print the first N entities.",
    description = "Prints the first N values in natural order of ids, one line of JSON each.",
    examples = { "holdfast take ./data candle 10", "holdfast take ./data candle 1 --reverse --json" },
    arguments = function(command)
      options.url(command)
      options.entity(command)
      command:argument("N"):argname("N"):target("n"):convert(options.wholeNumber):description("How many at most.")
      options.range(command, true)
      options.readonly(command)
    end,
    run = take,
  },
  {
    name = "count",
    summary = "Count entities.",
    description = "Prints how many entities an entity name has, or the whole store.",
    examples = { "holdfast count ./data signal", "holdfast count ./data" },
    arguments = function(command)
      options.url(command)
      options.entity(command, true)
      options.readonly(command)
    end,
    run = count,
  },
}
