-- SPDX-License-Identifier: MIT
--
-- The clock is set back by 17 minutes, and then somebody removes the outbox: a minute comes again of which nobody knows
-- that it was lived, and with it the id of a signal that was cancelled in the meantime.
return { seed = 400046, store = "file", strategies = 4, symbols = 2, steps = {
  { at = 77, down = 0, fault = "crash", minutes = 3 },
  { at = 21, down = 4, fault = "crash", minutes = 3 },
  { down = 3, fault = "restart", minutes = 4 },
  { fault = "rival", minutes = 4, often = 1, seed = 620389 },
  { believes = false, fault = "clock", minutes = 0, offset = -1020000 },
  { at = 11, code = "unavailable", count = 22, fault = "refuse", kind = "read", minutes = 4, phase = "before" },
  { at = 3, count = 3, fault = "listener", isText = false, kind = "getCandles", minutes = 2, phase = "before" },
  { fault = "rival", minutes = 3, often = 4, seed = 204074 },
  { act = "remove", down = 2, fault = "operator", minutes = 2, name = "partial", which = 2 },
} }
