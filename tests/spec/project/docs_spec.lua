-- SPDX-License-Identifier: MIT
--
-- Runs the documents: every ```lua, ```c and ```sh block of README.md, docs/*.md and the
-- backends' READMEs is run, and prints what the document says it prints.  A block that
-- cannot be run is marked ```text.
--
--   ```lua   the blocks of one document are one script, run by the command in an empty
--            folder; `--> text` says what is printed.  A block that begins with `-- NAME.lua` is no
--            part of it but that file, from there on in the shell session, and as it is at last for scripts
--            and programs
--   ```c     a block with main() is a program; other blocks of a document are joined to
--            one function, those that begin with #include or static stand before it; `//> text`
--            says what is printed
--   ```sh    one shell session a document; lines with `$ ` are commands, the lines below
--            are what they print, errors too.  What it leaves in the background ends with it
--
-- In expected text `...` stands for anything, alone on a line for any lines but none, and white space counts as one
-- blank.

local holdfast = require "holdfast"

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
local build = os.getenv("HOLDFAST_BUILD") or source .. "/build"
local command = os.getenv("HOLDFAST_BIN") or build .. "/holdfast"
package.path = source .. "/tests/fault/?.lua;" .. package.path

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function readFile(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function writeFile(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function shell(text)
  local pipe = assert(io.popen("bash -c " .. quote(text .. "\necho \"[$?]\"") .. " 2>&1"))
  local output = pipe:read("*a")
  pipe:close()
  local out, status = output:match("^(.*)%[(%d+)%]\n$")
  return tonumber(status), out or output
end

local function lines(text)
  local list = {}
  for line in (text:gsub("\n?$", "\n")):gmatch("(.-)\n") do list[#list + 1] = line end
  return list
end

local function documents()
  local list = {}
  for _, path in ipairs(lines(select(2, shell(
    "cd " .. quote(source) .. " && ls *.md docs/*.md backends/*/README.md 2>/dev/null")))) do
    if #path > 0 then list[#list + 1] = path end
  end
  return list
end

-- {language=, line=, lines=} of every fenced block.
local function blocks(path)
  local list, open = {}, nil
  for number, line in ipairs(lines(readFile(source .. "/" .. path))) do
    local language = line:match("^```(.*)$")
    if not language then
      if open then table.insert(open.lines, line) end
    elseif open then
      list[#list + 1] = open
      open = nil
    else
      open = { language = language, line = number, lines = {} }
    end
  end
  assert(not open, path .. ": a fenced block is not closed")
  return list
end

-- The blocks of these languages; Lua that is a file of the session counts as "file", and has a name.
local function of(path, ...)
  local wanted, list = {}, {}
  for _, language in ipairs { ... } do wanted[language] = true end
  for _, block in ipairs(blocks(path)) do
    block.name = block.language == "lua" and (block.lines[1] or ""):match("^%-%- ([%w_]+%.lua)$")
    if wanted[block.name and "file" or block.language] then list[#list + 1] = block end
  end
  return list
end

local function squeeze(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

-- Whether the line is what is expected, where "..." stands for anything.
local function matches(expected, actual)
  local pattern = squeeze(expected):gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".-")
  return squeeze(actual):find("^" .. pattern .. "$") ~= nil
end

-- Whether the lines from e and a on are what is expected.
local function same(expected, e, actual, a)
  if e > #expected then return a > #actual end
  if a > #actual or not matches(expected[e], actual[a]) then return false end
  return same(expected, e + 1, actual, a + 1) or squeeze(expected[e]) == "..." and same(expected, e, actual, a + 1)
end

local function compare(where, expected, actual)
  while #actual > 0 and not actual[#actual]:find("%S") do actual[#actual] = nil end
  if not same(expected, 1, actual, 1) then
    error(("%s: expected:\n  %s\nbut was:\n  %s"):format(where, table.concat(expected, "\n  "),
      table.concat(actual, "\n  ")), 0)
  end
end

-- Splits what was printed at the marks "\1number\n"; returns {[number]=lines}.
local function sections(output)
  local list = {}
  for number, text in output:gmatch("\1(%d+)\n([^\1]*)") do
    list[tonumber(number)] = text == "" and {} or lines(text)
  end
  return list
end

local function expectations(block, mark)
  local list = {}
  for _, line in ipairs(block.lines) do
    local text = line:match(mark .. "> ?(.*)$")
    if text then list[#list + 1] = text end
  end
  return list
end

local function checkSections(path, list, mark, status, output)
  local printed = sections(output)
  for _, block in ipairs(list) do
    assert(printed[block.line], ("%s:%d was not reached:\n%s"):format(path, block.line, output))
    if status ~= 0 and not printed[block.line + 1] and block == list[#list] then
      error(("%s: exit status %d:\n%s"):format(path, status, output), 0)
    end
    compare(path .. ":" .. block.line, expectations(block, mark), printed[block.line])
  end
  assert.equal(0, status, output)
end

describe("the documents", function()
  local folder

  before_each(function()
    folder = select(2, shell("mktemp -d")):gsub("%s+$", "")
  end)
  after_each(function() os.execute("rm -rf " .. quote(folder)) end)

  local function inFolder(text)
    return shell(("cd %s && %s"):format(quote(folder), text))
  end

  local function writeFiles(path)
    for _, block in ipairs(of(path, "file")) do
      writeFile(folder .. "/" .. block.name, table.concat(block.lines, "\n"))
    end
  end

  local known = { lua = true, c = true, sh = true, text = true, cmake = true }

  for _, path in ipairs(documents()) do
    it(path .. " marks every block with a language", function()
      for _, block in ipairs(blocks(path)) do
        assert(known[block.language], ("%s:%d: '%s'"):format(path, block.line, block.language))
      end
    end)

    local scripts = of(path, "lua")
    if #scripts > 0 then
      it(path .. ": its Lua prints what it says", function()
        -- A line of the script is a line of the document.
        local script = {}
        for i = 1, #lines(readFile(source .. "/" .. path)) do script[i] = "" end
        for _, block in ipairs(scripts) do
          script[block.line] = ('io.write("\\001%d\\n")'):format(block.line)
          for i, line in ipairs(block.lines) do script[block.line + i] = line end
        end
        writeFiles(path)
        local name = path:gsub("/", "-"):gsub("%.md$", ".lua")
        writeFile(folder .. "/" .. name, table.concat(script, "\n") .. "\n")
        local status, output = inFolder(quote(command) .. " run " .. name)
        checkSections(path, scripts, "%-%-", status, output)
      end)
    end

    local programs = of(path, "c")
    if #programs > 0 then
      it(path .. ": its C compiles without warnings and prints what it says", function()
        local outside, inside, whole = {}, {}, {}
        for _, block in ipairs(programs) do
          local text = ("#line %d \"%s\"\n%s\n"):format(block.line + 1, path, table.concat(block.lines, "\n"))
          if text:find("int main%(") then
            whole[#whole + 1] = { block = block, text = text }
          elseif text:find("\n#include") or text:find("\nstatic ") then
            assert.same({}, expectations(block, "//"))
            outside[#outside + 1] = text
          else
            inside[#inside + 1] = { block = block, text = text }
          end
        end
        local function build_and_run(list, program)
          writeFiles(path)
          writeFile(folder .. "/program.c", program)
          local status, output = inFolder(table.concat({
            "${CC:-cc} -std=gnu11 -Wall -Wextra -Wshadow -Werror $CFLAGS -I", quote(source .. "/src/include"),
            " program.c -o program $LDFLAGS $(pkg-config --cflags --libs libcjson luajit) -pthread -L",
            quote(build .. "/lib"), " -lholdfast -Wl,-rpath,", quote(build .. "/lib"), " && ./program",
          }))
          checkSections(path, list, "//", status, output)
        end
        local function printing(parts, i)
          return ('printf("\\1%%d\\n", %d);\n%s'):format(parts[i].block.line, parts[i].text)
        end
        for _, part in ipairs(whole) do
          local program = part.text:gsub("(int main%b()%s*{\n)", '%1printf("\\1%%d\\n", ' .. part.block.line .. ");", 1)
          build_and_run({ part.block }, program)
        end
        if #inside > 0 then
          local body, list = {}, {}
          for i, part in ipairs(inside) do
            body[i] = printing(inside, i)
            list[i] = part.block
          end
          build_and_run(list, table.concat {
            "#include <stdio.h>\n", table.concat(outside),
            "int main(void) {\nsetvbuf(stdout, NULL, _IONBF, 0);\n", table.concat(body), "return 0;\n}\n",
          })
        end
      end)
    end

    local sessions = of(path, "sh", "file")
    if #sessions > 0 then
      it(path .. ": its commands print what it says", function()
        local script, list = { "trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT" }, {}
        for _, block in ipairs(sessions) do
          if block.name then
            script[#script + 1] = ("cat >%s <<'END OF FILE'\n%s\nEND OF FILE"):format(block.name,
              table.concat(block.lines, "\n"))
          end
          for i, line in ipairs(block.name and {} or block.lines) do
            local text = line:match("^%$ (.*)$")
            if text then
              local number = block.line + i
              list[#list + 1] = { line = number, command = text, expected = {} }
              script[#script + 1] = ("printf '\\001%%d\\n' %d\n%s\nprintf '\\002%%d' $?"):format(number, text)
            else
              table.insert(list[#list].expected, line)
            end
          end
        end
        writeFile(folder .. "/session.sh", table.concat(script, "\n") .. "\n")
        local _, output = inFolder(("mkdir home && cd home && XDG_STATE_HOME=$PWD/../state PATH=%s:$PATH "
          .. "HOLDFAST_SOURCE=%s timeout 400 bash ../session.sh"):format(quote(command:match("^(.*)/[^/]*$")),
          quote(source)))
        local printed = {}
        for number, text, status in output:gmatch("\1(%d+)\n([^\1\2]*)\2(%d+)") do
          printed[tonumber(number)] = { lines = text == "" and {} or lines(text), status = tonumber(status) }
        end
        for _, step in ipairs(list) do
          local where = ("%s:%d: %s"):format(path, step.line, step.command)
          local got = assert(printed[step.line], where .. " was not reached:\n" .. output)
          compare(where, step.expected, got.lines)
          assert(got.status == 0 or #step.expected > 0, where .. ": exit status " .. got.status)
        end
      end)
    end
  end

  it("link to files that exist", function()
    local broken = {}
    for _, path in ipairs(documents()) do
      for target in readFile(source .. "/" .. path):gmatch("%]%(([^)#]+)") do
        local from = path:match("^(.*/)") or ""
        if not target:find("^%a+:") and shell("test -e " .. quote(source .. "/" .. from .. target)) ~= 0 then
          broken[#broken + 1] = path .. ": " .. target
        end
      end
    end
    assert.same({}, broken)
  end)

  it("name files, folders and functions that exist", function()
    local text = readFile(source .. "/ARCHITECTURE.md")
    local all = select(2, shell(("cd %s && cat src/*/*.[ch] src/*.c src/*/*/*.[ch] backends/*/*.[ch] " ..
      "lua/holdfast/*.lua lua/holdfast/*/*.lua lua/holdfast/*/*/*.lua"):format(quote(source))))
    local _, files = shell("cd " .. quote(source) .. " && echo && find src backends lua tests docs examples")
    local missing = {}
    for code in text:gmatch("`([^`\n]+)`") do
      local name = code:match("^([%w_.]+)%(%)$")
      if name then
        if not all:find("[^%w_]" .. name:match("[%w_]+$") .. "%f[^%w_]") then missing[#missing + 1] = code end
      elseif code:find("^[%w_.-]+%.[chl]u?a?$") and not code:find("NAME") then
        if not files:find("/" .. code .. "\n", 1, true) then missing[#missing + 1] = code end
      elseif code:find("^[%w_./-]+$") and code:find("/") and not code:find("NAME") then
        if not files:find("\n" .. code .. "\n", 1, true) then missing[#missing + 1] = code end
      end
    end
    assert.same({}, missing)
  end)

  it("say in which file a function is, and it is there", function()
    local pairs_seen, wrong = 0, {}
    for _, path in ipairs(documents()) do
      for name, file in readFile(source .. "/" .. path):gmatch("`([%w_]+)%(%)`%)? in `([%w_./]+%.[chl]u?a?)`") do
        pairs_seen = pairs_seen + 1
        -- A definition: the name and its arguments stand at the end of a line's declaration, with a body after them.
        local handle = io.open(source .. "/" .. file, "rb")
        local text = handle and handle:read("*a") or ""
        if handle then handle:close() end
        if not text:find("\n[%w_][^\n;={}]-%f[%w_]" .. name .. "%b()%s*{") then
          wrong[#wrong + 1] = ("%s: %s in %s"):format(path, name, file)
        end
      end
    end
    assert.same({}, wrong)
    assert(pairs_seen > 10)
  end)

  it("name programs that the build makes", function()
    local missing = {}
    for _, path in ipairs(documents()) do
      for name in readFile(source .. "/" .. path):gmatch("`build/([%w_./-]+)") do
        if shell("test -x " .. quote(build .. "/" .. name)) ~= 0 then missing[#missing + 1] = path .. ": " .. name end
      end
    end
    assert.same({}, missing)
  end)

  it("name functions of the C API that the headers have", function()
    local headers = ""
    for _, name in ipairs { "holdfast.h", "indexes.h", "stores.h", "changes.h", "locks.h", "adapters.h",
      "backend.h" } do
      headers = headers .. readFile(source .. "/src/include/holdfast/" .. name)
    end
    local missing = {}
    for _, path in ipairs(documents()) do
      -- What stands after a slash is a program of the build.  The list of changes has names that were.
      local text = path == "CHANGELOG.md" and "" or readFile(source .. "/" .. path)
      for name in text:gmatch("%f[%w_/]hf_[a-z][%w_]*") do
        if not headers:find("%f[%w_]" .. name .. "%f[^%w_]") then missing[#missing + 1] = path .. ": " .. name end
      end
    end
    assert.same({}, missing)
  end)

  it("name every method of the contract, and every capability, in docs/adapters.md", function()
    local core, text, missing = require "holdfast.core", readFile(source .. "/docs/adapters.md"), {}
    local methods = text:match("\n## The eight methods\n(.-)\n## ") .. text:match("\n## Optional methods\n(.-)\n## ")
    for _, method in ipairs(core.methods()) do
      if not methods:find("[`.:]" .. method.name .. "[`(]") then missing[#missing + 1] = method.name end
    end
    local notForClasses = { quarantine = true, settings = true, indexOrder = true, changes = true, history = true }
    for _, capability in ipairs(core.capabilities()) do
      local has = text:find("\n| `" .. capability.name .. "` | ", 1, true) ~= nil
      if has == (notForClasses[capability.name] == true) then missing[#missing + 1] = capability.name end
    end
    assert.same({}, missing)
  end)

  it("name every command of the command in docs/command.md", function()
    local text, missing = readFile(source .. "/docs/command.md"), {}
    local _, help = shell(quote(command) .. " --help")
    for name in help:match("\nCommands:\n(.-)\n\n"):gmatch("%f[^\n%z]%s+(%l+)%s") do
      if not text:find("holdfast " .. name .. "%f[^%l]") then missing[#missing + 1] = name end
    end
    assert.truthy(text:find("holdfast get"))
    assert.same({}, missing)
  end)

  it("name commands that ./dev has", function()
    local _, help = shell("cd " .. quote(source) .. " && ./dev help")
    local unknown = {}
    for _, path in ipairs(documents()) do
      for name in readFile(source .. "/" .. path):gmatch("%./dev (%l+)") do
        if not help:find("\n  " .. name .. " ") then unknown[#unknown + 1] = path .. ": " .. name end
      end
    end
    assert.same({}, unknown)
  end)
end)

-- Tables in the documents that repeat what the code knows stand between
-- <!-- generated: NAME --> and <!-- end -->; they are what these functions make.  With
-- HOLDFAST_UPDATE=1 in the environment they are put there.
local generate = {}

local function backendHeader() return readFile(source .. "/src/include/holdfast/backend.h") end

function generate.codes()
  local rows, header = { "| code | retryable | meaning |", "|---|---|---|" },
    readFile(source .. "/src/include/holdfast/holdfast.h")
  for code in header:gmatch('\n  X%([%u_]+, "([%l_]+)"') do
    if code ~= "ok" then
      rows[#rows + 1] = ("| `%s` | %s | %s |"):format(code, holdfast.error(code).retryable and "yes" or "",
        holdfast.codes[code])
    end
  end
  return rows
end

function generate.capabilities()
  local backends = { "lmdb", "file", "memory", "redis", "redis+cluster", "postgres", "mongodb", "null" }
  local rows = { "| `supports` | " .. table.concat(backends, " | ") .. " |", "|---|" .. ("---|"):rep(#backends) }
  for name in backendHeader():gmatch('X%([%u_]+, %d+, "(%a+)"') do
    local row = "| `" .. name .. "` |"
    for _, backend in ipairs(backends) do
      row = row .. (holdfast.PersistBase("any", backend .. "://never").supports[name] and " yes |" or " |")
    end
    rows[#rows + 1] = row
  end
  return rows
end

-- What the value of an option is, beside what it means.
local function choices(option)
  if not option.values then return "" end
  local quoted = {}
  for i, value in ipairs(option.values) do quoted[i] = '`"' .. value .. '"`' end
  return ": " .. table.concat(quoted, ", ", 1, #quoted - 1) .. " or " .. quoted[#quoted] .. ", see below"
end

function generate.options()
  local rows = { "| option | in a URL | default | means | heeded by |", "|---|---|---|---|---|" }
  for _, option in ipairs(require("holdfast.core").options()) do
    rows[#rows + 1] = ("| `%s` | `%s` | `%s` | %s | %s |"):format(option.key, option.name, option.default,
      option.meaning .. choices(option), option.backends)
  end
  return rows
end

function generate.promises()
  local rows = { "| flag | in `supports` | promise |", "|---|---|---|" }
  for flag, name, promise in backendHeader():gmatch('X%(([%u_]+), %d+, "(%a+)", "([^"]+)"%)') do
    rows[#rows + 1] = ("| `HF_CAP_%s` | `%s` | %s |"):format(flag, name, promise)
  end
  return rows
end

-- The settings of the strategy host, as they stand in its config.lua: name, value, and the comment after them.
function generate.settings()
  local rows = { "| setting | is | means |", "|---|---|---|" }
  local defaults = readFile(source .. "/lua/holdfast/host/config.lua"):match("\nlocal DEFAULTS = (%b{})")
  for name, value, rest in defaults:gmatch("(CC_[%u_]+) = ([^,]+),([^\n]*)") do
    rows[#rows + 1] = ("| `%s` | %s | %s |"):format(name, value, assert(rest:match(" %-%- (.+)"), name))
  end
  return rows
end

-- The settings that a store keeps, from the table in C.
function generate.kept()
  local rows = { "| setting | can be | is | means |", "|---|---|---|---|" }
  for _, s in ipairs(require("holdfast.core").settingTable()) do
    rows[#rows + 1] = ("| `%s` | %s | `%s` | %s |"):format(s.name, s.values, s.standard, s.meaning)
  end
  return rows
end

-- The parts of the build, what each is for, and its packages, from the table in ./dev.
function generate.packages()
  local rows = { "| part | is | packages |", "|---|---|---|" }
  local _, parts = shell("cd " .. quote(source) .. " && ./dev packages")
  for name, what, packages in parts:gmatch("(%l+) *| (.-) | ([^\n]+)\n") do
    rows[#rows + 1] = ("| `%s` | %s | %s |"):format(name, what, packages)
  end
  assert(#rows > 10)
  return rows
end

-- What the tests in tests/fault promise, and what large runs of them saw.
function generate.faults() return require("page_table").lines(source) end

-- The table at the head of record.h, as it stands there.
function generate.record()
  local rows = { "```text" }
  local header = readFile(source .. "/backends/lmdb/record.h")
  for line in header:match("( %*   offset.-)\n %*\n"):gmatch("[^\n]+") do rows[#rows + 1] = line:sub(6) end
  rows[#rows + 1] = "```"
  return rows
end

describe("the generated tables", function()
  local seen = {}
  local marked = "(<!%-%- generated: (%a+) %-%->\n)(.-)\n?(<!%-%- end %-%->)"
  for _, path in ipairs(documents()) do
    local whole = readFile(source .. "/" .. path)
    if os.getenv("HOLDFAST_UPDATE") and whole:find(marked) then
      whole = whole:gsub(marked, function(begin, name, _, stop)
        return begin .. table.concat(generate[name](), "\n") .. "\n" .. stop
      end)
      writeFile(source .. "/" .. path, whole)
    end
    for _, name, text in whole:gmatch(marked) do
      seen[name] = true
      it(name .. " in " .. path .. " is what the code says", function()
        assert.equal(table.concat(generate[name](), "\n"), text)
      end)
    end
  end
  it("are all there", function()
    for name in pairs(generate) do assert(seen[name], name) end
  end)
end)
