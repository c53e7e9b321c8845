-- SPDX-License-Identifier: MIT
--
-- The parts of the model: each file in one of its folders is one, and nothing lists them.

local M = {}

local here = assert(os.getenv "HOLDFAST_SOURCE", "HOLDFAST_SOURCE is the source folder") .. "/tests/fault/model/"

--- What the files of a folder return, by their names, and these names in order.
---@param folder "stores"|"faults"|"invariants"
---@return table<string, table> parts
---@return string[] names
function M.all(folder)
  local parts, names = {}, {}
  local list = assert(io.popen(("ls '%s%s'"):format(here, folder)))
  for file in list:lines() do
    local name = file:match "^([%w_]+)%.lua$"
    if name then
      parts[name] = require(("model.%s.%s"):format(folder, name))
      names[#names + 1] = name
    end
  end
  list:close()
  assert(names[1], "nothing is in " .. here .. folder)
  table.sort(names)
  return parts, names
end

return M
