-- SPDX-License-Identifier: MIT
--
-- What the object files of the build show to each other: how it is called, and that no two of them need each other.
-- Includes alone (style_spec.lua) do not say so: a header can declare what a file further up defines.
--
-- What the build generates is left out: its table of the backends is how the core comes to them.

local graphs = require("support.graph")

local source = os.getenv("HOLDFAST_SOURCE") or "."
local build = os.getenv("HOLDFAST_BUILD")

-- Whose symbols a folder may use beside its own.  `backends/NAME` stands for each of them.
local USES = {
  ["src"] = { "src/lua", "src/lua/state", "src/base" },
  ["src/lua"] = { "src/lua/api", "src/lua/script", "src/lua/codec", "src/lua/state", "src/core", "src/base" },
  ["src/lua/api"] = { "src/lua/script", "src/lua/codec", "src/lua/state", "src/adapters", "src/core", "src/condition",
    "src/candles", "src/base" },
  ["src/lua/script"] = { "src/lua/codec", "src/lua/state", "src/core", "src/index", "src/base" },
  ["src/lua/codec"] = { "src/lua/state", "src/base" },
  ["src/lua/state"] = { "src/core", "src/base" },
  ["src/adapters"] = { "src/core", "src/base" },
  ["backends/NAME"] = { "src/core", "src/index", "src/base" },
  ["src/core"] = { "src/index", "src/condition", "src/base" },
  ["src/index"] = { "src/condition", "src/base" },
  ["src/condition"] = { "src/base" },
  ["src/candles"] = { "src/base" },
  ["src/base"] = {},
}

-- How the symbols of a folder begin, beside those of the public headers.
local BEGINS = {
  ["src"] = { "main", "hf__interrupt_" },
  ["src/lua"] = { "hfL_", "luaopen_holdfast" },
  ["src/adapters"] = { "hf__" },
  ["src/core"] = { "hf__" },
  ["src/index"] = { "hf__" },
  ["src/condition"] = { "hf__" },
  ["src/candles"] = { "hf__" },
  ["src/base"] = { "hf__" },
}

local function lines(command)
  local pipe, found = assert(io.popen(command)), {}
  for line in pipe:lines() do found[#found + 1] = line end
  pipe:close()
  return found
end

-- Fails with what was found, a line each.
local function none(found, what)
  table.sort(found)
  assert(#found == 0, what .. ":\n  " .. table.concat(found, "\n  "))
end

local function folderOf(unit) return (unit:match("^(.*)/[^/]*$")) end

-- The row of a folder in USES and BEGINS.
local function rowOf(rows, folder)
  if rows[folder] then return rows[folder] end
  local name = folder:match("^backends/([%w_]+)$")
  if rows == BEGINS and name then return { "hf__" .. name .. "_", "hf__backend_" .. name } end
  if rows == BEGINS and folder:find("^src/lua/") then return BEGINS["src/lua"] end
  return name and rows["backends/NAME"]
end

-- What each unit (a source file without its ending) defines for others, and uses of them, out of what `nm -A` prints.
-- Compilers add names that begin with __ for sanitizers and coverage.
--   units  { [object file] = unit }
local function symbolsOf(printed, units)
  local symbols = {}
  for _, unit in pairs(units) do symbols[unit] = { defines = {}, uses = {} } end
  for _, line in ipairs(printed) do
    local object, kind, name = line:match("^(.-%.o):%x* +(%a) (%S+)$")
    local unit = units[object]
    if unit and not name:find("^__") then
      if kind == "U" then
        symbols[unit].uses[name] = true
      elseif kind:find("[A-TV-Z]") then
        symbols[unit].defines[name] = true
      end
    end
  end
  return symbols
end

-- The graph of the units, and through which symbol each step goes: { [unit] = { [unit] = symbol } }.
local function graphOf(symbols)
  local definedBy, graph = {}, {}
  for unit, of in pairs(symbols) do
    for name in pairs(of.defines) do definedBy[name] = unit end
  end
  for unit, of in pairs(symbols) do
    graph[unit] = {}
    for _, name in ipairs(graphs.sortedKeys(of.uses)) do
      local other = definedBy[name]
      if other and other ~= unit then graph[unit][other] = graph[unit][other] or name end
    end
  end
  return graph
end

-- The graph without the steps that leave a folder.
local function insideFolders(graph)
  local inside = {}
  for unit, others in pairs(graph) do
    inside[unit] = {}
    for other in pairs(others) do
      if folderOf(other) == folderOf(unit) then inside[unit][other] = true end
    end
  end
  return inside
end

-- A line for each step into a folder that USES does not name.
local function strayUses(graph)
  local found = {}
  for unit, others in pairs(graph) do
    local folder, may = folderOf(unit), {}
    local row = rowOf(USES, folder)
    if not row then found[#found + 1] = unit .. ": USES has no row for " .. folder end
    for _, other in ipairs(row or {}) do may[other] = true end
    for other, name in pairs(others) do
      local to = folderOf(other)
      if row and to ~= folder and not may[to] then
        found[#found + 1] = ("%s uses %s of %s"):format(unit, name, other)
      end
    end
  end
  return found
end

-- A line for each symbol with a name of another kind.  public: the text of the public headers.
local function strayNames(symbols, public)
  local found = {}
  local function isRight(name, beginnings)
    if name:find("^hf_%l") then return public:find("%f[%w_]" .. name .. "%f[^%w_]") ~= nil end
    for _, beginning in ipairs(beginnings or {}) do
      if name:sub(1, #beginning) == beginning then return true end
    end
    return false
  end
  for unit, of in pairs(symbols) do
    local folder = folderOf(unit)
    for name in pairs(of.defines) do
      if not isRight(name, rowOf(BEGINS, folder)) then
        found[#found + 1] = ("%s defines %s"):format(unit, name)
      end
    end
  end
  return found
end

-- What symbolsOf() says of the build.  Objects without a source are left over from an earlier one.
local function readBuild()
  local objects, units, paths = {}, {}, {}
  for _, path in ipairs(lines(("find '%s/CMakeFiles' -name '*.c.o'"):format(build))) do
    local folder, unit = path:match("/CMakeFiles/(holdfast_[%w_]+)%.dir/(.+)%.c%.o$")
    if folder and (folder:find("_objects$") or unit:find("^src/%l+$")) then objects[unit] = path end
  end
  for _, path in ipairs(lines(("cd '%s' && find src backends -name '*.c'"):format(source))) do
    local unit = path:gsub("%.c$", "")
    local object = assert(objects[unit], path .. " was not built")
    units[object], paths[#paths + 1] = unit, "'" .. object .. "'"
  end
  return symbolsOf(lines("nm -A " .. table.concat(paths, " ")), units)
end

local function publicHeaders()
  local text = {}
  for _, name in ipairs(lines(("cat '%s'/src/include/holdfast/*.h"):format(source))) do text[#text + 1] = name end
  return table.concat(text, "\n")
end

describe("the symbols of the object files", function()
  local symbols, graph
  lazy_setup(function()
    if not build then return end
    symbols = readBuild()
    graph = graphOf(symbols)
    assert(graph["src/core/persist"]["src/base/error"], "nm found no symbols")
  end)

  local function unknown()
    if not build then pending("HOLDFAST_BUILD is not set: which build is to be looked at?") end
    return not build
  end

  it("form no circle of files within a folder", function()
    if unknown() then return end
    none(
      graphs.describeCircles(insideFolders(graph), {}),
      "files that need each other: the small thing that both need goes into a third one"
    )
  end)

  it("are used by none but the folders that may", function()
    if unknown() then return end
    none(strayUses(graph), "folders that use what lies above or beside them: what they need moves down")
  end)

  it("begin as CONTRIBUTING.md says", function()
    if unknown() then return end
    none(
      strayNames(symbols, publicHeaders()),
      "symbols that are not named after their folder (or static), nor declared in a public header"
    )
  end)

  it("would be caught out of place", function()
    local units = { ["a.o"] = "src/core/a", ["b.o"] = "src/core/b", ["c.o"] = "src/base/c", ["d.o"] = "backends/d/d",
      ["e.o"] = "backends/e/e" }
    local printed = { "a.o:0000000000000000 T hf__a", "a.o:                 U hf__c", "b.o:0000000000000000 T hf_b",
      "b.o:                 U hf__a", "c.o:0000000000000010 t inner", "c.o:0000000000000000 D hf__c",
      "d.o:0000000000000000 R hf__backend_d", "d.o:0000000000000000 T hf__d_scan", "e.o:0000000000000000 B hf__e_x",
      "e.o:                 U hf_b", "e.o:                 U memcpy", "e.o:0000000000000000 B __odr_asan.x" }
    local known = {}
    local function check(circles, uses, names)
      local planted = symbolsOf(printed, units)
      local found = graphOf(planted)
      local function same(wanted, got)
        table.sort(got)
        assert(wanted == table.concat(got, "\n"), table.concat(got, "\n"))
      end
      same(circles, graphs.describeCircles(insideFolders(found), known))
      same(uses, strayUses(found))
      same(names, strayNames(planted, "HF_API int hf_b(void);"))
    end
    check("", "", "")
    printed[#printed + 1] = "a.o:                 U hf_b"
    check("src/core/a -> src/core/b -> src/core/a", "", "")
    known[1] = { "src/core/a", "src/core/b" }
    check("", "", "")
    known[1] = { "src/core/a", "src/core/x" }
    check(
      "'src/core/a src/core/x' is no circle any more: take it from the list of those that are known\n"
        .. "src/core/a -> src/core/b -> src/core/a",
      "",
      ""
    )
    known[1] = nil
    printed[#printed] = "c.o:                 U hf_b"
    check("", "src/base/c uses hf_b of src/core/b", "")
    printed[#printed] = "e.o:                 U hf__d_scan"
    check("", "backends/e/e uses hf__d_scan of backends/d/d", "")
    printed[#printed] = "e.o:0000000000000000 T hf__d_other"
    check("", "", "backends/e/e defines hf__d_other")
    printed[#printed] = "e.o:0000000000000000 T hf_other"
    check("", "", "backends/e/e defines hf_other")
  end)
end)
