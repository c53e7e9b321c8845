-- SPDX-License-Identifier: MIT
--
-- How far a copy has come: a small file for each pair of stores, replaced after each
-- batch that the target has acknowledged, and removed when the copy is done.  It is in
-- $XDG_STATE_HOME/holdfast (~/.local/state/holdfast) and not in the target, which must be
-- nothing but the copy.  What it says stays true however the copy ends: everything up to
-- the position has been written.

local core = require "holdfast.core"
local files = require "holdfast.cli.system.files"
local hash = require "holdfast.util.hash"
local text = require "holdfast.cli.console.text"

local json = core.json

---@class holdfast.cli.Position
---@field path? string   of the file; nil where the environment names no place for it
---@field begin string   what the file begins with: which copy it is about
local Position = {}
Position.__index = Position

local M = {}

--- What a URL means wherever the command is called: a path without links for stores that are paths, and never a
--- password.
---@param url string
---@return string
local function plainUrl(url)
  local scheme, path = url:match("^(%l[%l%d+.-]*):(.*)$")
  if scheme == "lua" then return text.url(url) .. " in " .. (files.real(".") or ".") end
  if scheme and scheme ~= "lmdb" and scheme ~= "file" then return text.url(url) end
  path = (scheme and path:gsub("%?.*$", "") or path or url)
  return (scheme or "lmdb") .. ":" .. (files.real(path) or path)
end

M.plainUrl = plainUrl

local function folder()
  local state, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
  if state and state:find("^/") then return state .. "/holdfast" end
  return home and home ~= "" and home .. "/.local/state/holdfast" or nil
end

--- The position of the copy that the arguments describe; both of its stores exist.
---@param args {source: string, target: string, entity?: string[], prefix?: string, from?: string, to?: string}
---@return holdfast.cli.Position
function M.of(args)
  local names = args.entity and text.raw(json.encode(json.array(args.entity)))
  local copy = text.object("source", plainUrl(args.source), "target", plainUrl(args.target), "entities", names,
    "prefix", args.prefix, "from", args.from, "to", args.to, "where", args.where)
  local where = folder()
  return setmetatable({
    folder = where,
    path = where and string.format("%s/copy-%s.json", where, hash.of(copy)),
    begin = '{"copy":' .. copy .. ",",
  }, Position)
end

--- What was saved last: the entity written last, and how many were; nil if there is nothing that can be read.
---@return {entity: string, id: string, copied: integer, unreadable: integer?}?
function Position:load()
  local file = self.path and io.open(self.path, "rb")
  if not file then return nil end
  local saved = file:read("*a")
  file:close()
  if not saved or saved:sub(1, #self.begin) ~= self.begin then return nil end
  local ok, value = pcall(json.decode, saved)
  return ok and type(value.entity) == "string" and type(value.id) == "string" and value or nil
end

--- Notes that everything up to this entity has been written.
---@param name string
---@param id string
---@param copied integer  how many entities that were, since the copy began
---@param unreadable integer  how many could not be read, since the copy began
---@return boolean? saved
---@return string? problem
function Position:save(name, id, copied, unreadable)
  if not self.path then return nil, "neither XDG_STATE_HOME nor HOME names a folder for it" end
  if not self.made then
    local ok, problem = files.makeFolder(self.folder)
    if not ok then return nil, problem end
    self.made = true
  end
  return files.replace(self.path, self.begin .. text.object("entity", name, "id", id, "copied", copied,
    "unreadable", unreadable > 0 and unreadable or nil):sub(2) .. "\n")
end

--- Forgets it: the copy is done.
function Position:remove()
  if not self.path then return end
  os.remove(self.path)
  os.remove(self.path .. ".new")
end

return M
