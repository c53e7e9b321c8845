-- SPDX-License-Identifier: MIT
--
-- repl: Lua by the line, with `holdfast` and a store at hand.  It talks on a terminal, where Ctrl-C ends what runs and
-- not the prompt; from a pipe or a file it reads the same, only prints results, and ends with 1 after an error.

local complete = require "holdfast.cli.prompt.complete"
local core = require "holdfast.core"
local dots = require "holdfast.cli.prompt.dots"
local editor = require "holdfast.cli.system.editor"
local history = require "holdfast.cli.prompt.history"
local holdfast = require "holdfast"
local interrupt = require "holdfast.cli.interrupt" -- in src/interrupt.c
local interruption = require "holdfast.cli.console.interruption"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local sessions = require "holdfast.cli.prompt.session"
local spelling = require "holdfast.cli.code.spelling"
local terminal = require "holdfast.cli.system.terminal"

-- As they are now: what is typed may replace them.
local error, io, ipairs, jit, load, rawget, select, setmetatable, tostring =
  error, io, ipairs, jit, load, rawget, select, setmetatable, tostring

local PROMPT, CONTINUED = "holdfast> ", "       .. "
local BYTECODE = "\27" -- its first byte

-- Compiles what was typed, as text.  nil, message, true: more lines are needed.
local function compile(code)
  local chunk, expressionMessage = load("return " .. code, "=repl", "t")
  if chunk then return chunk end
  local message
  chunk, message = load(code, "=repl", "t")
  if chunk then return chunk end
  local unfinished = "near '<eof>'$"
  return nil, message, (message:find(unfinished) or expressionMessage:find(unfinished)) ~= nil
end

local Prompt = {}
Prompt.__index = Prompt

-- Does something that Ctrl-C may end, on a terminal.
function Prompt:guarded(fn, ...)
  if not self.session.talks then return fn(...) end
  local interrupted, ok, raised = interruption.guarded(fn, ...)
  if interrupted and not (ok and raised == nil) then
    output.complain({ code = "interrupted", message = "interrupted" }, self.session.json)
    return nil
  end
  if ok then return raised end
  if raised == output.nobodyReads then error(raised, 0) end
  self.session:complainOf(core.toError(raised))
end

function Prompt:runChunk(chunk)
  local err = self:guarded(self.session.evaluate, self.session, chunk)
  if err then self.session:complainOf(err) end
end

-- What becomes of a local that ends with its line; people are used to other prompts.
function Prompt:noteLocal(code)
  if self.session.talks and code:find("^%s*local%s") and not code:find("[\n;]") then
    output.note(self.session, "a local ends with its line: without 'local' it stays")
  end
end

-- Says that a word which has no value is a command where a dot stands before it.
function Prompt:noteCommand(code)
  local word = self.session.talks and code:match "^%s*(%l[%l-]*)%s*$"
  if not word or rawget(_G, word) ~= nil then return end
  for _, name in ipairs(self.session.commands) do
    if name == word then output.note(self.session, "the command is .%s, with the dot", word) end
  end
end

-- Takes a line.
function Prompt:take(line)
  if not self.code and line:find("^%s*%.%a") then
    self:guarded(dots.run, self.session, line, self.cli)
    return
  end
  if line:sub(1, 1) == BYTECODE then
    self.code = nil
    return self.session:refuse("script", "a line that begins with ESC is bytecode: only the text of Lua is taken")
  end
  local whole = self.code and self.code .. "\n" .. line or (line:gsub("^%s*=", "return "))
  self.code = nil
  if not whole:find("%S") then return end
  local chunk, message, incomplete = compile(whole)
  if chunk then
    self:runChunk(chunk)
    self:noteLocal(whole)
    self:noteCommand(whole)
  elseif incomplete then
    self.code = whole
  else
    self.session:refuse("script", "%s%s", message, spelling.hint(whole))
  end
end

function Prompt:remember(line)
  if not self.history:add(line, self.code ~= nil) then return end
  self.editor:remember(line)
  if self.history.problem and not self.told then
    self.told = true
    output.warn("the history is not kept: " .. self.history.problem)
  end
end

-- The next line; nil at the end.
function Prompt:read()
  if not self.editor then return io.read("*l") end
  while true do
    interrupt.hold(interruption.raised)
    local line = self.editor:read(self.code and CONTINUED or PROMPT)
    if line then self:remember(line) end
    if line ~= false then return line end
    output.line(self.editor.echoes and "" or "^C")
    self.code = nil
  end
end

function Prompt:loop()
  while not self.session.ended do
    local line = self:read()
    if not line then break end
    self:take(line)
    output.flush()
  end
  if self.code and not self.session.ended then self.session:refuse("script", "%s", select(2, compile(self.code))) end
end

local function welcome(session)
  output.line("Holdfast " .. holdfast.version .. ": Lua by the line.  .help says what is at hand, Ctrl-D ends.")
  if session.url then output.line("db has " .. tostring(session.db)) end
  output.flush()
end

-- On a terminal: what is typed can be edited, and ended.
local function equip(prompt)
  jit.off() -- Ctrl-C does not reach compiled code
  jit.flush()
  local lines
  prompt.history, lines = history.open()
  prompt.editor = editor.open(function(before, word) return complete.words(prompt.session, before, word) end)
  for _, line in ipairs(lines) do prompt.editor:remember(line) end
end

local function repl(args, cli)
  local talks = terminal.isTerminal(0) and terminal.isTerminal(1)
  local session = sessions.new(args, talks)
  local prompt = setmetatable({ session = session, cli = cli }, Prompt)
  session.commands = dots.names(cli)
  _G.holdfast = holdfast
  _G.arg = { [0] = "repl" }
  if args.url then session:open(args.url) end
  if not talks then
    prompt:loop()
    return session.failed and 1 or 0
  end
  welcome(session)
  equip(prompt)
  prompt:loop()
  if not session.ended then output.line("") end
  return 0
end

return {
  summary = "Type Lua by the line.",
  description = "Evaluates Lua line by line and prints results, JSON where they are JSON.  `holdfast` is the\n"
    .. "module; of STORE, `db.NAME` are the entities of a name, and `store` is the store itself.  Input\n"
    .. "that is not finished goes on in the next line; an error ends nothing.\n\n"
    .. "On a terminal there are editing, history and completion where libreadline8 or libedit2 is\n"
    .. "installed, Ctrl-C ends what runs, and .help says more.  In a pipe the exit code is 1 if anything\n"
    .. "has failed.",
  examples = {
    "holdfast repl",
    "holdfast repl ./data --readonly",
    "echo 'db.signal:count()' | holdfast repl ./data",
  },
  arguments = function(command)
    command:argument("STORE"):argname("STORE"):target("url"):args("?"):description("A directory (LMDB) or a store URL.")
    options.readonly(command)
  end,
  run = repl,
}
