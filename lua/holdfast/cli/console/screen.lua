-- SPDX-License-Identifier: MIT
--
-- Lines on a terminal: coloured, and drawn again in their place without flicker: each drawing is one write, which
-- clears what it does not cover.  Where there is no terminal the lines are plain, one drawing after the other.

local glyphs = require "holdfast.cli.console.glyphs"
local output = require "holdfast.cli.console.output"
local terminal = require "holdfast.cli.system.terminal"

local M = {}

local STYLES = { alarm = "\27[1;31m", warning = "\27[33m", strong = "\27[1m" }
local PLAIN = "\27[0m"
local HOME, CLEAR, CLEAR_LINE, CLEAR_REST = "\27[H", "\27[2J", "\27[K", "\27[J"

---@class holdfast.cli.Line
---@field text string   on one line
---@field style? "alarm"|"warning"|"strong"

---@class holdfast.cli.Screen
---@field isTerminal boolean
---@field isColoured boolean
---@field wasDrawn boolean
local Screen = {}
Screen.__index = Screen

--- Makes that of standard output.
---@return holdfast.cli.Screen
function M.new()
  local isTerminal = terminal.isTerminal(1) and os.getenv "TERM" ~= "dumb"
  local noColor = os.getenv "NO_COLOR"
  return setmetatable({
    isTerminal = isTerminal, isColoured = isTerminal and (noColor == nil or noColor == ""), wasDrawn = false,
  }, Screen)
end

local function painted(self, line, text)
  local style = self.isColoured and STYLES[line.style]
  return style and text ~= "" and style .. text .. PLAIN or text
end

--- Writes lines, one below the other.
---@param lines holdfast.cli.Line[]
function Screen:write(lines)
  for _, line in ipairs(lines) do output.line(painted(self, line, line.text)) end
end

--- Draws lines in the place of those that were drawn before, as many as there is room for.
---@param lines holdfast.cli.Line[]
function Screen:draw(lines)
  if not self.isTerminal then
    if self.wasDrawn then output.line "" end
    self.wasDrawn = true
    self:write(lines)
    return output.flush()
  end
  local width, height = terminal.width(1), terminal.height(1)
  local count = #lines < height and #lines or math.max(height - 2, 1)
  local parts = { self.wasDrawn and HOME or CLEAR .. HOME }
  for i = 1, count do
    local shown = glyphs.cut(lines[i].text, math.max(width - 1, 1))
    parts[#parts + 1] = painted(self, lines[i], shown) .. CLEAR_LINE .. "\r\n"
  end
  if count < #lines then
    parts[#parts + 1] = ("... %d more lines"):format(#lines - count) .. CLEAR_LINE .. "\r\n"
  end
  parts[#parts + 1] = CLEAR_REST
  self.wasDrawn = true
  output.text(table.concat(parts))
  output.flush()
end

return M
