-- SPDX-License-Identifier: MIT
--
-- Runs Lua code in another process, with the same modules as this one.

local process = require("support.process")
local temp = require("support.temp")

local M = {}

--- Runs the code under luajit.
---@param code string
---@param prefix? string  words before the command, such as "timeout 5"
---@return {stdout: string, stderr: string, code: integer}
function M.run(code, prefix)
  return process.shell(
    ("LUA_CPATH=%s LUA_PATH=%s %s luajit -e %s"):format(
      temp.quote(package.cpath),
      temp.quote(package.path),
      prefix or "",
      temp.quote(code)
    )
  )
end

--- Runs the code on `store`, an instance for this entity name and base; it must succeed.  Returns what it printed.
function M.on(entityName, base, code, prefix)
  local opening = "local holdfast = require('holdfast') local store = holdfast.PersistBase(%q, %q) "
  local result = M.run(opening:format(entityName, base) .. code, prefix)
  if result.code ~= 0 then
    error("the other process ended with " .. result.code .. ": " .. result.stderr, 2)
  end
  return result.stdout
end

return M
