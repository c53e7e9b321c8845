-- SPDX-License-Identifier: MIT
--
-- What a store URL means to libmongoc: the URL that it gets, with the settings that keep deadlines and promises, and
-- what of the URL nobody may see.
--
--   writes     w=majority, unless the URL says otherwise.  w=0 is refused: nobody would hear of a failure.
--   deadlines  libmongoc has three timeouts that add up: finding a server, connecting to it, and waiting for an answer.
--              They are set once for a client, so the time for an operation is divided between them beforehand.
--   repeats    retry.lua repeats reads, and libmongoc's own repeating of them is off.  Its repeating of writes is off
--              too, unless the URL has retryWrites=true: then, on replica sets, the server tells a repeat from
--              the first, and each of the two has half of the time.

local core = require "holdfast.core"
local ffi = require "ffi"
local libmongoc = require "holdfast.backends.mongo.libmongoc"
local serverUrl = require "holdfast.util.url"

local M = {}

--- The database where the URL names none: that of the TypeScript framework.
M.DATABASE = "backtest-kit"

local function refuse(...) error(core.error("invalid_argument", "store URL: " .. string.format(...)), 0) end

-- Options that libmongoc's tables of options leave out, since it treats them apart.
local APART = { authmechanismproperties = true, readpreferencetags = true, w = true, journal = true, wtimeoutms = true,
  authmechanism = true, authsource = true, gssapiservicename = true, readconcernlevel = true, compressors = true,
  zlibcompressionlevel = true, appname = true, replicaset = true, readpreference = true, tls = true, ssl = true }

local function isOption(mongoc, name)
  return APART[name] or mongoc.hf_mongoc_uri_option_is_int32(name) or mongoc.hf_mongoc_uri_option_is_int64(name)
    or mongoc.hf_mongoc_uri_option_is_bool(name) or mongoc.hf_mongoc_uri_option_is_utf8(name)
end

--- What can be known without libmongoc: settings, and the URL without them.
---@param url string
function M.parse(url)
  local settings, rest = serverUrl.settings(url)
  rest = rest:gsub("^mongo://", "mongodb://")
  if not rest:find("^mongodb://.") and not rest:find("^mongodb%+srv://.") then
    refuse("write mongodb://HOST:PORT/DATABASE, not '%s'", core.redact(url, url))
  end
  return settings, rest
end

-- Names of the options in a URL, in small letters, with their values.
local function options(url)
  local found = {}
  for name, value in (url:match("%?(.*)$") or ""):gmatch("([^=&]+)=([^&]*)") do found[name:lower()] = value end
  return found
end

-- How the time of an operation is divided: {select=, answer=}, in seconds.
local function divide(settings, repeats)
  local whole = settings.timeout / repeats
  local select = math.min(settings.connectTimeout, 0.4 * whole)
  return { select = select, answer = 0.9 * whole - select }
end

-- The smaller of what the URL says and what the deadline allows, in milliseconds.
local function milliseconds(said, seconds)
  local allowed = math.max(1, math.floor(seconds * 1000))
  local wanted = tonumber(said)
  return wanted and wanted > 0 and wanted < allowed and wanted or allowed
end

--- The URL for libmongoc, and how long its parts of an operation may take.
---@param url string  without our settings
---@param settings table
---@return string url
---@return {select: number, answer: number, repeats: integer} parts  in seconds; each is needed so often
function M.complete(url, settings)
  local mongoc = libmongoc.load()
  local said = options(url)
  for name in pairs(said) do
    if not isOption(mongoc, name) then refuse("libmongoc knows no option '%s'", name) end
  end
  if said.w == "0" then refuse("w=0 asks the server for no answers; w=1 is the least") end
  local repeats = said.retrywrites == "true" and 2 or 1
  local parts = divide(settings, repeats)
  local set = {
    serverselectiontimeoutms = milliseconds(said.serverselectiontimeoutms, parts.select),
    connecttimeoutms = milliseconds(said.connecttimeoutms, parts.select),
    sockettimeoutms = milliseconds(said.sockettimeoutms, parts.answer),
    wtimeoutms = milliseconds(said.wtimeoutms, 0.9 * parts.answer),
    serverselectiontryonce = "false",
    retryreads = "false",
    retrywrites = said.retrywrites or "false",
    w = said.w or "majority",
  }
  parts.answer = set.sockettimeoutms / 1000
  local words = {}
  for parameter in (url:match("%?(.*)$") or ""):gmatch("[^&]+") do
    if set[parameter:match("^[^=]*"):lower()] == nil then words[#words + 1] = parameter end
  end
  for name, value in pairs(set) do words[#words + 1] = name .. "=" .. tostring(value) end
  local place = url:match("^[^?]*")
  if not place:find("^[^/]*//[^/]*/") then place = place .. "/" end
  parts.repeats = repeats
  return place .. "?" .. table.concat(words, "&"), parts
end

--- libmongoc's form of a URL, freed with it.
function M.uri(url)
  local mongoc = libmongoc.load()
  local failed = ffi.new("hf_bson_error_t")
  local uri = mongoc.hf_mongoc_uri_new_with_error(url, failed)
  if uri == nil then refuse("%s", core.redact(ffi.string(failed.message), url)) end
  return ffi.gc(uri, mongoc.hf_mongoc_uri_destroy)
end

--- The database that a URL means.
function M.database(uri)
  local name = libmongoc.load().hf_mongoc_uri_get_database(uri)
  return name ~= nil and name[0] ~= 0 and ffi.string(name) or M.DATABASE
end

return M
