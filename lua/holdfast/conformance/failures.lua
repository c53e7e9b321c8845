-- SPDX-License-Identifier: MIT
--
-- A storage that fails: what an operation could not do it says, and nothing that was acknowledged is gone.  A missing
-- entity is not among the answers, since a program would take it for "no position".

local context = require "holdfast.conformance.context"
local core = require "holdfast.core"
local processes = require "holdfast.conformance.processes"

-- What an operation may not raise when it cannot know: these say something of an entity.
local KNOWING = { not_found = true, conflict = true, corrupt = true, invalid_value = true }

-- How much files may hold, and what is written to them in the end at once.
local ROOM, LARGE = 1024 * 1024, 3 * 1024 * 1024

local OPERATIONS = {
  { "readValue", function(s) return s:readValue("a") end },
  { "readValue", function(s) return s:readValue("missing") end },
  { "readEntry", function(s) return s:readEntry("a") end },
  { "hasValue", function(s) return s:hasValue("a") end },
  { "hasValue", function(s) return s:hasValue("missing") end },
  { "writeValue", function(s) s:writeValue("b", "lost") end },
  { "removeValue", function(s) s:removeValue("a") end },
  { "removeValue", function(s) s:removeValue("missing") end },
  { "removeAll", function(s) s:removeAll() end },
  { "keys", function(s, t) return t:list(s:keys()) end },
  { "keys", function(s, t) return t:list(s:keys { prefix = "a" }) end },
  { "values", function(s, t) return t:list(s:values()) end },
  { "filter", function(s, t) return t:list(s:filter(function() return true end)) end },
  { "take", function(s, t) return t:list(s:take(1)) end },
  { "entries", function(s, t) return t:list(s:entries()) end },
  { "count", function(s) return s:count() end },
  { "readMany", function(s) return s:readMany { "a", "missing" } end },
  { "writeMany", function(s) s:writeMany { b = "lost", c = "lost" } end },
  { "removeMany", function(s) return s:removeMany { "a", "missing" } end },
}

-- Raises unless this is how an operation says that it could not be done.
local function checkFailure(t, method, ok, raised, says)
  t:blame(method)
  if ok then t:fail(method .. says, "an error", "no error; it returned " .. context.show(raised)) end
  if not core.isError(raised) then t:fail(method .. says, "an error object", context.show(raised)) end
  t.where = KNOWING[raised.code] and raised.where or nil
  if KNOWING[raised.code] then
    t:fail(method .. says, "unavailable, io, full or what else it is", "code " .. raised.code .. ": " .. raised.message)
  end
  return raised.code
end

return function(check)
  check("every operation says that the storage fails", { method = "readValue", needsFail = true,
    why = "nil, false or an empty list in its place means: there is no position" }, function(t)
    local store = t:open()
    store:writeMany { a = "kept", z = "kept" }
    local undo = t.target.fail(store)
    if type(undo) ~= "function" then t:fail("what makes the storage fail", "a function that undoes it", type(undo)) end
    local ok, raised = pcall(function()
      local certain = true
      for _, operation in ipairs(OPERATIONS) do
        local method, fn = operation[1], operation[2]
        local fine, problem = pcall(fn, store, t)
        local code = checkFailure(t, method, fine, problem, " while the storage fails")
        certain = certain and code ~= "timeout" -- which may have happened
      end
      return certain
    end)
    undo()
    if not ok then error(raised, 0) end
    if raised then
      t:blame("writeValue"):equal({ a = "kept", z = "kept" }, store:readMany { "a", "b", "c", "z" },
        "what is stored when the storage works again")
    end
    store:writeValue("b", "new")
    t:blame("writeValue"):equal("new", store:readValue("b"), "a write when the storage works again")
  end)

  -- What the process could write is there, and of the rest nothing is half there.
  local function judge(t, said)
    local store, written = t:open(), {}
    for id in said:match("^([^|]*)"):gmatch("%S+") do written[id] = true end
    local sizes = { kept = written.kept and LARGE or 3 }
    for i = 1, 20 do sizes["k" .. i] = 65536 end
    for id in pairs(written) do
      t:blame("writeValue"):equal(true, store:hasValue(id), "hasValue of " .. id .. ", which was acknowledged")
    end
    t:blame("writeValue"):equal(true, store:hasValue("kept"), "hasValue of an entity whose replacement found no room")
    for id, value in store:entries() do
      t:equal(sizes[id] or 3, #value, "bytes of " .. id .. (written[id] and ", whose write returned"
        or ", whose write raised"))
    end
    local problem = said:match("|(.+)$")
    if problem then t:fail("a write when there is room again", "it returns", problem) end
    t:equal("new", store:readValue("after"), "what was written when there was room again")
  end

  check("what was acknowledged is there after the disk was full", { method = "writeValue", needs = "durable",
    needsProcess = true, why = "a write that finds no room must raise, and must not harm what is there" }, function(t)
    local store = t:open()
    store:writeValue("kept", "old")
    local said = processes.run(t, ([[
      local written = {}
      local function write(id, text)
        if pcall(store.writeValue, store, id, text) then written[#written + 1] = id end
      end
      child:limitFiles(%d)
      for i = 1, 20 do write("k" .. i, ("x"):rep(65536)) end
      write("kept", ("x"):rep(%d))
      child:limitFiles(nil)
      local ok, err = pcall(store.writeValue, store, "after", "new")
      return table.concat(written, " ") .. (ok and "" or "|" .. err.message)
    ]]):format(ROOM, LARGE))
    judge(t, said)
  end)

  check("a store that cannot be where it should be says so", { method = "waitForInit", needsBase = true,
    why = "what is written into a place that is not there is lost" }, function(t)
    local base = "/dev/null/conformance" -- for a class that takes its base for something else, as good as any
    local ok, raised = pcall(function()
      local store = t:open(nil, base)
      store:writeValue("a", 1)
    end)
    if not ok then return checkFailure(t, "waitForInit", false, raised, " of a store whose base cannot be") end
    t:blame("writeValue"):equal(true, t:open(nil, base):hasValue("a"), "what was written, for another instance")
    if t.supports.durable and processes.possible(t.target) then
      local elsewhere = setmetatable({ base = base }, { __index = t })
      t:equal("true", processes.run(elsewhere, "return store:hasValue('a')"), "what was written, for another process")
    end
  end)
end
