-- SPDX-License-Identifier: MIT
--
-- Predicates at random, as Lua text: expressions alone, chains of `if` and `return`, and whole functions with loops,
-- effects and inner functions; with a loop body that changes what they ask for, as programs do.
--
-- What is made is a chunk.  It is called with a table of what it may use, and returns the predicate, the body of the
-- loop over what it lets through, and a function that gives the variables of both, for comparison.  Each call makes
-- new ones of the same prototypes.

local draws = require "support.asked.draws"
local expressions = require "support.asked.expressions"

local pick, oneIn = draws.pick, draws.oneIn

local M = {}

---@class asked.Path
---@field steps any[]   keys, the first one of the entity
---@field kind string   of what most documents have there
---@field field table

-- All paths that fields have; of equal names the last one counts.
local function pathsOf(fields, prefix, out)
  local last = {}
  for i, field in ipairs(fields) do last[field.name or i] = field end
  for i, field in ipairs(fields) do
    local steps = { unpack(prefix) }
    steps[#steps + 1] = field.name or i
    if last[field.name or i] == field then
      out[#out + 1] = { steps = steps, kind = field.kind, field = field }
      pathsOf(field.fields or field.items or {}, steps, out)
    end
  end
  return out
end

-- ---- statements

local block

local function newLocal(c)
  c.count = c.count + 1
  return "x" .. c.count
end

-- `local m = v.metadata`: what follows may go on from there.
local function alias(c)
  local root = pick(c.draw, c.roots)
  local path = pick(c.draw, root.paths)
  local inner = pathsOf(path.field and (path.field.fields or path.field.items) or {}, {}, {})
  local name = newLocal(c)
  local text = root.text
  for _, key in ipairs(path.steps) do
    text = text .. (type(key) == "number" and "[" .. key .. "]" or "[" .. expressions.quoted(key) .. "]")
  end
  if inner[1] then
    c.roots[#c.roots + 1] = { text = name, paths = inner }
  else
    c.locals[#c.locals + 1] = name
  end
  return ("local %s = %s"):format(name, text)
end

local STORES = {
  "m1 = E", "m2 = E", "cfg.min = E", "self.min = E", "cfg.symbol = E", "global1 = E", "v.seen = E",
  "seen[#seen + 1] = E",
  "m1 = (m1 or 0) + 1", "log(E)", "error(E)", "coroutine.yield(E)", "pcall(log, E)", "helper(E)", "error({ E })",
  "error()",
  "setmetatable(cfg, { __index = function(_, k) log(k) return E end })", "cfg = { min = E }", "tamper(N)", "v = E",
}

local function use(c, text)
  for _, name in ipairs { "m1", "m2", "cfg", "self", "seen", "log", "helper", "tamper" } do
    if text:find("%f[%w]" .. name .. "%f[%W]") then c.used[name] = true end
  end
  return text
end

local function effect(c)
  local made = pick(c.draw, STORES):gsub("%f[%w]E%f[%W]", function() return expressions.value(c, 1) end)
  return use(c, (made:gsub("%f[%w]N%f[%W]", function() return tostring(c.draw(12)) end)))
end

local LOOPS = {
  "for i = 1, 3 do B end", "for i = 3, 1, -1 do B end", "for _, x in ipairs(E) do B end",
  "local n = 0 for _ in pairs(E) do n = n + 1 end",
  "while C do B break end", "repeat B until true", "for i = 1, 70 do if i == 60 then B end end",
  "for i = E, E do B break end",
}

-- The text in which the letters B, C and E are replaced.
local function filled(c, text, depth)
  return (text:gsub("%f[%w][BCE]%f[%W]", function(letter)
    if letter == "B" then return block(c, depth - 1) end
    if letter == "C" then return expressions.truth(c, 1) end
    return expressions.value(c, 1)
  end))
end

local function result(c)
  local way = c.draw(10)
  if way <= 4 then return "return " .. expressions.truth(c, 2) end
  if way <= 6 then return "return true" end
  if way == 7 then return "return false" end
  if way == 8 then return "return " .. expressions.value(c, 2) end
  if way == 9 then return "return" end
  return "return " .. expressions.value(c, 1) .. ", " .. expressions.value(c, 0)
end

local function condition(c, depth)
  local parts = { "if " .. expressions.truth(c, 2) .. " then " .. block(c, depth - 1) }
  while oneIn(c.draw, 4) do
    parts[#parts + 1] = "elseif " .. expressions.truth(c, 1) .. " then " .. block(c, depth - 1)
  end
  if oneIn(c.draw, 3) then parts[#parts + 1] = "else " .. block(c, depth - 1) end
  return table.concat(parts, " ") .. " end"
end

local function assignment(c)
  if c.locals[1] and oneIn(c.draw, 2) then
    local name = pick(c.draw, c.locals)
    if not name:find "%(" then return name .. " = " .. expressions.value(c, 1) end
  end
  local made = expressions.value(c, 2)
  local name = newLocal(c)
  c.locals[#c.locals + 1] = name
  return "local " .. name .. " = " .. made
end

local function closure(c)
  local made = expressions.value(c, 1)
  local name = newLocal(c)
  c.locals[#c.locals + 1] = name .. "()"
  return ("local function %s() return %s end"):format(name, made)
end

local function statement(c, depth)
  if c.wild and oneIn(c.draw, 3) then
    local way = c.draw(5)
    if way <= 3 then return effect(c) end
    if way == 4 and depth > 0 then return filled(c, pick(c.draw, LOOPS), depth) end
    return closure(c)
  end
  local way = c.draw(8)
  if way <= 4 and depth > 0 then return condition(c, depth) end
  if way <= 6 then return alias(c) end
  return assignment(c)
end

-- What is declared in a block ends with it.
function block(c, depth)
  local roots, locals = #c.roots, #c.locals
  local parts = {}
  for i = 1, c.draw(depth > 0 and 3 or 2) - 1 do parts[i] = statement(c, depth) end
  if not oneIn(c.draw, 4) then parts[#parts + 1] = "do " .. result(c) .. " end" end
  for i = #c.roots, roots + 1, -1 do c.roots[i] = nil end
  for i = #c.locals, locals + 1, -1 do c.locals[i] = nil end
  return table.concat(parts, " ")
end

-- ---- whole functions

local function chain(c)
  local parts = {}
  for i = 1, c.draw(4) do
    parts[i] = ("if %s then %s end"):format(expressions.truth(c, 1), result(c))
  end
  if not oneIn(c.draw, 4) then parts[#parts + 1] = result(c) end
  return table.concat(parts, "\n  ")
end

local function statements(c)
  local parts = {}
  for i = 1, c.draw(4) do parts[i] = statement(c, 2) end
  if not oneIn(c.draw, 5) then parts[#parts + 1] = result(c) end
  return table.concat(parts, "\n  ")
end

local HEADS = {
  "(v)", "(v)", "(v, id)", "(v, id)", "(...)\n  local v, id = ...", "(v, ...)\n  local id = ...", "(v, id, more)",
  "(v, id, ...)",
}

local function ofFunction(c, head)
  c.id = head:find "id" ~= nil
  local way = c.draw(10)
  if way <= 5 then return "return " .. expressions.truth(c, 3) end
  if way <= 8 then return chain(c) end
  return statements(c)
end

-- What stands before the predicate: its upvalues, those that it uses.
local function upvalues(c)
  local function value(kind) return expressions.constant(c, kind) end
  local made = {
    k1 = "local k1 = " .. value "string",
    k2 = "local k2 = " .. value "number",
    m1 = "local m1 = " .. (c.zero and pick(c.draw, { "0", "-0" }) or value "number"),
    m2 = "local m2 = " .. value "string",
    cfg = ("local cfg = { min = %s, symbol = %s, deep = { x = %s }, %s }"):format(value "number", value "string",
      value "number", value "number"),
    self = ("local self = { min = %s, symbol = %s }"):format(value "number", value "string"),
    meta = ("local meta = setmetatable({}, { __index = function(_, k) log(k) return %s end })"):format(value "number"),
    find = "local find = string.find",
    seen = "local seen = {}",
    helper = "local function helper(x, y) return x == y or x end",
    count = "local function count(x) local n = 0 for _ in pairs(x) do n = n + 1 end return n end",
  }
  local lines = {}
  for _, name in ipairs { "k1", "k2", "m1", "m2", "cfg", "self", "meta", "find", "seen", "helper", "count" } do
    if c.used[name] then lines[#lines + 1] = made[name] end
  end
  return table.concat(lines, "\n")
end

local CHANGES = {
  "m1 = E", "cfg.min = E", "m2 = E", "self.min = E", "cfg.symbol = E", "self.symbol = E", "cfg.deep = { x = E }",
  "m1 = n",
  "cfg = { min = E, symbol = E, deep = {} }", "setmetatable(cfg, { __index = function(_, k) log(k) return E end })",
  "cfg.deep = nil",
  "global1 = E", "tamper(N)", "return true",
}

local NAMED = { "m1", "m2", "cfg", "self" }

-- The changes of what the predicate asks for, and those of anything else.
local function changesFor(c)
  local ours, others = {}, {}
  for _, change in ipairs(CHANGES) do
    local name, isNamed = change:match "%f[%w](%w+)%f[%W]", false
    if change:find "^setmetatable" then name = "cfg" end
    for _, known in ipairs(NAMED) do isNamed = isNamed or known == name end
    if not isNamed then others[#others + 1] = change end
    if isNamed and c.used[name] then ours[#ours + 1] = change end
  end
  return ours[1] and ours or others, others
end

-- When: once, or again and again, so that what was found ahead is found again.
local function when(c, change)
  if change == "return true" then return "n == 60" end
  if oneIn(c.draw, 2) then return ("n %% %d == 1"):format(1 + c.draw(9)) end
  return ("n == %d"):format(c.draw(60))
end

-- The body of the loop: what it does with the first, second, ... entity that it is given.
local function body(c)
  local lines, ours, others = {}, changesFor(c)
  for i = 1, c.draw(4) - 1 do
    local change = c.zero and oneIn(c.draw, 2) and "m1 = -m1" or pick(c.draw, oneIn(c.draw, 8) and others or ours)
    local text = change:gsub("%f[%w]E%f[%W]", function() return expressions.constant(c) end)
    text = text:gsub("%f[%w]N%f[%W]", function() return tostring(c.draw(12)) end)
    lines[i] = ("if %s then %s end"):format(when(c, change), text)
  end
  return table.concat(lines, "\n  ")
end

local function variables(c)
  local names = {}
  for _, name in ipairs { "m1", "m2", "cfg", "self", "seen" } do
    if c.used[name] then names[#names + 1] = name .. " = " .. name end
  end
  return "{ " .. table.concat(names, ", ") .. " }"
end

local CHUNK = [[
local lib = ...
local log, null, holdfast, tamper = lib.log, lib.null, lib.holdfast, lib.tamper
%s
local function predicate%s
  %s
end
local function body(n, v)
  %s
end
return predicate, body, function() return %s end
]]

-- The expressions that are given to the command: their names are globals of an environment of their own.
local COMMAND = [[
local lib = ...
local holdfast = lib.holdfast
local predicate = assert(loadstring(%s, "=EXPR"))
local env = { holdfast = holdfast, null = holdfast.null }
return setfenv(predicate, setmetatable(env, { __index = _G })), function() end, function() return {} end
]]

-- A predicate of one variable that changes all the time: by the loop's body, or by the predicate itself.
local function changing(c)
  c.upvalues, c.used.m1 = true, true
  local path, kind = expressions.path(c)
  local function value() return expressions.constant(c, kind) end
  local inner = ("return v ~= null and %s %s m1"):format(path, pick(c.draw, { "~=", "==", "~=", ">" }))
  if oneIn(c.draw, 2) then
    inner = ("if %s then m1 = %s return true end\n  "):format(expressions.comparison(c, 0), value()) .. inner
  end
  local loop = ("if n %% %d == 0 then m1 = %s else m1 = %s end"):format(1 + c.draw(5), value(), value())
  return CHUNK:format(upvalues(c), "(v)", inner, loop, variables(c))
end

--- All paths that a shape has.
---@param shape asked.Shape
---@return asked.Path[]
function M.paths(shape) return pathsOf(shape.fields, {}, {}) end

--- The text of a chunk.
---@param draw asked.Draw
---@param shape asked.Shape
---@return string chunk
---@return string? expression  where the predicate is one, and needs nothing but `v` and `id`
function M.predicate(draw, shape)
  local paths = pathsOf(shape.fields, {}, {})
  paths[#paths + 1] = { steps = {}, kind = "any" }
  local c = { draw = draw, shape = shape, roots = { { text = "v", paths = paths } }, locals = {}, used = {}, count = 0 }
  if oneIn(draw, 8) then
    c.id = true
    local expression = expressions.truth(c, 3)
    return COMMAND:format(expressions.quoted("local v, id = ... return " .. expression .. "\n")), expression
  end
  c.upvalues, c.wild = not oneIn(draw, 4), draw(5) >= 4
  if oneIn(draw, 4) then return changing(c) end
  local head = pick(draw, HEADS)
  local inner = ofFunction(c, head)
  if oneIn(draw, 30) then inner = use(c, ("tamper(%d) "):format(draw(12))) .. inner end
  local loop = body(c)
  return CHUNK:format(upvalues(c), head, inner, loop, variables(c))
end

return M
