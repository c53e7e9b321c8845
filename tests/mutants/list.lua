-- SPDX-License-Identifier: MIT
--
-- The list of mutants: reading it, and making one in a copy of the tree.  README.md has the format of list/*.txt.

local M = {}

---@class holdfast.mutants.Mutant
---@field name string
---@field file string    that it changes
---@field old string     found exactly once in the file
---@field new string     what stands there instead
---@field tests string[] of which one must fail; where `same` says why none can, those that were tried
---@field same? string   why it changes nothing
---@field open? string   why no test catches it yet
---@field place string   its file and line in the list

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function addLine(text, line) return text and text .. "\n" .. line or line end

-- Takes a line of the list; says what is wrong with it, or nil.
local function take(list, state, line, place)
  local word, rest = line:match("^(%S+) ?(.*)$")
  local mutant = list[#list]
  if word == "in" then
    state.file, state.open = rest, false
  elseif word == "mutant" then
    if not state.file then return "no file before it: say `in FILE`" end
    list[#list + 1] = { name = rest, file = state.file, new = "", tests = {}, place = place }
    state.open, state.replaced = true, false
  elseif not state.open then
    return "stands outside of a mutant"
  elseif word == "-" then
    mutant.old = addLine(mutant.old, rest)
  elseif word == "+" then
    mutant.new = state.replaced and addLine(mutant.new, rest) or rest
    state.replaced = true
  elseif word == "by" then
    for test in rest:gmatch("%S+") do mutant.tests[#mutant.tests + 1] = test end
  elseif word == "same" or word == "open" then
    mutant[word] = rest
  else
    return "begins with none of in, mutant, -, +, by, same, open, #"
  end
end

--- Reads the mutants of a list, in their order.
---@param path string  for messages
---@param text string
---@return holdfast.mutants.Mutant[]
function M.parse(path, text)
  local list, state, number = {}, {}, 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if line ~= "" and line:sub(1, 1) ~= "#" then
      local place = ("%s:%d"):format(path, number)
      local problem = take(list, state, line, place)
      if problem then error(("%s: %s: %s"):format(place, problem, line), 0) end
    end
  end
  return list
end

--- All mutants of a tree, by list and place.
---@param source string  the folder of the tree
---@return holdfast.mutants.Mutant[]
function M.all(source)
  local all = {}
  local pipe = assert(io.popen(("ls '%s'/tests/mutants/list/*.txt"):format(source)))
  for path in pipe:lines() do
    for _, mutant in ipairs(M.parse(path:sub(#source + 2), read(path))) do all[#all + 1] = mutant end
  end
  pipe:close()
  return all
end

--- The text with the mutant in it; nil and why not.
---@param text string
---@param mutant holdfast.mutants.Mutant
---@return string? mutated
---@return string? problem
function M.mutate(text, mutant)
  if not mutant.old then return nil, "it does not say what to change" end
  local first, last = text:find(mutant.old, 1, true)
  if not first then return nil, "what it changes is not in " .. mutant.file end
  if text:find(mutant.old, first + 1, true) then return nil, "what it changes is in " .. mutant.file .. " twice" end
  if mutant.old == mutant.new then return nil, "it changes nothing of the text" end
  return text:sub(1, first - 1) .. mutant.new .. text:sub(last + 1)
end

--- The same of the file in a tree.
---@param source string
---@param mutant holdfast.mutants.Mutant
---@return string? mutated
---@return string? problem
function M.inTree(source, mutant)
  local file = io.open(source .. "/" .. mutant.file, "rb")
  if not file then return nil, "there is no file " .. mutant.file end
  local text = file:read("*a")
  file:close()
  return M.mutate(text, mutant)
end

return M
