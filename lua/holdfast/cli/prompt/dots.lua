-- SPDX-License-Identifier: MIT
--
-- The lines that begin with a dot: what people expect of a prompt, and the commands of `holdfast`, for which the open
-- store need not be named.

local call = require "holdfast.cli.code.call"
local core = require "holdfast.core"
local output = require "holdfast.cli.console.output"

-- As they are now: what is typed may replace them.
local ipairs, pairs, table, tostring, type =
  ipairs, pairs, table, tostring, type

-- Commands that are of no store, or of more than the one that is open.
local ELSEWHERE = { run = true, test = true, repl = true, rescue = true, restore = true, compact = true }

-- Commands whose store comes after what is to be done.
local ACTS = { host = true, candles = true }

local M = {}

-- -------------------------------------------------------------------- words

local UNFINISHED = "a quote is not closed"

-- One word, from where it begins; where it ends.
local function word(line, at)
  local parts = {}
  while at <= #line and not line:find("^%s", at) do
    local quote = line:match("^[\"']", at)
    if quote then
      local stop = line:find(quote, at + 1, true)
      if not stop then return nil end
      parts[#parts + 1] = line:sub(at + 1, stop - 1)
      at = stop + 1
    else
      local plain = line:match("^[^%s\"']+", at)
      parts[#parts + 1] = plain
      at = at + #plain
    end
  end
  return table.concat(parts), at
end

--- The words of a line, as a shell splits it: quotes keep blanks together.
---@param line string
---@return string[]? words
---@return string? problem
function M.words(line)
  local words, at = {}, line:find("%S")
  while at do
    local found, stop = word(line, at)
    if not found then return nil, UNFINISHED end
    words[#words + 1] = found
    at = line:find("%S", stop)
  end
  return words
end

-- ------------------------------------------------------------------ our own

local HELP = [[
Lua by the line: results are printed, JSON where they are JSON; input that is not
finished goes on in the next line.  Of an iterator the first twenty values are printed.

  holdfast            the module
  store               the open store: store:stat(), store:settings(), ...
  db.NAME             its entities of a name: db.signal:count(),
                      db.signal:filter(function(v) return v.pnl < 0 end)

  .open URL           open another store
  .more               the next twenty of the last iterator
  .traceback          how the last error came about
  .exit               leave; so does Ctrl-D.  Ctrl-C ends what runs, or clears the line

The commands of holdfast, without the store:
%s
as in .ls, .count signal, .filter signal 'v.pnl < 0' --table, .filter --help]]

-- The names in lines of at most so many columns.
local function lines(names, columns)
  local list, last = {}, " "
  for _, name in ipairs(names) do
    if #last + 2 + #name > columns then
      list[#list + 1] = last
      last = " "
    end
    last = last .. " ." .. name
  end
  list[#list + 1] = last
  return table.concat(list, "\n")
end

local function help(session, _, cli)
  local names = {}
  for _, name in ipairs(cli.names) do
    if not ELSEWHERE[name] then names[#names + 1] = name end
  end
  output.line(HELP:format(lines(names, 80)))
end

local function open(session, words)
  if #words > 1 then return session:refuse("invalid_argument", ".open takes one directory or store URL") end
  if #words == 1 then
    local ok, raised = call.call(session.open, session, words[1])
    if not ok then return session:complain(raised) end
  end
  if not session.url then return session:refuse("invalid_argument", "no store is open: .open URL opens one") end
  output.line(tostring(session.db))
end

local function more(session)
  if not session.more then return output.note(session, "there is nothing more") end
  local err = session:printMore()
  if err then session:complainOf(err) end
end

local function traceback(session)
  local err = session.last
  if not err then return output.note(session, "there was no error") end
  local has = type(err.traceback) == "string" and err.traceback ~= ""
  output.line(err.message .. "\n" .. (has and err.traceback or "it has no traceback"))
end

local function exit(session) session.ended = true end

local OWN = { help = help, open = open, more = more, traceback = traceback, exit = exit, quit = exit }

-- ------------------------------------------------------- those of `holdfast`

local function forward(session, name, words, cli)
  local wantsHelp = words[1] == "--help" or words[1] == "-h"
  if not session.url and not wantsHelp then
    return session:refuse("invalid_argument", ".%s needs a store: .open URL opens one", name)
  end
  local all = { name }
  if ACTS[name] then all[2] = table.remove(words, 1) end
  if not wantsHelp then all[#all + 1] = session.url end
  for _, found in ipairs(words) do
    if found == "--readonly" and not session.readOnly then
      return session:refuse("invalid_argument", "the store is open for writing: start the prompt with --readonly")
    end
    all[#all + 1] = found
  end
  if session.json then all[#all + 1] = "--json" end
  output.flush()
  if cli.main(all) ~= 0 then session.failed = true end
end

--- The names of all dot commands, without the dot.
---@param cli {names: string[]}
---@return string[]
function M.names(cli)
  local list = {}
  for name in pairs(OWN) do list[#list + 1] = name end
  for _, name in ipairs(cli.names) do
    if not ELSEWHERE[name] then list[#list + 1] = name end
  end
  return list
end

--- Does what a line says that begins with a dot.
---@param session holdfast.cli.Session
---@param line string
---@param cli {main: fun(words: string[]): integer, names: string[]}  the command itself
function M.run(session, line, cli)
  local words, problem = M.words(line:match("^%s*%.(.*)$"))
  if not words then return session:refuse("invalid_argument", problem) end
  local name = table.remove(words, 1)
  if name and OWN[name] then return OWN[name](session, words, cli) end
  for _, known in ipairs(cli.names) do
    if known == name and not ELSEWHERE[name] then return forward(session, name, words, cli) end
  end
  session:refuse("invalid_argument", "there is no command '.%s': .help lists them", core.redact(name or ""))
end

return M
