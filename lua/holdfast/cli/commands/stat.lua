-- SPDX-License-Identifier: MIT
--
-- stat: what is known of a store or of an entity name.

local core = require "holdfast.core"
local indexes = require "holdfast.cli.store.indexes"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

-- "usedBytes" reads "used bytes" for a person.
local function label(name)
  return (name:gsub("%u", function(letter) return " " .. letter:lower() end))
end

-- A list of texts, or an object of numbers and texts, in a line.
local function inLine(value)
  local parts = {}
  for key, member in pairs(value) do
    parts[#parts + 1] = type(key) == "number" and tostring(member)
      or string.format("%s=%s", key, type(member) == "number" and core.json.encode(member) or tostring(member))
  end
  if not core.json.isArray(value) then table.sort(parts) end
  return #parts > 0 and table.concat(parts, "; ") or "none"
end

local function shown(name, value)
  if type(value) == "boolean" then return value and "yes" or "no" end
  if type(value) == "table" then return inLine(value) end
  if type(value) ~= "number" then return tostring(value) end
  if name:find("At$") then return text.time(value) end
  if not name:find("Bytes$") then return text.count(value) end
  return value < 1000 and text.bytes(value) or string.format("%s (%s)", text.count(value), text.bytes(value))
end

local function sortedNames(facts)
  local names = {}
  for name in pairs(facts) do names[#names + 1] = name end
  -- What it is comes first, then the rest by name.
  local first = { backend = "1", path = "2", url = "3", entityName = "4", entities = "5" }
  table.sort(names, function(a, b) return (first[a] or a) < (first[b] or b) end)
  return names
end

-- How many entries each index of a collection has, in the words of stores that tell of it in their own facts; nil where
-- the store keeps none.
local function indexFacts(persist)
  if not persist.supports.index then return nil end
  local counts = {}
  for _, index in ipairs(indexes.of(persist)) do
    counts[index.name] = index.ready == false and "not built" or index.entries or "built"
  end
  return counts
end

local function stat(args)
  local store = target.open(args)
  local facts
  if args.entity then
    local persist = store:entity(args.entity)
    facts = persist:stat()
    local count = facts.entities
    if not count and not facts.keys then count = persist:count() end -- where counting is left out it takes long
    if count == 0 then store:requireName(args.entity) end
    facts.indexes = facts.indexes or indexFacts(persist)
  else
    facts = store.store:stat()
  end
  local names = sortedNames(facts)
  if args.json then
    local members = {}
    for _, name in ipairs(names) do
      members[#members + 1] = name
      members[#members + 1] = facts[name]
    end
    output.line(text.object(unpack(members, 1, #members)))
    return 0
  end
  local width = 0
  for _, name in ipairs(names) do width = math.max(width, #label(name)) end
  for _, name in ipairs(names) do
    output.line(label(name) .. (" "):rep(width - #label(name) + 2) .. shown(name, facts[name]))
  end
  return 0
end

return {
  summary = "Show what is known of a store or an entity name.",
  description = "Shows sizes, settings and state, as the backend tells them.  Database servers are asked for their\n"
    .. "version, memory, durability and more; what the user may not see is left out.",
  examples = { "holdfast stat ./data", "holdfast stat ./data signal --json" },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    options.readonly(command)
  end,
  run = stat,
}
