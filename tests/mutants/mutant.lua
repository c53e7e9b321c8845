-- SPDX-License-Identifier: MIT
--
-- What mutants.sh asks of the list:
--
--   luajit mutant.lua SOURCE names [PART...]       those with one of the parts in their name or file; all without
--   luajit mutant.lua SOURCE show NAME             its file, its tests, and what it is if none of them fails
--   luajit mutant.lua SOURCE apply NAME FOLDER     makes it in the copy of the tree that is in FOLDER
--   luajit mutant.lua SOURCE key NAME              a text that is another once the mutant or its file has changed
--   luajit mutant.lua SOURCE sum RESULTS           how many there are of each outcome
--   luajit mutant.lua SOURCE merge RESULTS NEWER   the lines of both, the newer one of two; without those of mutants
--                                                  that, or whose files, have changed since

package.path = arg[0]:match("^(.*)/[^/]*$") .. "/?.lua;" .. package.path
local bit = require "bit"
local list = require "list"

local source, verb = arg[1], arg[2]

local function find(name)
  for _, mutant in ipairs(list.all(source)) do
    if mutant.name == name then return mutant end
  end
  error("there is no mutant " .. name, 0)
end

local function mutated(mutant)
  local text, problem = list.inTree(source, mutant)
  return text or error(("%s: %s: %s"):format(mutant.place, mutant.name, problem), 0)
end

-- The lines of a file of results, by name; none if it is not there.
local function results(path)
  local found, file = {}, io.open(path)
  for line in file and file:lines() or function() end do found[line:match("^[^\t]*")] = line end
  if file then file:close() end
  return found
end

local verbs = {}

function verbs.names(...)
  local parts = { ... }
  for _, mutant in ipairs(list.all(source)) do
    local wanted = #parts == 0
    for _, part in ipairs(parts) do
      wanted = wanted or mutant.name:find(part, 1, true) or mutant.file:find(part, 1, true)
    end
    if wanted then print(mutant.name) end
  end
end

function verbs.show(name)
  local mutant = find(name)
  print(mutant.file)
  print(table.concat(mutant.tests, " "))
  print(mutant.same and "same" or mutant.open and "open" or "survived")
end

function verbs.apply(name, folder)
  local mutant = find(name)
  local file = assert(io.open(folder .. "/" .. mutant.file, "wb"))
  assert(file:write(mutated(mutant)))
  assert(file:close())
end

local function keyOf(mutant)
  local h, text = 5381, mutated(mutant) .. table.concat(mutant.tests, " ")
  for i = 1, #text do h = bit.tobit(bit.bxor(bit.lshift(h, 5) + h, text:byte(i))) end
  return bit.tohex(h)
end

function verbs.key(name) print(keyOf(find(name))) end

function verbs.sum(path)
  local counts, total = {}, 0
  for _, line in pairs(results(path)) do
    local outcome = line:match("^[^\t]*\t([^\t]*)")
    counts[outcome], total = (counts[outcome] or 0) + 1, total + 1
  end
  local words = {}
  for outcome, count in pairs(counts) do words[#words + 1] = count .. " " .. outcome end
  table.sort(words)
  print(total .. " mutants: " .. table.concat(words, ", "))
end

function verbs.merge(path, newer)
  local old, new = results(path), results(newer)
  for _, mutant in ipairs(list.all(source)) do
    local key = keyOf(mutant)
    local function current(line) return line and line:match("[^\t]*$") == key and line end
    local line = current(new[mutant.name]) or current(old[mutant.name])
    if line then print(line) end
  end
end

local ok, raised = pcall(verbs[verb], unpack(arg, 3))
if not ok then
  io.stderr:write(tostring(raised), "\n")
  os.exit(1)
end
