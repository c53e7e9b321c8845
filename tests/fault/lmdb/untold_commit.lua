-- SPDX-License-Identifier: MIT
--
-- Keeps a store open, and says for each line that it is given what it reads there, in the way that the line names.

local adapters = require "holdfast.adapters"
local commits = require "holdfast.host.state.commit"
local holdfast = require "holdfast"

adapters.useAll(arg[1])

local function read() return adapters.PersistSignalAdapter.readSignalData("a", "b") end

local ways = {}

function ways.transaction() return holdfast.transaction(read) end

function ways.host()
  commits.catchUp { { adapter = "PersistSignalAdapter", run = read } }
  return read()
end

local function say(text)
  print(text)
  io.flush()
end

read()
say("open")
for way in io.lines() do say(holdfast.json.encode(ways[way]())) end
