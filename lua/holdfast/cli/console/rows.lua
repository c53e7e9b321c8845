-- SPDX-License-Identifier: MIT
--
-- What commands print of entities: a line of JSON each, or with --table aligned columns for people, whose keys stand in
-- the order in which they are stored.  The first entities, which are held back, settle the columns; so tables of any
-- length need no more memory than that, and a field that comes up only later is told of at the end.

local core = require "holdfast.core"
local glyphs = require "holdfast.cli.console.glyphs"
local grid = require "holdfast.cli.console.grid"
local members = require "holdfast.cli.console.members"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local terminal = require "holdfast.cli.system.terminal"
local text = require "holdfast.cli.console.text"

local HELD = 1000 -- entities that settle the columns
local NAMED = 10 -- of several fields that are told of

local M = {}

-- ------------------------------------------------------------------- cells

-- Times are whole numbers of ms since 1970, from 2001 to 2286, in a field whose name says so.
local FIRST_TIME, LAST_TIME = 1e12, 1e13

--- Whether a field holds times, by its name: it is `at`, `since`, `till` or `timestamp`, or ends like one of them, as
--- in closedAt, validTill, exit_timestamp.
---@param name string
---@return boolean
function M.isTime(name)
  local last = name:match("[^.]*$")
  for _, word in ipairs { "At", "Since", "Till", "Timestamp" } do
    local small = word:lower()
    if last == small or last:find("%l" .. word .. "$") or last:find("_" .. small .. "$") then return true end
  end
  return false
end

-- The cell of a value under a name: what stands in its column.
local function cell(name, json)
  local kind = members.kind(json)
  if kind == "string" then return glyphs.harmless(core.json.decode(json)) end
  if kind ~= "number" then return glyphs.harmless(text.oneLine(json)) end
  local n = tonumber(json)
  if M.isTime(name) and n >= FIRST_TIME and n < LAST_TIME and n % 1 == 0 then
    return { whole = text.time(n):gsub("%.000Z$", "Z") }
  end
  return { number = json }
end

-- ------------------------------------------------------------------ columns

---@class holdfast.cli.Rows
---@field titles string[]            of the columns
---@field places table<string, integer>  their numbers
---@field given boolean              whether they were given by --columns
---@field held any[][]?              the rows that settle the widths; nil once that has happened
---@field missed string[]            fields that came too late for a column of their own
---@field empty table<string, boolean>  columns that were given, and that nothing has been in yet
local Rows = {}
Rows.__index = Rows

-- The number of the column of this name, which is made where it is missing; nil: it is too late for that.
local function placeOf(self, title)
  local place = self.places[title]
  if place or self.given then return place end
  if not self.held then
    if not self.missed[title] then
      self.missed[title] = true
      self.missed[#self.missed + 1] = title
    end
    return nil
  end
  self.titles[#self.titles + 1] = title
  self.places[title] = #self.titles
  return #self.titles
end

-- The cells of all that an entity has.
local function wholeRow(self, id, json)
  local row = { glyphs.harmless(id) }
  if members.kind(json) ~= "object" then
    local place = placeOf(self, "v")
    if place then row[place] = cell("v", json) end
    return row
  end
  for name, value in members.of(json) do
    local place = placeOf(self, name == "id" and "v.id" or name)
    if place then row[place] = cell(name, value) end
  end
  return row
end

-- The value of a column that was given: a path, which may begin like an expression with `v.`.
local function valueAt(json, path)
  if path == "v" then return json end
  return members.at(json, path) or (path:find("^v%.") and members.at(json, path:sub(3))) or nil
end

-- The cells of the columns that were given.
local function chosenRow(self, id, json)
  local row = {}
  for place, title in ipairs(self.titles) do
    local value = title ~= "id" and valueAt(json, title)
    if title == "id" then row[place] = glyphs.harmless(id) end
    if value then row[place] = cell(title, value) end
    if row[place] ~= nil then self.empty[title] = nil end
  end
  return row
end

-- Settles the columns, and prints what was held back for it.
local function settle(self)
  local held = self.held
  self.held = nil
  if #held == 0 then return end
  self.grid = grid.of(self.titles, held, terminal.isTerminal(1) and terminal.width(1) or nil)
  output.line(self.grid:head())
  for _, row in ipairs(held) do output.line(self.grid:line(row)) end
end

--- Takes one entity.
---@param id string
---@param json string
function Rows:add(id, json)
  local row = (self.given and chosenRow or wholeRow)(self, id, json)
  self.any = true
  if not self.held then
    output.line(self.grid:line(row))
    return
  end
  self.held[#self.held + 1] = row
  if #self.held == HELD then settle(self) end
end

local function list(names)
  local shown = {}
  for i = 1, math.min(#names, NAMED) do shown[i] = glyphs.harmless(names[i]) end
  if #names > NAMED then shown[NAMED + 1] = string.format("and %d more", #names - NAMED) end
  return table.concat(shown, ", ")
end

--- Prints what is left, and says what the table does not show.
function Rows:finish()
  if self.held then settle(self) end
  if not self.any then return end
  local function note(names, ...)
    if #names == 0 then return end
    output.flush()
    output.note({}, ...)
  end
  local hidden = self.grid.hidden
  note(hidden, "no room for %s: a wider terminal shows %s, or --columns chooses", list(hidden),
    #hidden == 1 and "it" or "them")
  note(self.missed, "no column for %s, first seen after %s rows: --columns chooses", list(self.missed),
    text.count(HELD))
  local empty = {}
  for _, title in ipairs(self.titles) do
    if self.empty[title] then empty[#empty + 1] = title end
  end
  note(empty, "nothing has %s", list(empty))
end

-- ------------------------------------------------------------------ options

-- What prints lines.
local Lines = {}
Lines.__index = Lines
function Lines:add(id, json) output.entity(self.args, id, json) end
function Lines:finish() end

local function given(args)
  local titles, places = {}, {}
  for title in (args.columns .. ","):gmatch("%s*([^,]*),") do
    title = title:gsub("%s+$", "")
    if title == "" then refuse.call "--columns takes names with commas between them, such as id,symbol,exit.price" end
    if places[title] then refuse.call("--columns names '%s' twice", title) end
    titles[#titles + 1] = title
    places[title] = #titles
  end
  return titles, places
end

--- What prints the entities of a command: add(id, json) for each, then finish().  Raises where --table cannot be.
---@param args {table?: boolean, columns?: string, json?: boolean, ids?: boolean}
---@return {add: fun(self: table, id: string, json: string), finish: fun(self: table)}
function M.of(args)
  if not args.table and not args.columns then return setmetatable({ args = args }, Lines) end
  if args.json then refuse.call "--table is for people, --json for programs: give one of them" end
  if args.ids then refuse.call "--ids prints nothing but ids: leave out --table and --columns, or give --columns id" end
  local titles, places = { "id" }, { id = 1 }
  if args.columns then titles, places = given(args) end
  local empty = {}
  for title in pairs(args.columns and places or {}) do empty[title] = true end
  return setmetatable({ titles = titles, places = places, given = args.columns ~= nil, held = {}, missed = {},
    empty = empty }, Rows)
end

return M
