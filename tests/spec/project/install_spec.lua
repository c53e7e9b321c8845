-- SPDX-License-Identifier: MIT
--
-- What an editor has that only sees the installed files: every public name is found in them, with what it is, takes and
-- gives.

local holdfast = require("holdfast")
local process = require("support.process")
local temp = require("support.temp")

local build = assert(os.getenv("HOLDFAST_BUILD"), "HOLDFAST_BUILD must name the build folder")

-- What docs/scripting.md tells editors, below the prefix.
local LIBRARY = { "share/holdfast/lua", "share/holdfast/meta" }

local prefix

setup(function()
  local root = os.tmpname()
  os.remove(root)
  prefix = root .. "/usr"
  local result = process.shell(("DESTDIR=%s cmake --install %s --prefix /usr"):format(temp.quote(root),
    temp.quote(build)))
  assert.equal(0, result.code, result.stderr)
  temp.removeAll()
end)

teardown(function() os.execute("rm -rf " .. temp.quote(prefix:match("^(.*)/usr$"))) end)

local texts = {}

-- The text of the module in the installed files; nil: an editor does not find it.
local function text(module)
  if texts[module] then return texts[module] end
  for _, folder in ipairs(LIBRARY) do
    for _, form in ipairs({ "%s/%s/%s.lua", "%s/%s/%s/init.lua" }) do
      local file = io.open(form:format(prefix, folder, (module:gsub("%.", "/"))))
      if file then
        texts[module] = "\n" .. file:read("*a")
        file:close()
        return texts[module]
      end
    end
  end
  -- A stub says which module it is of.
  local found = process.shell(("grep -rlx -e '---@meta %s' %s"):format(module, temp.quote(prefix .. "/share/holdfast")))
  local path = found.stdout:match("[^\n]+")
  temp.removeAll()
  texts[module] = path and "\n" .. temp.readFile(path)
  return texts[module]
end

-- The comment that ends right before a position.
local function commentBefore(source, position)
  local lines = {}
  for line in source:sub(1, position):gmatch("[^\n]*\n") do
    if line:find("^%s*%-%-%-") then lines[#lines + 1] = line else lines = {} end
  end
  return table.concat(lines)
end

-- What is missing of the function with this name in the source, local or of a table; false: there is none.
local function lacksOfFunction(source, key)
  local position, parameters
  for _, form in ipairs({ "function M%.", "function [%w_.]+[.:]", "local function " }) do
    if not position then position, parameters = source:match("\n()" .. form .. key .. "(%b())") end
  end
  if not position then return false end
  local comment = commentBefore(source, position - 1)
  if not comment:find("^%-%-%- ?%u") then return "no words" end
  for parameter in parameters:gmatch("[%w_.]+") do
    if not comment:find("@param " .. parameter:gsub("%.", "%%.") .. "%??%s") then return "no @param " .. parameter end
  end
  return nil
end

local lacks

-- What is missing where the module says `key = EXPRESSION`; false: it does not.
local function lacksOfField(source, key)
  local expression = source:match("\n%s+" .. key .. " = ([%w_.]+)[,\n ]")
    or source:match("{ " .. key .. " = ([%w_.]+) }") or source:match("\nM%." .. key .. " = ([%w_.]+)\n")
  if not expression then return false end
  local head, rest = expression:match("^([%w_]+)%.?(.*)$")
  local required = source:match("\nlocal " .. head .. " = require%(?%s*[\"']([%w_.]+)[\"']")
  if required and rest == "" then return not text(required) and "no file for the module " .. required or nil end
  if required then return lacks(required, rest) end
  return rest == "" and lacksOfFunction(source, head) or nil
end

-- What an editor lacks of a public name, such as "json.decode" of "holdfast"; nil: nothing.
function lacks(module, name)
  local source = text(module)
  if not source then return "no file for the module " .. module end
  local key = name:match("[%w_]+$")
  if source:find("%-%-%-@field " .. key .. "%??%s+%S") then return nil end
  local missing = lacksOfFunction(source, key)
  if missing == false then missing = lacksOfField(source, key) end
  if missing == false then missing = "it is nowhere" end
  return missing
end

-- Everything public of a module: {["name"] = what is missing}.
local function report(module, of)
  local missing, count = {}, 0
  for name in pairs(of) do
    count = count + 1
    missing[name] = lacks(module, name)
  end
  assert.is_true(count > 0)
  return missing
end

describe("what is installed annotates", function()
  for _, module in ipairs({ "holdfast", "holdfast.host", "holdfast.conformance" }) do
    it("every name of " .. module, function()
      assert.same({}, report(module, require(module)))
    end)
  end

  it("what those tables have in them", function()
    local host = require("holdfast.host")
    for module, of in pairs({
      ["holdfast.core"] = require("holdfast.core"), ["holdfast.adapters"] = holdfast.adapters,
      ["holdfast.host.runs.live"] = host.Live, ["holdfast.host.runs.backtest"] = host.Backtest,
      ["holdfast.conformance.report"] = require("holdfast.conformance").report,
      ["holdfast.store_classes"] = require("holdfast.store_classes"),
    }) do
      local missing = report(module, of)
      if module == "holdfast.core" then -- methods, and what only our own modules call
        for _, name in ipairs({ "wrapped", "adapters", "storeMethods" }) do missing[name] = nil end
        for name in pairs(missing) do
          if holdfast.PersistBase[name] then missing[name] = nil end
        end
      end
      assert.same({}, missing, module)
    end
    for name in pairs(holdfast.json) do assert.is_nil(lacks("holdfast.core", name), name) end
  end)

  it("every method of an instance, written in C or in Lua", function()
    local stub = temp.readFile(prefix .. "/share/holdfast/meta/PersistBase.lua")
    local methods = {}
    for name, value in pairs(holdfast.PersistBase) do
      if type(value) == "function" then methods[#methods + 1] = name end
    end
    assert.is_true(#methods > 20)
    for _, name in ipairs(methods) do
      local missing = lacksOfFunction(stub, name)
      if missing == false then missing = lacksOfFunction(text("holdfast.PersistBase"), name) end
      assert.is_nil(missing, name)
    end
    -- A class is called to make an instance.
    assert.truthy(stub:find("\n---@overload fun(entityName: string, ", 1, true))
  end)

  it("nothing twice, and nothing that scripts could take for the runtime", function()
    for _, folder in ipairs({ "meta", "cli" }) do
      local path = prefix .. "/share/holdfast/lua/holdfast/" .. folder
      assert.is_true(process.shell("test -e " .. temp.quote(path)).code ~= 0, folder)
    end
    local path = process.shell("find " .. temp.quote(prefix .. "/share/lua") .. " " .. temp.quote(prefix .. "/lib")
      .. " -name '*.lua'")
    assert.equal("", path.stdout)
    temp.removeAll()
  end)
end)

describe("the documents", function()
  it("tell editors of these folders", function()
    local page = temp.readFile((os.getenv("HOLDFAST_SOURCE") or ".") .. "/docs/scripting.md")
    local settings = assert(page:match('\n(%{\n%s+"runtime.version".-\n%})\n'), "no .luarc.json")
    local library = holdfast.json.decode(settings)["workspace.library"]
    for i, folder in ipairs(LIBRARY) do assert.equal("/usr/local/" .. folder, library[i]) end
  end)
end)
