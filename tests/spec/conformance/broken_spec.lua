-- SPDX-License-Identifier: MIT
--
-- Each adapter under tests/conformance/broken fails in the conformance kit with the complaint that its head announces,
-- names the line to look at, blames the method that its head names, if it names one, and is told to begin with a
-- failure that its head announces.  `only` in a head is the part of the kit that is run, where all of it takes long.

local adapters = require("support.conformance")
local conformance = require("holdfast.conformance")
local temp = require("support.temp")

local describeFailure = adapters.describeFailure

after_each(temp.removeAll)

describe("a broken adapter", function()
  for _, name in ipairs(adapters.files("broken")) do
    it(name .. " is found out", function()
      local path = adapters.folder .. "broken/" .. name
      local text, wanted = temp.readFile(path), {}
      for pattern in text:gmatch("%-%- fails: ([^\n]+)") do wanted[#wanted + 1] = pattern end
      local says = assert(text:match("%-%- says: ([^\n]+)"))
      local blames = text:match("%-%- blames: (%w+)")
      assert.is_true(#wanted > 0)
      local hangs = name == "hangs.lua" or name == "never_ends.lua"
      local entities = tonumber(text:match("%-%- entities: (%d+)")) or 60
      local report = conformance.run({ path = path, base = temp.quickDirectory(), entities = entities,
        only = text:match("%-%- only: ([^\n]+)"), timeout = hangs and 0.2 or 20 })
      local found = adapters.failures(report)
      local said = false
      for _, pattern in ipairs(wanted) do
        local hit = false
        for _, result in ipairs(found) do
          if result.name:find(pattern, 1, true) then
            hit = true
            said = said or describeFailure(result):find(says, 1, true) ~= nil
            assert.equal(blames or result.method, result.method, describeFailure(result))
            assert.truthy(result.where and result.where:find("/tests/conformance/", 1, true),
              "no line to look at: " .. describeFailure(result))
          end
        end
        assert.is_true(hit, "no failure of a check like: " .. pattern)
      end
      local all, first = {}, conformance.report.beginWith(report)
      for i, result in ipairs(found) do all[i] = describeFailure(result) end
      local announced = hangs -- in so short a time, on a busy machine, others may end unfinished too
      for _, pattern in ipairs(wanted) do announced = announced or first.name:find(pattern, 1, true) ~= nil end
      assert.is_true(announced, "the failure to begin with is another one: " .. first.name)
      assert.is_true(said, ("nobody says %q:\n%s"):format(says, table.concat(all, "\n")))
      assert.is_true(#found < #report.results * 0.8, "nearly everything fails: the fault is not the one announced")
    end)
  end
end)
