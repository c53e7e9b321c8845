-- SPDX-License-Identifier: MIT
--
-- Raising that the call is wrong, which is exit code 2.

local core = require "holdfast.core"

local M = {}

--- Raises that an argument is wrong.
---@param message string  a format
---@param ... any         for it
function M.call(message, ...)
  error(core.error("invalid_argument", string.format(message, ...)), 0)
end

--- Raises that a path which was given cannot be used.
---@param problem string
---@param hint? string
function M.path(problem, hint)
  local err = core.error("io", problem)
  err.hint, err.exit = hint, 2
  error(err, 0)
end

return M
