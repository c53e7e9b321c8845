-- SPDX-License-Identifier: MIT
--
-- A store that tries again when a failure may pass: up to five times, waiting 20, 40, 80 and 160 ms in between, each
-- up to half as long again so that several programs do not come back at the same moment.
-- RetryingPersist is over files; RetryingPersist.over(Class) over any other class, such as one that uses a network.
--
--     local RetryingRedis = require("retrying").over(require "redis_adapter")
--
-- It repeats what is `retryable` with the codes `unavailable`, `timeout` and `busy`.  Not `conflict`, whose condition
-- will not hold the second time either, and not `full`.  After a `timeout` the first try may have been carried out:
-- writing a value twice does no harm, but a removal or a conditional write would be told `not_found` or `conflict`
-- because of its own first try, so those are not repeated then.  Loops are not repeated: half has been handed out.

local holdfast = require "holdfast"
local ffi = require "ffi"

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and other scripts make theirs.
ffi.cdef [[int example_poll(void *fds, unsigned long count, int milliseconds) __asm__("poll");]]

local PASSING = { unavailable = true, timeout = true, busy = true }

local function isPassing(failure, repeatable)
  return holdfast.isError(failure) and failure.retryable and PASSING[failure.code]
    and (repeatable or failure.code ~= "timeout")
end

-- Calls a method of the parent class until it succeeds or there is no sense in going on.
local function try(self, method, repeatable, ...)
  local wait = self.firstWait
  for attempt = 1, self.attempts do
    local ok, result = pcall(method, self, ...)
    if ok then return result end
    if attempt == self.attempts or not isPassing(result, repeatable) then error(result, 0) end
    self.sleep(wait * (1 + math.random() / 2))
    wait = 2 * wait
  end
end

-- A class that extends the parent by trying again.
local function over(Parent, name)
  local RetryingPersist = Parent:extend(name or "Retrying" .. Parent.className)

  RetryingPersist.attempts = 5
  RetryingPersist.firstWait = 20 -- ms

  function RetryingPersist.sleep(ms) ffi.C.example_poll(nil, 0, ms) end

  for _, method in ipairs { "waitForInit", "readValue", "hasValue", "removeAll" } do
    RetryingPersist[method] = function(self, argument) return try(self, Parent[method], true, argument) end
  end

  function RetryingPersist:writeValue(id, entity, conditions)
    return try(self, Parent.writeValue, conditions == nil, id, entity, conditions)
  end

  function RetryingPersist:removeValue(id)
    return try(self, Parent.removeValue, false, id)
  end

  return RetryingPersist
end

local RetryingPersist = over(holdfast.FilePersist, "RetryingPersist")
RetryingPersist.over = over

return RetryingPersist
