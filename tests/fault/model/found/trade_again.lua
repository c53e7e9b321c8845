-- SPDX-License-Identifier: MIT
--
-- An older copy is put back without its trades, and the clock, which was ahead, is put right: a minute comes again, and
-- with it the id of a signal that the copy does not know and that has a trade.  It was the model that forbade it.
return { seed = 23, store = "memory", strategies = 4, symbols = 2, steps = {
  { believes = true, fault = "clock", minutes = 0, offset = 1020000 },
  { act = "copy", down = 2, fault = "operator", minutes = 3, name = "partial", which = 1 },
  { at = 10, code = "conflict", count = 2, fault = "refuse", kind = "commit", minutes = 2, name = "host",
    phase = "after" },
  { down = 1, fault = "restart", minutes = 4 },
  { at = 4, code = "io", count = 22, fault = "refuse", kind = "begin", minutes = 3, phase = "before" },
  { act = "putBackState", down = 0, fault = "operator", minutes = 1, name = "partial", which = 6 },
  { down = 2, fault = "restart", minutes = 2 },
} }
