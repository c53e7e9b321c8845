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

-- Failures of the machine, for which no path is to blame: EINTR, EIO, EAGAIN, ENOMEM, ENFILE, EMFILE, ENOSPC, EDQUOT.
local NOT_THE_PATH = { [4] = true, [5] = true, [11] = true, [12] = true, [23] = true, [24] = true, [28] = true,
  [122] = true }

--- Raises that a path which was given cannot be used; or, where the system failed, that the work has.
---@param problem string
---@param hint? string
---@param number? integer  the system's number of the problem
function M.path(problem, hint, number)
  local err = core.error("io", problem)
  if not NOT_THE_PATH[number] then err.hint, err.exit = hint, 2 end
  error(err, 0)
end

return M
