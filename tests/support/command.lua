-- SPDX-License-Identifier: MIT
--
-- Runs the command `holdfast` for specs, and says what they expect of it.

local assert = require("luassert")
local process = require("support.process")
local temp = require("support.temp")

local BIN = os.getenv("HOLDFAST_BIN") or error("HOLDFAST_BIN must name the command to test")

local M = {}

--- The shell's words for it.
---@param words string[]
---@param state? string  the folder in which it keeps how far a copy has come; the user's if left out
---@return string
function M.line(words, state)
  local quoted = { temp.quote(BIN) }
  if state then table.insert(quoted, 1, "XDG_STATE_HOME=" .. temp.quote(state)) end
  for _, word in ipairs(words) do quoted[#quoted + 1] = temp.quote(word) end
  return table.concat(quoted, " ")
end

--- Runs it.
---@param words string[]
---@param stdin? string
---@param state? string
---@return {stdout: string, stderr: string, code: integer}
function M.run(words, stdin, state) return process.shell(M.line(words, state), stdin) end

--- Expects success without complaints; returns what it printed.
function M.ok(words, stdin, state)
  local result = M.run(words, stdin, state)
  assert.equal("", result.stderr)
  assert.equal(0, result.code)
  return result.stdout
end

--- Expects this exit code, and this piece of text on standard error.
function M.fails(code, complaint, words, stdin, state)
  local result = M.run(words, stdin, state)
  assert.matches(complaint, result.stderr, 1, true)
  assert.equal(code, result.code)
  return result
end

return M
