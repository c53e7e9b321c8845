-- SPDX-License-Identifier: MIT
--
-- Whether a store is what the one that it follows was at the revision which it claims: follow_test.sh.  Prints the
-- revision, or "copying" or "nothing" where it claims none.
--
--     holdfast run follow_check.lua SOURCE TARGET

local core = require "holdfast.core"
local holdfast = require "holdfast"

local source, target = arg[1], arg[2]
local options = { durability = "nosync" }

local ok, opened = pcall(holdfast.openStore, target, { create = false, durability = "nosync" })
if not ok then
  assert(core.isError(opened, "not_found"), tostring(opened))
  print "nothing"
  return
end

local any = holdfast.PersistBase("signal", target, options)
local text = core.noteRead(any, "follows")
if not text then
  print "nothing"
  return
end
local note = core.json.decode(text)
if note.state ~= "following" then
  print "copying"
  return
end
assert(note.exact, "it does not claim to be exact")

-- What a store has under a name, as one text.
local function all(url, name)
  local persist, lines = holdfast.PersistBase(name, url, options), {}
  for id, json in core.texts(persist) do lines[#lines + 1] = id .. "\t" .. json end
  return table.concat(lines, "\n")
end

local function firstDifference(a, b)
  local theirs = {}
  for line in b:gmatch "[^\n]+" do theirs[line] = true end
  for line in a:gmatch "[^\n]+" do
    if not theirs[line] then return line end
  end
end

local first = holdfast.PersistBase("signal", source, options)
local was = core.snapshot(first, function()
  local found = {}
  for _, name in ipairs { "candle", "order", "signal" } do found[name] = all(source, name) end
  return found
end, { at = note.revision })
for name, expected in pairs(was) do
  local is = all(target, name)
  if is ~= expected then
    error(("at revision %d of the source, %s: missing or different %s; extra %s"):format(note.revision, name,
      firstDifference(expected, is) or "none", firstDifference(is, expected) or "none"), 0)
  end
end
print(note.revision)
