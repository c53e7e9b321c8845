-- SPDX-License-Identifier: MIT
--
-- The risk slots and the trades of one backtest, in memory: what it gives depends on nothing that runs beside it or ran
-- before.  The slots are written to the adapter now and then.

local commits = require "holdfast.host.state.commit"
local risk = require "holdfast.host.state.risk"

local M = {}

---@class holdfast.host.BacktestBook: holdfast.host.Book
---@field flush fun(clear: boolean)  writes what has changed; to clear it, removes all that was written

--- Makes one, empty.
---@return holdfast.host.BacktestBook
function M.new()
  local book = { slots = {}, changed = {}, written = {}, trades = {} }
  function book.read(key) return book.slots[key] or {} end
  function book.write(slots, key)
    book.slots[key] = slots
    book.changed[key] = true
  end
  function book.flush(clear)
    for key in pairs(clear and book.written or book.changed) do
      local slots = not clear and book.slots[key] or nil
      commits.run { { adapter = "PersistRiskAdapter", run = function() risk.adapter.write(slots, key) end } }
      book.written[key] = true
      book.changed[key] = nil
    end
  end
  return book
end

return M
