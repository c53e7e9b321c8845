-- SPDX-License-Identifier: MIT
--
-- What tests ask of raised errors.

local assert = require("luassert")
local holdfast = require("holdfast")

local M = {}

--- Calls the function, which must raise, and returns what it raised.
function M.caught(fn, ...)
  local ok, raised = pcall(fn, ...)
  assert.is_false(ok, "nothing was raised")
  return raised
end

--- Calls the function, which must raise an error object with this code, and returns the object.
--- message: the exact text, or, with ^ or $ at an end, a pattern; nil: any.
function M.error(code, message, fn, ...)
  local err = M.caught(fn, ...)
  assert.is_true(holdfast.isError(err), "not an error object: " .. tostring(err))
  assert.equal(code, err.code, err.message)
  if message and (message:find("^%^") or message:find("%$$")) then
    assert.matches(message, err.message)
  elseif message then
    assert.equal(message, err.message)
  end
  assert.equal(err.message, tostring(err))
  return err
end

--- "file:line" of the caller's line.
function M.here()
  local info = debug.getinfo(2, "Sl")
  return info.short_src .. ":" .. info.currentline
end

return M
