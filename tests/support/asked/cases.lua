-- SPDX-License-Identifier: MIT
--
-- What is judged: documents of one shape and predicates for it, made of a seed; and the shortest documents and
-- predicate that still fail, where some do.

local documents = require "support.asked.documents"
local draws = require "support.asked.draws"
local predicates = require "support.asked.predicates"

local M = {}

---@class asked.Case
---@field seed integer
---@field shape asked.Shape
---@field texts string[]                    of the documents
---@field choices table<string, integer[]>  that made each
---@field number? integer                   of the predicate
---@field text? string                      of its chunk
---@field list? integer[]                   the choices that made it
---@field alter? fun(text: string): string  what was done to its chunk after it was made

-- A loop decodes its first 48 entities whatever it is asked.
local SIZES = { 100, 60, 140, 70, 90, 20, 250 }
local MANY = 4500 -- more than one call of a scan looks at

--- The documents of a seed.
---@param seed integer
---@return asked.Case
function M.documents(seed)
  local draw = draws.fresh(seed)
  local shape = documents.shape(draw)
  local texts, choices = {}, {}
  for i = 1, draws.pick(draw, SIZES) do
    local own, list = draws.fresh(seed * 1000 + i)
    texts[i] = documents.document(own, shape)
    choices[texts[i]] = list
  end
  if draws.oneIn(draw, 8) then
    local count = #texts
    for i = count + 1, MANY do texts[i] = texts[i % count + 1] end
  end
  return { seed = seed, shape = shape, texts = texts, choices = choices }
end

--- The same documents with the nth predicate for them.
---@param case asked.Case
---@param number integer
---@return asked.Case
function M.withPredicate(case, number)
  local own, list = draws.fresh(case.seed * 1000 + 500 + number)
  local text = predicates.predicate(own, case.shape)
  assert(loadstring(text, text))
  return setmetatable({ number = number, text = text, list = list }, { __index = case })
end

-- ---- shorter ones

-- Fewer documents, and `null` in the place of those that matter to nobody.
local function fewer(texts, fails)
  local size = #texts
  while size >= 1 do
    local first = #texts - size + 1
    while first >= 1 do
      local shorter, plain, changed = {}, { unpack(texts) }, false
      for i, text in ipairs(texts) do
        if i < first or i >= first + size then
          shorter[#shorter + 1] = text
        else
          changed = changed or text ~= "null"
          plain[i] = "null"
        end
      end
      if fails(shorter) then
        texts = shorter
      elseif changed and fails(plain) then
        texts = plain
      end
      first = math.min(first, #texts + 1) - size
    end
    size = math.floor(size / 2)
  end
  return texts
end

local TRIES = 1500

local function plainerDocuments(case, texts, fails)
  for i, made in ipairs(texts) do
    local list = case.choices[made]
    if list then
      local function with(some)
        local changed = { unpack(texts) }
        changed[i] = documents.document(draws.again(some), case.shape)
        return changed
      end
      texts = with(draws.shortest(list, function(some) return fails(with(some)) end, TRIES))
    end
  end
  return texts
end

--- The shortest documents and predicate that were found for which `fails` is true; nil if it is not true for the case
--- itself.
---@param case asked.Case
---@param fails fun(texts: string[], text: string): boolean
---@return string[]? texts
---@return string? text
function M.shortest(case, fails)
  local text = case.text
  if not fails(case.texts, text) then return nil end
  local function failsWith(some) return fails(some, text) end
  local texts = fewer(case.texts, failsWith)
  local function made(list)
    local drawn = predicates.predicate(draws.again(list), case.shape)
    return case.alter and case.alter(drawn) or drawn
  end
  local list = draws.shortest(case.list, function(some)
    local shorter = made(some)
    return loadstring(shorter) ~= nil and fails(texts, shorter)
  end, TRIES)
  text = made(list)
  if not fails(texts, text) then text = case.text end
  texts = plainerDocuments(case, fewer(texts, failsWith), failsWith)
  return texts, text
end

-- ---- as text

local LINES = 40

--- Documents, one a line.
---@param texts string[]
---@return string
function M.textOf(texts)
  local out, i = {}, 1
  while i <= #texts and #out < LINES do
    local same = i
    while texts[same + 1] == texts[i] do same = same + 1 end
    out[#out + 1] = (same > i and ("%d to %d: "):format(i, same) or i .. ": ") .. texts[i]:sub(1, 2000)
    i = same + 1
  end
  if i <= #texts then out[#out + 1] = ("... %d in all"):format(#texts) end
  return table.concat(out, "\n")
end

return M
