-- SPDX-License-Identifier: MIT
--
-- What was added to the host: strategies, exchanges, risk profiles and frames, found by their names.

local checks = require "holdfast.host.checks"
local kinds = require "holdfast.host.kinds"

local M = {}

local refuse = checks.refuse

local added = {} -- by kind, then name
for kind in pairs(kinds) do added[kind] = {} end

--- Adds what `given` describes.  The table is copied: changing it later changes nothing.
---@param kind "strategy"|"exchange"|"risk"|"frame"
---@param given table
---@raise invalid_argument  a field is missing or wrong, or the name is taken
function M.add(kind, given)
  local k, all = kinds[kind], added[kind]
  if type(given) ~= "table" then refuse("%s: give a table {%s=, ...}, not a %s", k.add, k.nameField, type(given)) end
  local name = given[k.nameField]
  checks.name(k.add, k.nameField, name)
  local what = k.add .. " '" .. name .. "'"
  if all[name] then refuse("%s: there is one of that name already: choose another %s", what, k.nameField) end
  local copy = {}
  for field, value in pairs(given) do copy[field] = value end
  k.check(what, copy)
  all[name] = copy
end

--- The one of that name.
---@param kind string
---@param name string
---@param what string  who asks, for the error
---@return table
---@raise invalid_argument  there is none
function M.find(kind, name, what)
  local k, all = kinds[kind], added[kind]
  if name == nil then refuse("%s: %s is missing", what, k.nameField) end
  if all[name] then return all[name] end
  local names = {}
  for other in pairs(all) do names[#names + 1] = other end
  table.sort(names)
  return refuse("%s: %s: there is no %s '%s'; %s", what, k.nameField, kind, tostring(name),
    #names > 0 and "added were: " .. table.concat(names, ", ") or "add it with host." .. k.add)
end

--- Forgets all that was added.
function M.clear()
  for kind in pairs(kinds) do added[kind] = {} end
end

return M
