-- SPDX-License-Identifier: MIT
--
-- The adapter of docs/adapters.md: each entity name is a file {baseDir}/{entityName}.jsonl to which every change adds a
-- line.  Plain Lua, nothing to install.
--
--     holdfast test examples/journal_adapter.lua
--     holdfast put "lua:./examples/journal_adapter.lua?base=./journal" signal BTCUSDT '{"open":44152.25}'
--
-- Before each operation it reads the lines that are new since it looked last, so instances and processes see each
-- other's changes.  A line is there when the operating system has it: it survives the end of the process, not a power
-- cut, since plain Lua cannot flush to the disk.  A file only grows, all its values are in memory, and long lines of
-- two processes may get mixed up: it is for little data and one writing process.

local holdfast = require "holdfast"
local json = holdfast.json

local JournalPersist = holdfast.PersistBase:extend("JournalPersist")

JournalPersist.supports = { durable = true }

-- Bytes that no file name should have, as %XX.
local function fileName(entityName)
  return (entityName:gsub("[^%w_-]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function openFile(path, mode)
  local file, reason = io.open(path, mode)
  if not file then error(holdfast.error("io", reason)) end
  return file
end

function JournalPersist:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  self.path = (baseDir ~= "" and baseDir or ".") .. "/" .. fileName(entityName) .. ".jsonl"
  self.texts, self.offset = {}, 0 -- id -> JSON, of the first `offset` bytes of the file
end

function JournalPersist:waitForInit()
  local folder = self.path:match("^(.*)/")
  os.execute("mkdir -p '" .. folder:gsub("'", "'\\''") .. "' 2>/dev/null") -- what is wrong, the next line says
  openFile(self.path, "a"):close()
end

local function apply(self, line)
  local ok, change = pcall(json.decode, line)
  if not ok or type(change) ~= "table" then return end -- what was left of a line when a process ended
  if change.clear then
    self.texts = {}
  else
    self.texts[change.id] = change.value
  end
end

-- Reads what is new, and gives id -> JSON.
local function read(self)
  local file = openFile(self.path, "rb")
  file:seek("set", self.offset)
  local new = file:read("*a") or ""
  file:close()
  for line in new:gmatch("([^\n]*)\n") do
    self.offset = self.offset + #line + 1
    if line ~= "" then apply(self, line) end
  end
  return self.texts
end

-- Each change begins with a line end, which ends what another process may have left half written.
local function append(self, change)
  local file = openFile(self.path, "ab")
  local ok, reason = file:write("\n", json.encode(change), "\n")
  if ok then ok, reason = file:close() end
  if not ok then error(holdfast.error("io", reason)) end
end

function JournalPersist:readValue(id)
  local text = read(self)[id]
  if not text then error(holdfast.error("not_found")) end
  return json.decode(text)
end

function JournalPersist:hasValue(id)
  return read(self)[id] ~= nil
end

function JournalPersist:writeValue(id, entity)
  append(self, { id = id, value = json.encode(entity) })
end

function JournalPersist:removeValue(id)
  if not read(self)[id] then error(holdfast.error("not_found")) end
  append(self, { id = id })
end

function JournalPersist:removeAll()
  append(self, { clear = true })
end

function JournalPersist:keys()
  local keys = {}
  for id in pairs(read(self)) do keys[#keys + 1] = holdfast.orderKey(id) end
  table.sort(keys) -- by their bytes: cheaper than sorting ids by holdfast.naturalOrder
  for i, key in ipairs(keys) do keys[i] = key:match("%z(.*)") end -- the id, which stands at its end
  return keys
end

function JournalPersist:values()
  return coroutine.wrap(function()
    for _, id in ipairs(JournalPersist.keys(self)) do
      local text = self.texts[id]
      if text then coroutine.yield(json.decode(text)) end -- it may have been removed meanwhile
    end
  end)
end

-- Which entity names there are: for `holdfast ls` and export without one.
function JournalPersist.entityNames(baseDir)
  local names = {}
  local list = io.popen("ls '" .. (baseDir ~= "" and baseDir or "."):gsub("'", "'\\''") .. "' 2>/dev/null")
  for file in list:lines() do
    local name = file:match("^(.*)%.jsonl$")
    if name then
      names[#names + 1] = name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    end
  end
  list:close()
  return names
end

-- For `holdfast test`: makes the storage of an instance fail, until what it returns is called.
function JournalPersist.conformanceFail(instance)
  local path = instance.path
  instance.path = "/dev/null/" .. path
  return function() instance.path = path end
end

return JournalPersist
