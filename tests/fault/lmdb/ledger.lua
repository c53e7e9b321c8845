-- SPDX-License-Identifier: MIT
--
-- A workload like that of ledger.h, in Lua, for `holdfast run` and a stock luajit:
--
--   ledger.lua write BASE FIRST               carries out steps; a line with its number acknowledges each
--   ledger.lua check BASE ACKNOWLEDGED BEGUN  prints which step's state the store has; raises if it is none of these

local holdfast = require("holdfast")

local command, base = arg[1], arg[2]
local signals, risks = holdfast.PersistBase("signal", base), holdfast.PersistBase("risk", base)

-- What a step writes and removes, as { id = entity or false } for signals and for risks.
local function plan(step)
  local entity = { step = step, pad = ("x"):rep(step * 37 % 400), levels = holdfast.array({ step, step / 3 }) }
  local function id(i)
    return "ETH/USDT:" .. (step * 7 + i) % 60
  end
  if step % 4 == 0 then
    return { [id(1)] = entity }, {}
  elseif step % 4 == 1 then
    return { [id(1)] = entity, [id(2)] = entity, [id(3)] = entity }, {}
  elseif step % 4 == 2 then
    return { [id(1)] = entity, [id(4)] = false }, { [id(2)] = entity, [id(5)] = entity }
  end
  return { [id(1)] = false, [id(2)] = false }, {}
end

local function commit(step)
  local forSignals, forRisks = plan(step)
  if step % 4 == 0 then
    local id, entity = next(forSignals)
    signals:writeValue(id, entity)
  elseif step % 4 == 1 then
    signals:writeMany(forSignals)
  elseif step % 4 == 2 then
    holdfast.transaction(function()
      for _, of in ipairs({ { signals, forSignals }, { risks, forRisks } }) do
        for id, entity in pairs(of[2]) do
          if entity then
            of[1]:writeValue(id, entity)
          else
            of[1]:removeMany({ id })
          end
        end
      end
    end)
  else
    local ids = {}
    for id in pairs(forSignals) do
      ids[#ids + 1] = id
    end
    signals:removeMany(ids)
  end
end

-- A text that is the same for the same content.
local function describe(ofSignals, ofRisks)
  local lines = {}
  for name, of in pairs({ signal = ofSignals, risk = ofRisks }) do
    for id, entity in pairs(of) do
      if entity then
        lines[#lines + 1] = ("%s %s %d %s %.17g"):format(name, id, entity.step, entity.pad, entity.levels[2])
      end
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function advance(model, step)
  for i, changes in ipairs({ plan(step) }) do
    for id, entity in pairs(changes) do
      model[i][id] = entity
    end
  end
end

local function content(store)
  local found = {}
  for id, entity in store:entries() do
    assert(found[id] == nil, id .. " is there twice")
    found[id] = entity
  end
  return found
end

if command == "write" then
  io.stdout:setvbuf("line") -- whole lines: unbuffered, the first byte is written alone
  for step = tonumber(arg[3]), math.huge do
    commit(step)
    io.stdout:write(step .. "\n")
  end
else
  local acknowledged, begun = tonumber(arg[3]), tonumber(arg[4])
  local is, model = describe(content(signals), content(risks)), { {}, {} }
  for step = 1, begun do
    if step > acknowledged and is == describe(model[1], model[2]) then
      print(step - 1)
      return
    end
    advance(model, step)
  end
  assert(is == describe(model[1], model[2]), "no state from step " .. acknowledged .. " to " .. begun .. " fits")
  print(begun)
end
