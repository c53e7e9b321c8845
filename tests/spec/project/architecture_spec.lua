-- SPDX-License-Identifier: MIT
--
-- That the map is true: who alone calls what, and that the functions which ARCHITECTURE.md names are where it says.

local source = os.getenv("HOLDFAST_SOURCE") or "."

local function read(path)
  local file = assert(io.open(source .. "/" .. path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- { [path] = text } of the C files below a folder, without their comments.
local function sourcesOf(folder)
  local pipe = assert(io.popen(("cd '%s' && find %s -name '*.[ch]' -type f | sort"):format(source, folder)))
  local found = {}
  for path in pipe:lines() do found[path] = (read(path):gsub("/%*.-%*/", "")) end
  pipe:close()
  assert(next(found), "there is no C below " .. folder)
  return found
end

-- Fails with what was found, a line each.
local function none(found, what)
  table.sort(found)
  assert(#found == 0, what .. ":\n  " .. table.concat(found, "\n  "))
end

-- The slots of a backend, as backend.h declares them: { [name] = true }.
local function slots()
  local names, count = {}, 0
  local body = read("src/include/holdfast/backend.h"):match("\nstruct hf_backend {(.-)\n};")
  for name in body:gmatch("%(%*([%l_]+)%)%(") do
    names[name], count = true, count + 1
  end
  assert(count > 20 and names.put and names.quarantine_put, "the slots were not found in backend.h")
  return names
end

-- Adds "path calls NAME" to `found` for each call of a function in `names` through a pointer to a table.
local function slotCalls(sources, names, found)
  for path, text in pairs(sources) do
    for table, name in text:gmatch("([%w_]+)%->([%l_]+)%(") do
      if names[name] and (table == "b" or table:find("backend$")) then found[#found + 1] = path .. " calls " .. name end
    end
  end
  return found
end

describe("the slots of a backend", function()
  it("are called by the core only", function()
    local sources, names = sourcesOf("src"), slots()
    local core = {}
    for path, text in pairs(sources) do
      if path:find("^src/core/") then core[path], sources[path] = text, nil end
    end
    assert(#slotCalls(core, names, {}) > 20, "the calls of the core were not found")
    local found = slotCalls(sources, names, {})
    for path, text in pairs(sources) do -- also by a macro that pastes the name
      if text:find("backend%->[%w_#]+%(") then found[#found + 1] = path .. " calls what a table of slots has" end
    end
    none(found, "callers of slots outside the core")
  end)

  it("that change something are called by the one door only", function()
    local changing = { put = true, put_many = true, remove = true, remove_many = true, clear = true, quarantine = true,
      quarantine_put = true }
    local door = { ["src/core/change.c"] = read("src/core/change.c") }
    local sources, missing = sourcesOf("src"), {}
    local calls = table.concat(slotCalls(door, changing, {}), "\n") .. "\n"
    for name in pairs(changing) do
      if not calls:find(" calls " .. name .. "\n", 1, true) then missing[#missing + 1] = name end
    end
    none(missing, "slots that the door does not call")
    sources["src/core/change.c"] = nil
    none(slotCalls(sources, changing, {}), "changes beside the door")
  end)
end)
