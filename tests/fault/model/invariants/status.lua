-- SPDX-License-Identifier: MIT
--
-- What other processes see of the runs: after a minute in which nothing went wrong, each run has noted that it has
-- lived it, and with which position; and the notes of all runs of a process became durable together.

local M = {}

function M.begin() return {} end

local function noteOf(world, run)
  local id = ("status/%s%%2F%s"):format(run.name, run.symbol)
  return world.disk.content.host[id]
end

-- How often notes have become durable in a minute.
function M.committed(state, changes, world)
  local when = math.floor(world.agenda.time / 60000)
  local isNote = false
  for _, change in ipairs(changes) do
    isNote = isNote or change.name == "host" and change.id:find "^status/" and change.after ~= nil
      and not change.after.endedAt
  end
  if not isNote then return end
  if state.when ~= when then state.when, state.commits = when, 0 end
  state.commits = state.commits + 1
end

function M.minute(state, when, _, world)
  for _, run in ipairs(world:runs()) do
    local note = noteOf(world, run)
    if not note then return ("%s/%s has not noted how it is"):format(run.name, run.symbol) end
    if note.minute ~= when then
      return ("%s/%s has noted the minute %s, and it is %d"):format(run.name, run.symbol, tostring(note.minute), when)
    end
    local row = world.disk.content.signal[run.name .. "/" .. run.symbol]
    local noted = note.position and note.position.id
    if noted ~= (row and row.id) then
      return ("%s/%s has noted the position %s, and has %s"):format(run.name, run.symbol, tostring(noted),
        tostring(row and row.id))
    end
  end
  local most = world.kind.together and #world.processes or math.huge
  if state.when == when / 60000 and state.commits > most then
    return ("%d commits of notes in a minute of %d processes"):format(state.commits, #world.processes)
  end
end

return M
