-- SPDX-License-Identifier: MIT
--
-- `./dev bench --peers`: Holdfast beside other stores, on the same entities and the same work in the same rounds.  See
-- work.h for what is measured, and list.lua for whom.

local Report = require "report"
local json = require("holdfast").json
local list = require "peers.list"
local measure = require "measure"
local signals = require "signals"

local M = {}

-- Flags of the programs.  A server is called less often: each call takes its time.
local function ofGets(size, peer) return "-n " .. (peer.isServer and size.trips or size.gets) end
local function ofPuts(size, peer) return "-n " .. (peer.isServer and size.trips or size.puts) end
local function ofSyncs(size) return "-y -n " .. size.syncs end

local LOAD = { "write many, durable", "load", function(size) return "-y -f " .. measure.quoted(size.file) end, 1 }

-- What is measured: its title, what the programs call it, their flags, and the largest good ratio to the best peer.
-- `texts`: by those in C; all others decode what they read.  `indexed`: by those that have indexes, which stay from
-- then on.  `isLost`: a power cut may take it, as is wanted.
local WORKS = {
  LOAD,
  { "write, not flushed", "put", ofPuts, 1, isLost = true },
  { "write, durable", "put", ofSyncs, 1 },
  { "read one, decoded", "get", ofGets, 0.95 },
  { "read all, decoded", "values", nil, 0.95 },
  { 'metadata.symbol == "BTCUSDT", 1 % hits', "symbol", nil, 1 },
  { "priceTakeProfit - priceOpen > 1746.3, 3 % hits", "sum", nil, 1 },
  { 'symbol has "BTC", 5 % hits', "substring", nil, 1 },
  { "count of one symbol", "count", nil, 1 },
  { "indexes over three paths made", "index", function() return "-y" end, 1, indexed = true },
  { 'by an index: metadata.symbol == "BTCUSDT", 1 % hits', "symbol", nil, 1, indexed = true },
  { "by an index: count of one symbol", "count", nil, 1, indexed = true },
  { "by an index: one by an id of its own, decoded", "find", ofGets, 1, indexed = true },
  { "by an index: the ten with the largest priceOpen", "top", function(size) return "-n " .. size.trips end, 1,
    indexed = true },
  { "with three indexes: write, not flushed", "put", ofPuts, 1, isLost = true, indexed = true },
  { "with three indexes: write, durable", "put", ofSyncs, 1, indexed = true },
  { "read one, as text, in C", "getText", ofGets, 1, texts = true },
  { "read all, as text, in C", "valuesText", nil, 1, texts = true },
}

-- Writes the entities, JSON a line; the n-th is that of log-n.
local function writeEntities(path, count)
  local generator, file = signals.new(signals.SEED), assert(io.open(path, "w"))
  for _ = 1, count do file:write(json.encode(generator:signal()), "\n") end
  file:close()
end

-- One measurement: µs, and how many entities were given where that is told.
local function once(peer, work, place, flags, seed)
  local command = peer.inC and peer.inC[work[2]] or peer.command .. " " .. work[2]
  local output = measure.run(("%s -d %s -s %d %s"):format(command, measure.quoted(place), seed, flags))
  local us, given = output:match("^(%S+)%s*(%S*)")
  return tonumber(us) or error(("%s: %s: %s"):format(peer.name, work[2], output), 0), tonumber(given)
end

-- The samples of each peer that does this work.  All have to give the same number of entities.
local function measureWork(work, peers, size)
  local samples, expected = {}, nil
  for _, peer in ipairs(peers) do samples[peer] = {} end
  for round = 1, size.rounds do
    for i = 1, #peers do -- each round begins with another one
      local peer = peers[(i + round) % #peers + 1]
      local flags = work[3] and work[3](size, peer) or ""
      local us, given = once(peer, work, peer.place(not work.isLost), flags, round)
      samples[peer][round] = us
      if given and given > 0 then
        expected = expected or given
        if given ~= expected then
          error(("%s: %s gave %d, another one %d"):format(work[1], peer.name, given, expected), 0)
        end
      end
    end
  end
  return samples
end

local function those(peers, work)
  local found = {}
  for _, peer in ipairs(peers) do
    if (peer.texts or not work.texts) and (peer.indexed or not work.indexed) then found[#found + 1] = peer end
  end
  return found
end

-- Rows of one work: each peer beside Holdfast, and Holdfast beside the best of them.
local function addRows(report, work, samples, ours, peers)
  local best
  for _, peer in ipairs(peers) do
    if peer ~= ours then
      local row = report:add(("%s: %s; baseline Holdfast"):format(work[1], peer.name), samples[peer], samples[ours])
      if not best or row.us < best.us then best = { us = row.us, samples = samples[peer] } end
    end
  end
  if best then report:add(work[1] .. ": Holdfast; baseline the best of them", samples[ours], best.samples, work[4]) end
end

-- What is not flushed may go to another place, where the entities must be, too.
local function fillOthers(peers, size)
  for _, peer in ipairs(peers) do
    local place = peer.place(false)
    if place ~= peer.place(true) then once(peer, LOAD, place, LOAD[3](size), 1) end
  end
end

-- The cells of a peer's column: µs, and how many times Holdfast's that is.
local function cell(samples, peer, ours)
  if not samples[peer] then return "" end
  local us, base = Report.median(samples[peer]), Report.median(samples[ours])
  return peer == ours and Report.number(us) or ("%s (%.2f)"):format(Report.number(us), us / base)
end

local function line(cells) return "| " .. table.concat(cells, " | ") .. " |" end

-- The table for the documents: a row for each work, a column for each peer.
local function markdown(results, peers, ours)
  local head, rule = { "µs" }, "|---|"
  for i, peer in ipairs(peers) do head[i + 1], rule = peer.name, rule .. "---:|" end
  local lines = { line(head), rule }
  for _, result in ipairs(results) do
    local cells = { result.title }
    for i, peer in ipairs(peers) do cells[i + 1] = cell(result.samples, peer, ours) end
    lines[#lines + 1] = line(cells)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function measureAll(report, peers, ours, size)
  local results = {}
  fillOthers(peers, size)
  for _, work in ipairs(WORKS) do
    measure.progress("%s", work[1])
    local some = those(peers, work)
    local samples = measureWork(work, some, size)
    addRows(report, work, samples, ours, some)
    results[#results + 1] = { title = work[1], samples = samples }
    if work == LOAD then
      for _, peer in ipairs(peers) do if peer.finish then peer.finish() end end
    end
  end
  return results
end

--- Adds the rows, and gives the table for the documents.
---@param report table  Report
---@param size {entities: integer, puts: integer, syncs: integer, gets: integer, trips: integer, rounds: integer}
---@param installs boolean  whether npm installs what is missing
---@return string
function M.measure(report, size, installs)
  list.usePackages()
  if installs then list.install() end
  local ours, peers = list.holdfast(), list.present()
  table.insert(peers, 1, ours)
  size.file = measure.folder "peer-entities"
  writeEntities(size.file, size.entities)
  return markdown(measureAll(report, peers, ours, size), peers, ours)
end

M.stop = list.stopServers

return M
