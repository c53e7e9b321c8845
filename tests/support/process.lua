-- SPDX-License-Identifier: MIT
--
-- Runs commands for specs and says what they wrote and how they ended.  Everything
-- goes through files, since Lua's pipes give either the output or the exit code.

local temp = require "support.temp"

local M = {}

-- The exit code, from what os.execute returns here: a wait status.
local function exitCode(status)
  local signal = status % 256
  return signal == 0 and status / 256 or 128 + signal % 128
end

--- Runs a shell command.
---@param command string
---@param stdin? string  what it reads; nothing by default
---@return {stdout: string, stderr: string, code: integer}
function M.shell(command, stdin)
  local dir = temp.directory()
  temp.writeFile(dir .. "/in", stdin or "")
  -- On lines of its own, so that the redirections hold for all of it.
  local status = os.execute(string.format("exec <%s/in >%s/out 2>%s/err\n%s", dir, dir, dir, command))
  return { stdout = temp.readFile(dir .. "/out"), stderr = temp.readFile(dir .. "/err"), code = exitCode(status) }
end

--- Runs a program with these words, each as it is.
---@param words string[]
---@param stdin? string
---@return {stdout: string, stderr: string, code: integer}
function M.run(words, stdin)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = temp.quote(word) end
  return M.shell(table.concat(quoted, " "), stdin)
end

return M
