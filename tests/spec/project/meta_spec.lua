-- SPDX-License-Identifier: MIT
--
-- The stubs in lua/holdfast/meta against what the C side really has: every function has
-- a stub, every stub has a function, and every stub is annotated.

local holdfast = require "holdfast"
local core = require "holdfast.core"

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")

local function read(path)
  local file = assert(io.open(source .. "/" .. path))
  local text = file:read("*a")
  file:close()
  return text
end

-- Runs a stub file and returns its local `name`.
local function stub(file, name)
  local text = read("lua/holdfast/meta/" .. file):gsub("\nreturn %w+%s*$", "\n")
  return assert(loadstring(text .. "\nreturn " .. name, "@" .. file))()
end

local function functions(t)
  local names = {}
  for name, value in pairs(t) do
    if type(value) == "function" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- What a Lua file says above each of its functions: {name=, parameters=, comment=}.
local function declarations(path)
  local list, comment = {}, {}
  for line in read(path):gmatch("([^\n]*)\n") do
    local name, parameters = line:match("^function ([%w_.:]+)(%b())")
    if name then
      list[#list + 1] = { name = name, parameters = parameters, comment = table.concat(comment, "\n") }
    end
    if line:find("^%-%-%-") then comment[#comment + 1] = line else comment = {} end
  end
  return list
end

-- The functions of PersistBase that are methods of C, by any class that has them.
local function methodsOfC()
  local written = {}
  for _, declaration in ipairs(declarations("lua/holdfast/PersistBase.lua")) do
    written[declaration.name:match("[%w_]+$")] = true
  end
  local names = {}
  for _, name in ipairs(functions(holdfast.PersistBase)) do
    if not written[name] then names[#names + 1] = name end
  end
  return names
end

describe("the stubs for editors", function()
  it("have every function of holdfast.core, directly or as a method", function()
    local stubs, methods = stub("core.lua", "core"), stub("PersistBase.lua", "PersistBase")
    local missing = {}
    for _, name in ipairs(functions(core)) do
      if not stubs[name] and not methods[name] then missing[#missing + 1] = name end
    end
    assert.same({}, missing)
  end)

  it("have no function that holdfast.core lacks", function()
    local extra = {}
    for _, name in ipairs(functions(stub("core.lua", "core"))) do
      if type(core[name]) ~= "function" then extra[#extra + 1] = name end
    end
    assert.same({}, extra)
  end)

  it("have the functions of json, and no others", function()
    assert.same(functions(core.json), functions(stub("core.lua", "core.json")))
  end)

  it("have the functions of condition, and no others", function()
    assert.same(functions(core.condition), functions(stub("core.lua", "core.condition")))
  end)

  it("have the functions of candles, and no others", function()
    assert.same(functions(core.candles), functions(stub("core.lua", "core.candles")))
  end)

  it("have the methods of PersistBase that are not written in Lua, and no others", function()
    assert.same(methodsOfC(), functions(stub("PersistBase.lua", "PersistBase")))
  end)

  it("have the methods of a whole store, and no others", function()
    local store = holdfast.openStore("memory:stubs")
    local real = functions(getmetatable(store).__index)
    store:close()
    assert.same(real, functions(stub("types.lua", "Store")))
  end)

  it("have the methods of a checksum, and no others", function()
    assert.same(functions(getmetatable(core.checksum()).__index), functions(stub("types.lua", "Checksum")))
  end)

  it("have the methods of a lease, and no others", function()
    local path = os.tmpname()
    local lease = core.lease(path, "meta_spec")
    local real = functions(getmetatable(lease).__index)
    lease:release()
    assert.same(real, functions(stub("types.lua", "Lease")))
  end)

  it("have the functions of adapters, and no others", function()
    assert.same(functions(core.adapters), functions(stub("adapters.lua", "adapters")))
  end)

  it("have every error code", function()
    local text = read("lua/holdfast/meta/types.lua"):match("@alias holdfast.Code\n(.-)\n\n")
    local known, written = {}, {}
    for code in pairs(core.codes) do known[#known + 1] = code end
    for code in text:gmatch('"([%w_]+)"') do written[#written + 1] = code end
    table.sort(known)
    table.sort(written)
    assert.same(known, written)
  end)

  it("have every option of a store, as a field that means the same", function()
    local text, known, written = read("lua/holdfast/meta/types.lua"):match("@class holdfast.Options\n(.-)\n\n"), {}, {}
    local types = { bytes = "integer", flag = "boolean" }
    for i, option in ipairs(core.options()) do
      local kind = option.values and '"' .. table.concat(option.values, '"|"') .. '"' or types[option.type]
      known[i] = ("%s? %s %s"):format(option.key, kind, option.meaning)
    end
    for field in text:gmatch("@field ([^\n]+)") do written[#written + 1] = field end
    assert.same(known, written)
  end)

  it("have every durability that the header has, by the same name", function()
    local header, names = read("src/include/holdfast/holdfast.h"), {}
    for name in header:gmatch("\n  HF_DURABILITY_(%u+)") do names[#names + 1] = name:lower() end
    assert.same(names, core.options()[1].values)
  end)

  it("have every option that the header names in its URL", function()
    local url, names, known = read("src/include/holdfast/holdfast.h"):match('"lmdb:PATH%?([^"]+)"'), {}, {}
    for name in url:gmatch("(%l+)=") do names[#names + 1] = name end
    for i, option in ipairs(core.options()) do known[i] = option.name end
    assert.same(known, names)
  end)

  it("have every capability", function()
    local text = read("lua/holdfast/meta/types.lua"):match("@class holdfast.Supports\n(.-)\n\n")
    local known, written = {}, {}
    for name in pairs(holdfast.PersistBase("x", "null:").supports) do known[#known + 1] = name end
    for name in text:gmatch("@field (%w+)") do written[#written + 1] = name end
    table.sort(known)
    table.sort(written)
    assert.same(known, written)
  end)

  local files = { "meta/core.lua", "meta/adapters.lua", "meta/PersistBase.lua", "meta/types.lua", "PersistBase.lua" }
  local listing = assert(io.popen("cd '" .. source .. "/lua/holdfast' && ls host/*.lua host/*/*.lua"))
  for path in listing:lines() do files[#files + 1] = path end
  listing:close()

  for _, path in ipairs(files) do
    it("say in " .. path .. " what each function does and takes", function()
      local bare = {}
      for _, declaration in ipairs(declarations("lua/holdfast/" .. path)) do
        -- Of the host's classes the methods are its own affair; what its modules export is not.
        local isOwn = path:find("^host/") and not declaration.name:find("^M%.")
        if isOwn then declaration.comment, declaration.parameters = "--- Own", "()" end
        if not declaration.comment:find("^%-%-%- ?%u") then bare[#bare + 1] = declaration.name end
        for parameter in declaration.parameters:gmatch("[%w_.]+") do
          if not declaration.comment:find("@param " .. parameter, 1, true) then
            bare[#bare + 1] = declaration.name .. " " .. parameter
          end
        end
      end
      assert.same({}, bare)
    end)
  end

  it("are Lua that luajit can read, with the mark that keeps it from running", function()
    for _, file in ipairs { "core.lua", "adapters.lua", "PersistBase.lua", "types.lua" } do
      local text = read("lua/holdfast/meta/" .. file)
      assert(loadstring(text, "@" .. file))
      assert.truthy(text:find("^%-%-%-@meta"))
    end
  end)
end)
