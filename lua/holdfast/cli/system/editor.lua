-- SPDX-License-Identifier: MIT
--
-- Lines from a terminal: with editing, history and completion by GNU readline or by libedit, whichever is installed,
-- and without them as the terminal gives them.  Both libraries are loaded by LuaJIT's FFI, so that no package of Lua is
-- needed.  They are fed a key at a time, since a Ctrl-C must come through while nothing is typed.
--
-- What a library calls back into Lua must never raise, nor be called from compiled code.

local ffi = require "ffi"
local interrupt = require "holdfast.cli.interrupt" -- in src/interrupt.c
local terminal = require "holdfast.cli.system.terminal"

-- As they are now: what is typed may replace them.
local io, ipairs, jit, os, pcall, setmetatable =
  io, ipairs, jit, os, pcall, setmetatable

-- Names of our own, bound to the C functions: declarations are global to a Lua state, and scripts make theirs.
ffi.cdef [[
typedef void hf_editor_line(char *line);
typedef char **hf_editor_attempt(const char *word, int start, int stop);
typedef char *hf_editor_generate(const char *word, int state);
void hf_editor_install(const char *prompt, hf_editor_line *line) __asm__("rl_callback_handler_install");
void hf_editor_remove(void) __asm__("rl_callback_handler_remove");
void hf_editor_read_key(void) __asm__("rl_callback_read_char");
void hf_editor_free_line(void) __asm__("rl_free_line_state");
void hf_editor_forget_keys(void) __asm__("rl_callback_sigcleanup");
void hf_editor_reset_terminal(void) __asm__("rl_cleanup_after_signal");
void hf_editor_resize(void) __asm__("rl_resize_terminal");
int hf_editor_bind(const char *variable, const char *value) __asm__("rl_variable_bind");
char **hf_editor_matches(const char *word, hf_editor_generate *generate) __asm__("rl_completion_matches");
void hf_editor_using_history(void) __asm__("using_history");
int hf_editor_add_history(const char *line) __asm__("add_history");
int hf_editor_stifle(int most) __asm__("stifle_history");
extern char *hf_editor_buffer __asm__("rl_line_buffer");
extern hf_editor_attempt *hf_editor_attempted __asm__("rl_attempted_completion_function");
extern int hf_editor_attempted_over __asm__("rl_attempted_completion_over");
extern int hf_editor_append __asm__("rl_completion_append_character");
extern int hf_editor_catch __asm__("rl_catch_signals");
extern const char *hf_editor_name __asm__("rl_readline_name");
extern const char *hf_editor_breaks __asm__("rl_basic_word_break_characters");
extern const char *hf_editor_own_breaks __asm__("rl_completer_word_break_characters");
char *hf_editor_strdup(const char *text) __asm__("strdup");
void hf_editor_free(void *memory) __asm__("free");
char *hf_editor_setlocale(int category, const char *locale) __asm__("setlocale");
size_t hf_editor_mb_cur_max(void) __asm__("__ctype_get_mb_cur_max");
]]

local LIBRARIES = { readline = "libreadline.so.8", libedit = "libedit.so.2" }
local LC_CTYPE = 0

-- What ends a word: all but letters, digits and what stands between the names of a path, as in db.signal:count.
local BREAKS = " \t\n\"'`()[]{}<>=~+-*/%^#,;|&!?@$\\"

local M = {}

---@class holdfast.cli.Editor
---@field name "readline"|"libedit"|"none"
---@field echoes boolean  whether it is the terminal that shows a Ctrl-C
local Editor = {}
Editor.__index = Editor

local kept = {} -- what the library keeps pointers to

-- The words that the text before the cursor may go on with; nil: names of files.
local function wordsOf(self, start, word)
  local ok, words = pcall(self.complete, ffi.string(self.lib.hf_editor_buffer, start), word)
  if not ok then return {} end
  return words
end

-- The callbacks.  The words that are being handed over are in `words`, those that were by `at`.
local function callbacks(self)
  local lib, words, at = self.lib, {}, 0
  local function generate(_, state)
    if state == 0 then at = 0 end
    at = at + 1
    return words[at] and ffi.C.hf_editor_strdup(words[at]) or nil
  end
  local function attempt(word, start)
    words = wordsOf(self, start, ffi.string(word))
    lib.hf_editor_attempted_over = words and 1 or 0
    lib.hf_editor_append = 0
    if not words or #words == 0 then return nil end
    return lib.hf_editor_matches(word, kept.generate)
  end
  local function take(line)
    self.finished = true
    if line ~= nil then
      self.line = ffi.string(line)
      ffi.C.hf_editor_free(line)
    end
    lib.hf_editor_remove()
  end
  for _, fn in ipairs { generate, attempt, take } do jit.off(fn, true) end
  kept.generate = ffi.cast("hf_editor_generate *", generate)
  kept.attempt = ffi.cast("hf_editor_attempt *", attempt)
  kept.take = ffi.cast("hf_editor_line *", take)
end

-- Letters that are more than a byte need a locale that has them; without one named it is the one that has all.
local function setLocale()
  ffi.C.hf_editor_setlocale(LC_CTYPE, "")
  if ffi.C.hf_editor_mb_cur_max() == 1 then ffi.C.hf_editor_setlocale(LC_CTYPE, "C.UTF-8") end
end

local function start(name, complete)
  local ok, lib = pcall(ffi.load, LIBRARIES[name])
  if not ok then return nil end
  local self = setmetatable({ name = name, lib = lib, complete = complete }, Editor)
  callbacks(self)
  setLocale()
  kept.name, kept.breaks = ffi.new("char[?]", 9, "holdfast"), ffi.new("char[?]", #BREAKS + 1, BREAKS)
  lib.hf_editor_name, lib.hf_editor_catch = kept.name, 0
  lib.hf_editor_breaks, lib.hf_editor_own_breaks = kept.breaks, kept.breaks
  lib.hf_editor_attempted = kept.attempt
  lib.hf_editor_using_history()
  lib.hf_editor_stifle(1000)
  -- What is pasted is so many lines as it has, each of which is run.
  if name == "readline" then lib.hf_editor_bind("enable-bracketed-paste", "off") end
  return self
end

-- Forgets the line that is being typed, and gives the terminal back.
local function abandon(lib)
  lib.hf_editor_free_line()
  pcall(function() lib.hf_editor_forget_keys() end) -- libedit has none
  lib.hf_editor_reset_terminal()
  lib.hf_editor_remove()
end

-- Follows the terminal's width, since the library does not while it waits for a key.
function Editor:follow()
  local width = terminal.width(0)
  if self.width and self.width ~= width then self.lib.hf_editor_resize() end
  self.width = width
end
jit.off(Editor.follow)

--- The next line; nil: the end; false: a signal came before it was finished, and it is forgotten.
---@param prompt string
---@return string|false|nil
function Editor:read(prompt)
  local lib = self.lib
  self.line, self.finished = nil, false
  lib.hf_editor_install(prompt, kept.take)
  while not self.finished do
    if interrupt.wait(0) then
      self:follow()
      lib.hf_editor_read_key()
    else
      abandon(lib)
      return false
    end
  end
  return self.line
end
jit.off(Editor.read)

--- Has a line among those that the arrow keys bring back.
---@param line string
function Editor:remember(line) self.lib.hf_editor_add_history(line) end

-- ------------------------------------------------------------- without either

local Plain = { name = "none", echoes = true }
Plain.__index = Plain

function Plain:read(prompt)
  io.stdout:write(prompt)
  io.stdout:flush()
  if not interrupt.wait(0) then return false end
  return io.stdin:read("*l")
end

function Plain:remember() end

--- What reads lines from the terminal.
---@param complete fun(before: string, word: string): string[]?  the words that a word may become, for the text before
---   it; nil: names of files
---@return holdfast.cli.Editor
function M.open(complete)
  local wanted = os.getenv("HOLDFAST_EDITOR")
  for _, name in ipairs { "readline", "libedit" } do
    if not wanted or wanted == "" or wanted == name then
      local ok, editor = pcall(start, name, complete)
      if ok and editor then return editor end
    end
  end
  io.stdin:setvbuf("no") -- what wait() sees is all there is
  return setmetatable({}, Plain)
end

return M
