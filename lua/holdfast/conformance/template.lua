-- SPDX-License-Identifier: MIT
--
-- The test template of the document that Holdfast implements, "Custom adapter implements PersistBase correctly": its
-- eight
-- tests in its order, with its data and its messages.

return function(check)
  -- One test: what the template did before it is done before it.
  local function step(number, title, method, why, fn)
    check(string.format("Test %d: %s", number, title), { method = method, why = why }, function(t)
      local adapter = t:open("test-entity-" .. t.name)
      adapter:waitForInit(true)
      fn(t, adapter)
    end)
  end

  local first = { id = "test1", value = 42 }
  local function writeThree(adapter)
    adapter:writeValue("test1", first)
    adapter:writeValue("test2", { id = "test2", value = 100 })
    adapter:writeValue("test3", { id = "test3", value = 200 })
  end

  step(1, "Adapter initialized successfully", "waitForInit", "everything else waits for it", function() end)

  step(2, "Write and read operations work correctly", "readValue", "what is written must come back", function(t,
    adapter)
    adapter:writeValue("test1", first)
    t:equal(first, adapter:readValue("test1"), "Data mismatch between write and read")
  end)

  step(3, "hasValue returns true for existing entity, and false for missing entity", "hasValue",
    "callers decide by it whether there is state to restore", function(t, adapter)
    adapter:writeValue("test1", first)
    t:equal(true, adapter:hasValue("test1"), "hasValue should return true")
    t:equal(false, adapter:hasValue("nonexistent"), "hasValue should return false for missing entity")
  end)

  step(4, "values() iterator returns all entities", "values", "an entity that is not listed is lost", function(t,
    adapter)
    writeThree(adapter)
    local n = #t:list(adapter:values())
    t:check(n == 3, string.format("Expected 3 values, got %d", n))
  end)

  step(5, "keys() iterator returns all entity IDs", "keys", "an entity that is not listed is lost", function(t, adapter)
    writeThree(adapter)
    t:equal({ "test1", "test2", "test3" }, t:list(adapter:keys()), "keys() iterator does not return correct IDs")
  end)

  step(6, "readValue throws error for deleted entity", "removeValue", "a closed position must not come back",
    function(t, adapter)
    writeThree(adapter)
    adapter:removeValue("test1")
    t:raises("not_found", "readValue should throw after removeValue", adapter.readValue, adapter, "test1")
  end)

  step(7, "removeAll clears all entities", "removeAll", "callers begin again with it", function(t, adapter)
    writeThree(adapter)
    adapter:removeAll()
    t:equal({}, t:list(adapter:keys()), "removeAll did not clear all entities")
  end)

  step(8, "readValue and removeValue throw error for non-existent entity", "readValue",
    "a missing entity must not look like an empty one", function(t, adapter)
    t:raises("not_found", "readValue should throw for non-existent entity", adapter.readValue, adapter, "never-existed")
    t:blame("removeValue"):raises("not_found", "removeValue should throw for non-existent entity", adapter.removeValue,
      adapter, "never-existed")
  end)
end
