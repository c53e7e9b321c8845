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

describe("the records of an LMDB store", function()
  -- The databases that are not of entities, as the code calls them: ours, and LMDB's list of names.
  local OURS = { ["meta"] = true, ["env->meta_dbi"] = true, ["env->quarantine_dbi"] = true, ["env->main_dbi"] = true }
  -- The files that write to a database of their own beside the records, and what each calls it.
  local ENTRIES = {
    ["backends/lmdb/index_store.c"] = "index_dbi", ["backends/lmdb/log_store.c"] = "log",
    ["backends/lmdb/history_store.c"] = "history", ["backends/lmdb/expiry_store.c"] = "expiry",
  }

  it("are touched by the one door only", function()
    local found, door = {}, 0
    for path, text in pairs(sourcesOf("backends/lmdb")) do
      for name, database in text:gmatch("%f[%w_](mdb_[%l_]+)%([^,()]*,%s*([^,()]+)") do
        local writes = name == "mdb_put" or name == "mdb_del" or name == "mdb_drop"
        local cursor = name == "mdb_cursor_put" or name == "mdb_cursor_del"
        if (writes or cursor) and path == "backends/lmdb/change.c" then
          door = door + 1
        elseif ENTRIES[path] then
          if writes and database ~= ENTRIES[path] then
            found[#found + 1] = path .. ": " .. name .. " on " .. database
          end
        elseif cursor or (writes and not OURS[database]) then
          found[#found + 1] = ("%s: %s on %s"):format(path, name, database)
        end
      end
    end
    assert(door >= 4, "the door's writes were not found")
    none(found, "writes to records beside backends/lmdb/change.c")
  end)

  it("are settled, put aside and named by it only", function()
    local found, door = {}, {}
    for path, text in pairs(sourcesOf("backends/lmdb")) do
      for _, name in ipairs { "quarantine_settle", "quarantine_keep", "quarantine_put", "make_dbi" } do
        for before, after in text:gmatch("([^\n]*)%f[%w_]hf__lmdb_" .. name .. "%(([^\n]*)") do
          local declares = before:find("^int $") or before:find("^hf_status $") or after:find("^env, t, env%->index,")
            or after:find("^env, t, env%->log,") or after:find("^env, t, env%->history,")
            or after:find("^env, t, env%->expiry,")
          if path == "backends/lmdb/change.c" then
            door[name] = true
          elseif not declares and path ~= "backends/lmdb/quarantine.c" then
            found[#found + 1] = path .. " calls " .. name
          end
        end
      end
    end
    for _, name in ipairs { "quarantine_settle", "quarantine_keep", "quarantine_put", "make_dbi" } do
      assert(door[name], "the door does not call " .. name)
    end
    none(found, "changes beside backends/lmdb/change.c")
  end)
end)

describe("the locks of an LMDB environment", function()
  it("are taken by the function that keeps their rule only", function()
    local found, seen = {}, 0
    for path, text in pairs(sourcesOf("backends/lmdb")) do
      for _ in text:gmatch("%f[%w_]hf__lmdb_lock%(") do seen = seen + 1 end
      if text:find("pthread_mutex_lock", 1, true) and path ~= "backends/lmdb/locks.h" then found[#found + 1] = path end
    end
    assert(seen > 5, "the function was not found")
    none(found, "files that take a lock beside locks.h")
  end)
end)

-- The files of a folder whose README says that each uses only those after it: in the order of its rows, as units.
local function rowsOf(folder)
  local text, rows = read(folder .. "/README.md"), {}
  if not text:find("Each uses only those after it", 1, true) then return nil end
  for row in text:gmatch("\n| `([%w_]+)%.[ch]`") do rows[#rows + 1] = row end
  return rows
end

describe("the order of a README", function()
  it("is that in which its files use each other", function()
    local found, seen = {}, 0
    for _, folder in ipairs { "backends/lmdb" } do
      local rows, place = assert(rowsOf(folder), folder .. "/README.md says nothing of an order"), {}
      for i, unit in ipairs(rows) do place[unit] = i end
      for path, text in pairs(sourcesOf(folder)) do
        local unit = path:match("([%w_]+)%.[ch]$")
        for name in text:gmatch('#include "([%w_]+)%.h"') do
          seen = seen + 1
          if name ~= unit and not (place[unit] and place[name] and place[unit] < place[name]) then
            found[#found + 1] = ("%s uses %s.h, which is before it"):format(path, name)
          end
        end
      end
    end
    assert(seen > 40, "the includes were not found")
    none(found, "files that use one before them")
  end)

  it("holds for what they call, too: each function is declared in its own header", function()
    local found, seen = {}, 0
    local sources = sourcesOf("backends/lmdb")
    for path, text in pairs(sources) do
      local header = sources[path:gsub("%.c$", ".h")] or ""
      if path:find("%.c$") then
        for name in ("\n" .. text):gmatch("\n[%l][^\n;={]-(hf__lmdb_[%w_]+)%([^;]-%) {") do
          seen = seen + 1
          if not header:find(name .. "(", 1, true) then found[#found + 1] = path .. ": " .. name end
        end
      end
    end
    assert(seen > 40, "the functions were not found")
    none(found, "functions that are declared elsewhere")
  end)
end)

-- ---- ARCHITECTURE.md

local function escape(text) return (text:gsub("%p", "%%%0")) end

-- Whether a file defines the function, in C or in Lua: `name` or `Class:name`.
local function defines(path, text, name)
  local last = escape(name:match("[%w_]+$"))
  if path:find("%.lua$") then
    for before in text:gmatch("\n([^\n]-)%f[%w_]" .. last .. "%(") do
      if before:find("function [%w_.:]*$") then return true end
    end
    return text:find("[%s.]" .. last .. " = function") ~= nil
  end
  return text:find("\n%l[^\n;(=]*%f[%w_]" .. last .. "%([^;{]*{") ~= nil
end

describe("ARCHITECTURE.md", function()
  local all = {}
  local pipe = assert(io.popen(("cd '%s' && find src backends lua -type f -name '*.[chl]*' | sort"):format(source)))
  for path in pipe:lines() do all[path] = "\n" .. read(path) end
  pipe:close()
  local map = read("ARCHITECTURE.md")

  it("names files that are there", function()
    local found, seen = {}, 0
    for name in map:gmatch("`([%w_./]+%.[chl]u?a?)`") do
      seen = seen + 1
      local there = all[name]
      for path in pairs(all) do there = there or path:sub(-#name - 1) == "/" .. name end
      local file = not there and name:find("/", 1, true) and io.open(source .. "/" .. name)
      if file then file:close() end
      if not there and not file and not name:find("NAME", 1, true) then found[#found + 1] = name end
    end
    assert(seen > 30, "the names of files were not found")
    none(found, "files that ARCHITECTURE.md names, and that are not there")
  end)

  it("names functions that are there, in the files that it says", function()
    local found, seen = {}, 0
    local function check(name, path)
      seen = seen + 1
      local there = false
      for file, text in pairs(all) do
        if not path or file == path or file:sub(-#path - 1) == "/" .. path then
          there = there or defines(file, text, name)
        end
      end
      if not there then found[#found + 1] = name .. (path and " in " .. path or "") end
    end
    for line in map:gmatch("[^\n]+") do
      local rest = line:gsub("`([%w_:]+)%(?%)?` [io][nf] `([%w_./]+%.[chl]u?a?)`", function(name, path)
        check(name, path)
        return ""
      end)
      for name in rest:gmatch("`([%l][%w_]+)%(%)`") do check(name) end
      for name in rest:gmatch("`(%u%w+:%w+)`") do check(name) end
      for name in rest:gmatch("`core%.(%w+)`") do
        seen = seen + 1
        if not require("holdfast.core")[name] then found[#found + 1] = "core." .. name end
      end
    end
    assert(seen > 40, "the names of functions were not found")
    none(found, "functions that ARCHITECTURE.md names, and that are not there")
  end)
end)
