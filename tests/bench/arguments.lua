-- SPDX-License-Identifier: MIT
--
-- The command line of hf_bench (bench.h) for what measures in Lua: WHAT -d DIR, and further options.

local LETTERS = { d = "dir", e = "entity", f = "source", g = "group", n = "ops", k = "names", s = "seed" }

--- What a command line asks for.
---@param words string[]
---@return {what: string, dir: string, entity: string, source: string?, ops: integer, group: integer, names: integer,
---  seed: integer, synced: boolean?}
return function(words)
  local o = { what = words[1], entity = "signal", ops = 100000, group = 1, names = 1, seed = 1 }
  local i = 2
  while words[i] do
    local letter = words[i]:match("^%-(%a)$")
    if letter == "y" then
      o.synced = true
    else
      i = i + 1
      o[assert(LETTERS[letter], "no such option")] = letter:match("[gnks]") and tonumber(words[i]) or words[i]
    end
    i = i + 1
  end
  return o
end
