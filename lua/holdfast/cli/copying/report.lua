-- SPDX-License-Identifier: MIT
--
-- What a copy says at its end: lines for people, and one object for programs.

local comparing = require "holdfast.cli.copying.comparison"
local indexes = require "holdfast.cli.store.indexes"
local output = require "holdfast.cli.console.output"
local text = require "holdfast.cli.console.text"

local M = {}

-- What became of something that is damaged in the source.
local OUTCOMES = {
  quarantined = "in quarantine in the target too",
  kept = "the target keeps the sound one that it has",
  missing = "not in the target, which cannot keep it as damaged",
}

--- Says what was copied.
---@param copier holdfast.cli.Copier
function M.copied(copier)
  for _, one in ipairs(copier.damaged) do
    output.line(table.concat({ "damaged", one.name, one.id, OUTCOMES[one.outcome] }, "\t"))
  end
  for _, counter in ipairs(copier.counts) do output.line(string.format("%s\t%.0f", counter.entity, counter.copied)) end
  local earlier = copier.before > 0 and ", " .. text.count(copier.before) .. " before that" or ""
  local damaged = #copier.damaged > 0 and ", " .. text.count(#copier.damaged) .. " damaged in the source" or ""
  output.line(text.plural(copier.copied, "entity", "entities") .. " copied" .. earlier .. damaged)
end

--- Says what was deleted, and which indexes of the target were dropped.
---@param result holdfast.cli.Mirror
function M.deleted(result)
  for _, one in ipairs(result.indexes and result.indexes.dropped or {}) do
    output.line(table.concat({ "dropped", one.entity, indexes.nameOf(one) }, "\t"))
  end
  for _, counter in ipairs(result.counts) do
    output.line(string.format("deleted\t%s\t%.0f", counter.entity, counter.deleted))
  end
  output.line(text.plural(result.deleted, "entity", "entities") .. " deleted")
end

--- Says what a comparison found.
---@param results table[]  as comparing.compare gives them
function M.compared(results)
  for _, result in ipairs(results) do
    local source, to = result.source, result.target
    for _, one in ipairs(result.first) do
      output.line(table.concat({ one.problem, result.entity, one.id, one.where }, "\t"))
    end
    local more = result.missing + result.extra + result.different + result.damaged - #result.first
    if more > 0 then output.line("more\t" .. result.entity .. "\t" .. string.format("%.0f", more)) end
    output.line(result.equal and string.format("equal\t%s\t%.0f\t%s", result.entity, source.count, source.hash)
      or string.format("differs\t%s\t%.0f\t%s\t%.0f\t%s", result.entity, source.count, source.hash, to.count, to.hash))
  end
  local all, parts = comparing.sum(results), {}
  for _, problem in ipairs(comparing.PROBLEMS) do
    if all[problem] > 0 then parts[#parts + 1] = text.count(all[problem]) .. " " .. problem end
  end
  output.line(string.format("%s compared: %s", text.plural(all.entities, "entity", "entities"),
    all.found == 0 and "equal" or table.concat(parts, ", ")))
end

local function positionText(saved)
  return saved and text.raw(text.object("entity", saved.entity, "id", saved.id, "copied", saved.copied)) or nil
end

local function sideText(side) return text.raw(text.object("count", side.count, "hash", side.hash)) end

local function deletedTexts(result)
  local deleted = {}
  for i, counter in ipairs(result and result.counts or {}) do
    deleted[i] = text.object("entity", counter.entity, "deleted", counter.deleted)
  end
  return deleted
end

local function damagedTexts(all)
  local damaged = {}
  for i, one in ipairs(all) do
    damaged[i] = text.object("entity", one.name, "id", text.utf8(one.id), "problem", text.utf8(one.problem),
      "outcome", one.outcome)
  end
  return damaged
end

--- All of it as a JSON object.
---@param copier? holdfast.cli.Copier
---@param results? table[]
---@param unreadable integer
---@param made holdfast.cli.Definition[]  indexes
---@return string
function M.json(copier, results, unreadable, made)
  local copied, compared = {}, {}
  local mirrored = copier and copier.mirror
  for i, counter in ipairs(copier and copier.counts or {}) do
    copied[i] = text.object("entity", counter.entity, "copied", counter.copied)
  end
  for i, result in ipairs(results or {}) do
    local first = {}
    for k, one in ipairs(result.first) do
      first[k] = text.object("problem", one.problem, "id", text.utf8(one.id), "where", one.where)
    end
    compared[i] = text.object("entity", result.entity, "equal", result.equal, "source", sideText(result.source),
      "target", sideText(result.target), "missing", result.missing, "different", result.different,
      "extra", result.extra, "damaged", result.damaged, "first", text.list(first))
  end
  return text.object("copied", copier and copier.copied, "entities", copier and text.list(copied),
    "deleted", mirrored and mirrored.deleted, "deletedEntities", mirrored and text.list(deletedTexts(mirrored)),
    "notDeleted", mirrored and mirrored.kept, "unreadable", unreadable,
    "indexesDropped", indexes.json(mirrored and mirrored.indexes and mirrored.indexes.dropped or {}),
    "damaged", copier and text.list(damagedTexts(copier.damaged)), "indexes", indexes.json(made),
    "resumedBehind", copier and positionText(copier.resumed), "leftover", copier and positionText(copier.leftover),
    "equal", results and comparing.sum(results).found == 0, "compared", results and text.list(compared))
end

return M
