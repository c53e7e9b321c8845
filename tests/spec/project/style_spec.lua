-- SPDX-License-Identifier: MIT
--
-- How the tree looks: what a reader can rely on in every file, and that no two files need each other.  CONTRIBUTING.md
-- says it in words; here it is checked, so that nobody has to.

local graphs = require("support.graph")

local source = os.getenv("HOLDFAST_SOURCE") or "."

local LINES_MAX = 70 -- of a function
-- Two inner loops of the codec, which their measured speed keeps in one piece.
local LONG = { "static const unsigned char *check(const unsigned char *p", "static const char *push_object(decoder *d" }
local COLUMNS_MAX = 120
-- Words that are never right here, in any case, and what to say.  Names that stored data and scripts have are others:
-- "resumedBehind" is one word.
local WORDS = {
  { "behind", "after, or of a place: of, under, beyond" },
  { "anew", "again" },
  { "entity type", "collection, or entity name" },
  { "entity types", "collections, or entity names" },
  { "walks over", "scans" },
  { "hf_lease", "hf_lock" },
  { "hfL_host", "hfL_state" },
  { "hfL_entity", "hfL_instance" },
}
-- Where they stand all the same: in this list.
local SAYING = { ["tests/spec/project/style_spec.lua"] = true }
local SUBJECT_MAX = 50 -- of a commit
local COMMITS_SINCE = "2026-11-28T00:00:00Z" -- older ones are as they are

local function lines(command)
  local pipe, found = assert(io.popen(("cd '%s' && %s 2>/dev/null"):format(source, command))), {}
  for line in pipe:lines() do found[#found + 1] = line end
  pipe:close()
  return found
end

local function read(path)
  local file = assert(io.open(source .. "/" .. path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- All files with one of the endings below the folders, generated ones and build folders left out.
local function files(folders, ...)
  local names = {}
  for i, ending in ipairs { ... } do names[i] = ("-name '*.%s'"):format(ending) end
  return lines(("find %s -type f \\( %s \\) | sort"):format(folders, table.concat(names, " -o ")))
end

-- Fails with what was found, a line each.
local function none(found, what) assert(#found == 0, what .. ":\n  " .. table.concat(found, "\n  ")) end

-- Whether the line begins one of the functions that may be long.
local function mayBeLong(line)
  for _, beginning in ipairs(LONG) do
    if line:sub(1, #beginning) == beginning then return true end
  end
  return false
end

-- What to say in place of a word of the line, and that word; nil: it has none of them.
local function better(line)
  line = line:lower()
  for _, word in ipairs(WORDS) do
    if line:find("%f[%a]" .. word[1]:lower() .. "%f[%A]") then return word[2], word[1] end
  end
end

-- Calls fn(first, count, line) for each function of a file: those that begin and end in the first column.
local function eachFunction(path, fn)
  local first, firstLine, number = nil, nil, 0
  local isLua = path:find("%.lua$") ~= nil
  for line in (read(path) .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if isLua then
      local begins = line:find("^local function ") or line:find("^function ") or line:find("^[%w_.]+ = function")
      if begins then first, firstLine = number, line end
      if first and line:find("^end") then
        fn(first, number - first + 1, firstLine)
        first = nil
      end
    else
      local begins = line:find("^[%a_].*%)[%w_ %(%),]*{$") or line:find("^ .*%)[%w_ %(%),]*{$") and not first
      if begins and not line:find("^ +[%a_]+ %(") then first, firstLine = number, line end
      if first and line == "}" then
        fn(first, number - first + 1, firstLine)
        first = nil
      end
    end
  end
end

describe("every file", function()
  it("begins with its license and says what it is", function()
    local found = {}
    for _, path in ipairs(files("src backends lua tests examples", "c", "h", "lua", "sh")) do
      local head = read(path):sub(1, 400)
      if not head:find("SPDX-License-Identifier: MIT", 1, true) then
        found[#found + 1] = path .. ": no SPDX line"
      elseif not head:find("Identifier: MIT\n[^%w]*%w") then
        found[#found + 1] = path .. ": nothing says what it is"
      end
    end
    none(found, "files without a head")
  end)

  it("has no function that is longer than a screen", function()
    local found, seen = {}, 0
    for _, path in ipairs(files("src backends lua", "c", "lua")) do
      eachFunction(path, function(first, count, line)
        seen = seen + 1
        if count > LINES_MAX and not mayBeLong(line) then
          found[#found + 1] = ("%s:%d: %d lines"):format(path, first, count)
        end
      end)
    end
    assert(seen > 1500, "only " .. seen .. " functions were found")
    none(found, "functions of more than " .. LINES_MAX .. " lines")
  end)

  it("keeps to one width", function()
    local found = {}
    for _, path in ipairs(files("src backends lua examples", "c", "h", "lua")) do
      local number = 0
      for line in (read(path) .. "\n"):gmatch("(.-)\n") do
        number = number + 1
        local _, columns = line:gsub("[^\128-\191]", "")
        if columns > COLUMNS_MAX then found[#found + 1] = ("%s:%d: %d columns"):format(path, number, columns) end
      end
    end
    none(found, "lines of more than " .. COLUMNS_MAX .. " columns")
  end)

  -- Where sourcing what gives $work fails, bash goes on, and `rm -rf "$work/root"` is another folder.
  it("ends test scripts that are run without their folders", function()
    local paths, found = lines("find tests -name '*_test.sh' | sort"), {}
    for _, path in ipairs(paths) do
      if not read(path):find('. "${HOLDFAST_SOURCE:?}/tests/', 1, true) then
        found[#found + 1] = path .. ': begin with . "${HOLDFAST_SOURCE:?}/tests/..."'
      end
    end
    assert(#paths > 50, "only " .. #paths .. " scripts were found")
    none(found, "scripts that would go on")
  end)

  it("says things in the words of the glossary", function()
    local paths = files("src backends lua tests examples docs cmake", "c", "h", "lua", "sh", "md", "mjs", "py", "txt")
    for _, path in ipairs(lines("find *.md dev CMakeLists.txt -type f")) do paths[#paths + 1] = path end
    local found = {}
    for _, path in ipairs(paths) do
      local number = 0
      for line in (SAYING[path] and "" or read(path) .. "\n"):gmatch("(.-)\n") do
        number = number + 1
        local instead, word = better(line)
        if word then found[#found + 1] = ("%s:%d: say %s, not %s"):format(path, number, instead, word) end
      end
    end
    assert(#paths > 500, "only " .. #paths .. " files were found")
    none(found, "words that are not the field's")
  end)

  it("would be caught with another word", function()
    assert.same({ "again", "anew" }, { better("/* Anew, from the start. */") })
    assert.same({ "hf_lock", "hf_lease" }, { better("hf_lease_acquire(path)") })
    assert.equal("behind", select(2, better("static const char left_behind[];")))
    assert.is_nil(better("result.resumedBehind.copied, and a new one, and types of entity"))
  end)
end)

describe("every folder", function()
  -- Those with a README that has a row for each file and each folder in it.
  local MAPPED = {
    "src/base", "src/condition", "src/index", "src/core", "src/adapters", "src/lua", "src/lua/api", "src/lua/script",
    "src/lua/codec", "src/lua/state", "backends/lmdb", "backends/file", "backends/redis", "backends/postgres",
    "backends/mongo",
    "lua/holdfast", "lua/holdfast/cli", "lua/holdfast/host", "lua/holdfast/host/report", "lua/holdfast/conformance",
    "lua/holdfast/host/scheduler", "lua/holdfast/host/market", "lua/holdfast/host/state", "lua/holdfast/host/runs",
    "lua/holdfast/util", "lua/holdfast/cli/commands", "lua/holdfast/cli/copying", "lua/holdfast/cli/lines",
    "lua/holdfast/cli/code", "lua/holdfast/cli/store", "lua/holdfast/cli/status", "lua/holdfast/cli/console",
    "lua/holdfast/cli/system", "tests", "tests/support", "tests/bench", "tests/bench/peers",
  }
  -- Those whose README also has the rows of their folders' files: `base/test_json.c`.
  local DEEP = { "tests/unit", "tests/spec", "tests/fault", "examples" }

  -- What is wrong with the README of a folder that has these names, of files and of folders ("api/").
  local function compare(folder, readme, names)
    local found, known = {}, {}
    for _, name in ipairs(names) do
      known[name] = true
      local wanted = name:find("/$") and "`" .. name or "`" .. name .. "`" -- a folder: or a file in it
      if not readme:find(wanted, 1, true) then found[#found + 1] = folder .. "/" .. name .. " is not in its README" end
    end
    for row in readme:gmatch("\n(| `[^\n]*)") do
      for name in row:match("^|[^|]*"):gmatch("`([%w_/]+%.%a+)`") do
        if not known[name] then found[#found + 1] = folder .. "/README.md has a row for " .. name end
      end
    end
    return found
  end

  local function namesIn(folder, depth)
    local names = {}
    for _, path in ipairs(files(folder .. depth, "c", "h", "lua", "sh", "py", "mjs", "service")) do
      names[#names + 1] = path:sub(#folder + 2)
    end
    return names
  end

  it("has a row for each of its files, and none for others", function()
    local found = {}
    local function check(folder, names)
      for _, problem in ipairs(compare(folder, read(folder .. "/README.md"), names)) do found[#found + 1] = problem end
    end
    for _, folder in ipairs(MAPPED) do
      local names = namesIn(folder, " -maxdepth 1")
      for _, path in ipairs(lines(("find %s -mindepth 1 -maxdepth 1 -type d"):format(folder))) do
        names[#names + 1] = path:sub(#folder + 2) .. "/"
      end
      check(folder, names)
    end
    for _, folder in ipairs(DEEP) do check(folder, namesIn(folder, "")) end
    none(found, "maps that are not true")
  end)

  it("would be told of what its README lacks, and has too much", function()
    local readme = "\n| `a.c`, `a.h` | a |\n| [`b/`](b) | b |\n| `d/e.lua` | e |\n"
    assert.same({}, compare("x", readme, { "a.c", "a.h", "b/", "d/e.lua", "d/" }))
    assert.same({ "x/f/ is not in its README", "x/a.lua is not in its README", "x/README.md has a row for a.h",
      "x/README.md has a row for d/e.lua" }, compare("x", readme, { "f/", "a.lua", "a.c" }))
  end)
end)

-- A unit is a path without its ending: x.c and x.h are one.
local function unitOf(path) return (path:gsub("%.[ch]$", "")) end

local function folderOf(path) return path:match("^(.*)/[^/]*$") or "." end

-- The folders whose order is fixed: none of them needs one that needs it.
local LAYERS = {
  "src/lua",
  "src/lua/api",
  "src/lua/script",
  "src/lua/codec",
  "src/lua/state",
  "src/adapters",
  "src/core",
  "src/index",
  "src/condition",
  "src/base",
}

-- The layers of lua/holdfast/host, from the top: each uses only those after it, and none beside it.  A name is that of
-- a folder, or of a file beside the folders.
local HOST_LAYERS = {
  { "init", "embed" }, -- what scripts and programs call
  { "runs" },
  { "state", "market", "report" },
  { "events" },
  { "scheduler", "registry" },
  { "kinds" },
  { "calendar", "config" },
  { "checks" },
}

-- What each unit includes: { [unit] = { [unit] = true } }.  A name in quotes is looked up beside the file, then in src
-- and src/include, as the compiler does; what is in none of them is generated.
--   sources  { [path] = text }
local function includesOf(sources)
  local graph = {}
  for path, text in pairs(sources) do
    local unit = unitOf(path)
    graph[unit] = graph[unit] or {}
    for name in ("\n" .. text):gmatch('\n#include "([^"]+)"') do
      for _, folder in ipairs { folderOf(path), "src", "src/include" } do
        local found = folder .. "/" .. name
        if sources[found] then
          if unitOf(found) ~= unit then graph[unit][unitOf(found)] = true end
          break
        end
      end
    end
  end
  return graph
end

-- The same between folders; those that are not in `only` are left out.
local function foldersOf(graph, only)
  local folders, known = {}, {}
  for _, folder in ipairs(only) do known[folder] = true end
  for unit, includes in pairs(graph) do
    local from = folderOf(unit)
    folders[from] = folders[from] or {}
    for other in pairs(includes) do
      local to = folderOf(other)
      if to ~= from and known[from] and known[to] then folders[from][to] = true end
    end
  end
  return folders
end

-- What each Lua file requires, at its head or in a function: { [unit] = { [unit] = true } }.  A name that ends in a dot
-- is the beginning of one that is put together: it stands for all files of a folder.
--   sources  { [path] = text }, of lua/
local function requiresOf(sources)
  local graph, units = {}, {}
  for path in pairs(sources) do
    units[#units + 1] = path:match("^(.*)%.lua$")
    graph[units[#units]] = {}
  end
  for path, text in pairs(sources) do
    local unit = path:match("^(.*)%.lua$")
    for name in text:gsub("%-%-[^\n]*", ""):gmatch("%f[%w_]require[%s%(,]*[\"'](holdfast[%w_.]*)[\"']") do
      local found = "lua/" .. name:gsub("%.", "/")
      for _, other in ipairs(units) do
        local isIt = other == found or other == found .. "/init"
        if (isIt or found:sub(-1) == "/" and other:match("^.*/") == found) and other ~= unit then
          graph[unit][other] = true
        end
      end
    end
  end
  return graph
end

-- The same between folders.  Files that lie beside folders stand for themselves: what holds a folder together is above
-- its folders, and what all of them need is below.
local function roomsOf(graph)
  local function roomOf(unit)
    local folder = folderOf(unit) .. "/"
    for other in pairs(graph) do
      local isInside = other:sub(1, #folder) == folder and other:find("/", #folder + 1, true)
      if isInside then return unit end
    end
    return folderOf(unit)
  end
  local rooms, known = {}, {}
  for unit in pairs(graph) do known[unit] = roomOf(unit) end
  for unit, others in pairs(graph) do
    local from = known[unit]
    rooms[from] = rooms[from] or {}
    for other in pairs(others) do
      if known[other] ~= from then rooms[from][known[other]] = true end
    end
  end
  return rooms
end

-- A line for each room of the folder that is in no layer, or uses one that is not after its own.
local function misplaced(rooms, folder, layers)
  local place, found = {}, {}
  for i, names in ipairs(layers) do
    for _, name in ipairs(names) do place[folder .. name] = i end
  end
  for _, room in ipairs(graphs.sortedKeys(rooms)) do
    local isInside = room:sub(1, #folder) == folder
    if isInside and not place[room] then found[#found + 1] = room .. " is in no layer" end
    for _, other in ipairs(isInside and graphs.sortedKeys(rooms[room]) or {}) do
      if (place[other] or math.huge) <= (place[room] or 0) then found[#found + 1] = room .. " uses " .. other end
    end
  end
  return found
end

describe("includes", function()
  local sources = {}
  for _, path in ipairs(files("src backends", "c", "h")) do sources[path] = read(path) end
  local graph = includesOf(sources)

  it("form no circle", function()
    assert(graph["src/core/persist"]["src/base/error"], "the includes were not found")
    none(
      graphs.describeCircles(graph, {}),
      "files that need each other: the small thing that both need goes into a third one"
    )
  end)

  it("form no circle between folders", function()
    local folders = foldersOf(graph, LAYERS)
    assert(folders["src/lua/api"]["src/lua/script"], "the includes were not found")
    none(graphs.describeCircles(folders, {}), "folders that need each other: what the lower one needs moves down")
  end)

  it("would be caught in a circle", function()
    local layers = { "src/lua/api", "src/lua/state" }
    local planted = {
      ["src/lua/api/a.h"] = "",
      ["src/lua/api/a.c"] = '/* a */\n#include "lua/api/a.h"\n#include "lua/state/b.h"\n#include "holdfast/c.h"\n',
      ["src/lua/state/b.h"] = '#include "lua/state/d.h"\n',
      ["src/lua/state/d.h"] = "",
      ["src/include/holdfast/c.h"] = "",
      ["backends/e/e.c"] = '#include "e.h"\n#include "f.h"\n',
      ["backends/e/e.h"] = "",
      ["backends/e/f.h"] = "",
    }
    local function check(what, wanted)
      local found = graphs.describeCircles(what, {})
      assert(table.concat(found, "\n") == wanted, table.concat(found, "\n"))
    end
    check(includesOf(planted), "")
    check(foldersOf(includesOf(planted), layers), "")
    planted["backends/e/f.h"] = '#include "e.h"'
    check(includesOf(planted), "backends/e/e -> backends/e/f -> backends/e/e")
    planted["backends/e/f.h"] = ""
    planted["src/lua/state/d.c"] = '#include "lua/api/g.h"'
    planted["src/lua/api/g.h"] = ""
    check(includesOf(planted), "")
    check(foldersOf(includesOf(planted), layers), "src/lua/api -> src/lua/state -> src/lua/api")
    planted["src/lua/api/g.h"] = '#include "lua/api/a.h"'
    check(
      includesOf(planted),
      "src/lua/api/a -> src/lua/state/b -> src/lua/state/d -> src/lua/api/g -> src/lua/api/a"
    )
  end)
end)

describe("requires", function()
  local sources = {}
  for _, path in ipairs(files("lua/holdfast", "lua")) do
    if not path:find("^lua/holdfast/meta/") then sources[path] = read(path) end
  end
  local graph = requiresOf(sources)

  it("form no circle", function()
    assert(graph["lua/holdfast/host/init"]["lua/holdfast/host/runs/live"], "the requires were not found")
    none(graphs.describeCircles(graph, {}),
      "files that need each other: the small thing that both need goes into a third one")
  end)

  it("form no circle between folders", function()
    local rooms = roomsOf(graph)
    assert(rooms["lua/holdfast/host/runs"]["lua/holdfast/host/state"], "the requires were not found")
    none(graphs.describeCircles(rooms, {}), "folders that need each other: what the lower one needs moves down")
  end)

  it("of the host go down its layers", function()
    none(misplaced(roomsOf(graph), "lua/holdfast/host/", HOST_LAYERS), "what does not fit the layers of the host")
  end)

  it("would be caught in a circle, and out of their layer", function()
    local function planted(more)
      local all = {
        ["lua/holdfast/a.lua"] = '-- require "holdfast.a" is how it is used\nlocal b = require "holdfast.x.b"\n',
        ["lua/holdfast/x/b.lua"] = 'local c = require("holdfast.x.y.c")\n',
        ["lua/holdfast/x/y/c.lua"] = 'local core, e = require "holdfast.core", require "holdfast.x.e"\n',
        ["lua/holdfast/x/z/init.lua"] = 'local function lazy() return require("holdfast.x.e").name end\n',
        ["lua/holdfast/x/e.lua"] = "",
      }
      for path, text in pairs(more) do all[path] = text end
      return requiresOf(all)
    end
    local function check(found, wanted) assert(table.concat(found, "\n") == wanted, table.concat(found, "\n")) end
    local layers = { { "b" }, { "y", "z" }, { "e" } }

    local fine = planted {}
    check(graphs.describeCircles(fine, {}), "")
    check(graphs.describeCircles(roomsOf(fine), {}), "")
    check(misplaced(roomsOf(fine), "lua/holdfast/x/", layers), "")

    local lazy = planted { ["lua/holdfast/x/e.lua"] = 'return function(n) return pcall(require, "holdfast.x.z") end' }
    check(graphs.describeCircles(lazy, {}), "lua/holdfast/x/e -> lua/holdfast/x/z/init -> lua/holdfast/x/e")
    check(misplaced(roomsOf(lazy), "lua/holdfast/x/", layers), "lua/holdfast/x/e uses lua/holdfast/x/z")
    local any = planted { ["lua/holdfast/x/e.lua"] = 'return function(n) return require("holdfast.x." .. n) end' }
    check(graphs.describeCircles(any, {}),
      "lua/holdfast/x/b -> lua/holdfast/x/y/c -> lua/holdfast/x/e -> lua/holdfast/x/b")

    local between = planted {
      ["lua/holdfast/x/y/f.lua"] = 'require "holdfast.x.z"', ["lua/holdfast/x/z/g.lua"] = 'require "holdfast.x.y.c"',
    }
    check(graphs.describeCircles(between, {}), "")
    check(graphs.describeCircles(roomsOf(between), {}), "lua/holdfast/x/y -> lua/holdfast/x/z -> lua/holdfast/x/y")
    check(misplaced(roomsOf(between), "lua/holdfast/x/", layers),
      "lua/holdfast/x/y uses lua/holdfast/x/z\nlua/holdfast/x/z uses lua/holdfast/x/y")
    check(misplaced(roomsOf(planted { ["lua/holdfast/x/w/h.lua"] = "" }), "lua/holdfast/x/", layers),
      "lua/holdfast/x/w is in no layer")
  end)
end)

describe("commits", function()
  it("have a short subject that names the area, in the imperative", function()
    if #lines("git rev-parse --git-dir") == 0 then return pending("this is no git checkout") end
    local found = {}
    for _, line in ipairs(lines("git log --no-merges --since=" .. COMMITS_SINCE .. " --format='%h %s'")) do
      local subject = line:match("^%x+ (.*)$")
      if #subject > SUBJECT_MAX then
        found[#found + 1] = line .. ": " .. #subject .. " columns"
      elseif not subject:find("^[%l%d_/, %-]+: %l") then
        found[#found + 1] = line .. ": write 'area: do something'"
      end
    end
    none(found, "commits whose subject is not as CONTRIBUTING.md says")
  end)
end)
