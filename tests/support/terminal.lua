-- SPDX-License-Identifier: MIT
--
-- Talks to the command on a terminal of its own (terminal.py).

local json = require "cjson"
local process = require "support.process"
local temp = require "support.temp"

local BIN = os.getenv("HOLDFAST_BIN") or error("HOLDFAST_BIN must name the command to test")
local SOURCE = os.getenv("HOLDFAST_SOURCE") or "."

local M = {}

--- Runs the command on a terminal.
---@param words string[]  of the command
---@param steps {[1]: string, [2]?: string, pause?: number}[]  keys, and the text to wait for; without one the end
---@param options? {environment?: table<string, string>, columns?: integer}
---@return string[] answers  what came after each step
---@return integer code      the exit code, or the signal as a negative number
function M.talk(words, steps, options)
  options = options or {}
  local talk = { words = { BIN, unpack(words) }, rows = 24, columns = options.columns or 80,
    environment = { TERM = "xterm", HOLDFAST_HISTORY = "", LC_ALL = "C.UTF-8" }, steps = {} }
  for name, value in pairs(options.environment or {}) do talk.environment[name] = value end
  for i, step in ipairs(steps) do
    talk.steps[i] = { send = step[1] ~= "" and step[1] or nil, expect = step[2], pause = step.pause or 0 }
  end
  local path = temp.directory() .. "/talk.json"
  temp.writeFile(path, json.encode(talk))
  local result = process.run { "python3", SOURCE .. "/tests/support/terminal.py", path }
  assert(result.code == 0, result.stderr)
  local said = json.decode(result.stdout)
  return said.answers, said.code
end

return M
