-- SPDX-License-Identifier: MIT
--
-- Trying again within a deadline, for backends of database servers that are scripts; backends/redis has the same rules
-- in C.  What is safe to repeat: everything that was not sent, and reads.  A write whose reply was lost is never
-- repeated: it is reported by lost().

local clock = require "holdfast.util.clock"
local core = require "holdfast.core"

local FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5 -- seconds

local M = {}

--- The error for a write of which nobody knows whether it happened: the connection was lost, or the deadline
--- passed, between sending it and the reply.
---@param code "unavailable"|"timeout"
---@param message string
---@return holdfast.Error
function M.lost(code, message)
  local err = core.error(code, message .. "; the write may have happened: read it before writing again")
  err.retryable = false
  return err
end

-- The tries after the first one, which raised `err`.
local function tryAgain(settings, deadline, err, operation, ...)
  local pause = FIRST_PAUSE
  for _ = 1, settings.retries do
    local again = core.isError(err) and err.retryable and err.code == "unavailable"
    local wait = pause * (0.5 + math.random() / 2)
    if not again or clock.now() + wait >= deadline then break end
    clock.sleep(wait)
    pause = math.min(2 * pause, LONGEST_PAUSE)
    local ok, result = pcall(operation, deadline, ...)
    if ok then return result end
    err = result
  end
  error(err, 0)
end

--- Runs operation(deadline, ...), and again after a pause when it raised an error that is retryable.
--- What is not safe to repeat must raise one that is not (M.lost).
---@generic T
---@param settings {timeout: number, retries: integer}
---@param operation fun(deadline: number, ...): T  deadline: on clock.now()
---@return T
function M.try(settings, operation, ...)
  local deadline = clock.now() + settings.timeout
  local ok, result = pcall(operation, deadline, ...)
  if ok then return result end
  return tryAgain(settings, deadline, result, operation, ...)
end

return M
