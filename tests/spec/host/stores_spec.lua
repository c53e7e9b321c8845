-- SPDX-License-Identifier: MIT
--
-- The strategy host over stores that fail in the middle of a transition, with transactions and without: what did not
-- happen is tried again, and no position is lost or doubled.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"

local MINUTE = hosts.MINUTE
local signals = holdfast.PersistSignalAdapter

for _, kind in ipairs { "with transactions", "without transactions" } do
  describe("a store " .. kind, function()
    local clock, heard, price, Failing, fails, writes

    before_each(function()
      fails, writes = nil, 0
      if kind == "with transactions" then
        Failing = holdfast.MemoryPersist:extend("Failing")
        function Failing:writeValue(id, entity, options)
          if self.entityName ~= "host" then writes = writes + 1 end -- notes come by the clock of the machine
          if fails and fails(self.entityName, "write", writes) then error(holdfast.error("io", "the disk is gone")) end
          return holdfast.MemoryPersist.writeValue(self, id, entity, options)
        end
        function Failing:removeValue(id)
          if self.entityName ~= "host" then writes = writes + 1 end -- notes come by the clock of the machine
          if fails and fails(self.entityName, "remove", writes) then error(holdfast.error("io", "the disk is gone")) end
          return holdfast.MemoryPersist.removeValue(self, id)
        end
      else
        local texts = {} -- survive the instance
        Failing = holdfast.PersistBase:extend("FailingAlone")
        local function key(self, id) return self.entityName .. "\0" .. id end
        function Failing:waitForInit() end -- luacheck: ignore 212
        function Failing:readValue(id)
          local text = texts[key(self, id)]
          if not text then error(("Entity %s:%s not found"):format(self.entityName, id), 0) end
          return holdfast.json.decode(text)
        end
        function Failing:hasValue(id) return texts[key(self, id)] ~= nil end
        function Failing:writeValue(id, entity)
          if self.entityName ~= "host" then writes = writes + 1 end -- notes come by the clock of the machine
          if fails and fails(self.entityName, "write", writes) then error(holdfast.error("io", "the disk is gone")) end
          texts[key(self, id)] = holdfast.json.encode(entity)
        end
        function Failing:removeValue(id)
          if self.entityName ~= "host" then writes = writes + 1 end -- notes come by the clock of the machine
          if fails and fails(self.entityName, "remove", writes) then error(holdfast.error("io", "the disk is gone")) end
          if not texts[key(self, id)] then
            error(("Entity %s:%s not found for deletion"):format(self.entityName, id), 0)
          end
          texts[key(self, id)] = nil
        end
        function Failing:removeAll() -- luacheck: ignore 212
          texts = {}
        end
        function Failing:keys()
          local ids = {}
          for k in pairs(texts) do
            local name, id = k:match("^(.-)%z(.*)$")
            if name == self.entityName then ids[#ids + 1] = id end
          end
          table.sort(ids, holdfast.naturalOrder)
          local i = 0
          return function()
            i = i + 1
            return ids[i]
          end
        end
        function Failing:values()
          local step = self:keys()
          return function()
            local id = step()
            if id then return self:readValue(id) end
          end
        end
      end
      hosts.fresh(Failing, kind == "with transactions" and nil or "memory:alone")
      clock, heard, price = hosts.clock(), hosts.hear(), 100
      hosts.exchange(function() return price end)
      host.addRisk { riskName = "one", validations = { function(p) return p.activePositionCount < 1 end } }
    end)
    after_each(hosts.finish)

    local function pass(minutes) clock:advance(minutes * MINUTE) end

    -- Lives through the life of a signal while the write with this number, and those up to `last`, fail; what is heard
    -- must be the same as without failures, but for the time of what came later.
    local function life(first, last)
      fails = first and function(_, _, number) return number >= first and number <= last end
      hosts.strategy { interval = "1d", priceOpen = 98, riskName = "one" }
      hosts.live()
      pass(5)
      price = 97
      pass(6)
      price = 115
      pass(6)
      fails = nil
      pass(4)
      host.Live.stop()
      host.run()
      local seen, words = {}, {}
      for _, e in ipairs(heard.events) do
        if not seen[e.id] then words[#words + 1] = e.action end
        assert.is_true(not seen[e.id] or e.redelivered, e.id .. " came twice as if new")
        seen[e.id] = true
      end
      return table.concat(words, " ")
    end

    -- What the trades say of the ends.
    local function trades()
      local list = {}
      for trade in host.trades() do list[#list + 1] = trade.action end
      return list
    end

    it("works", function()
      assert.equal("scheduled opened closed", life())
      assert.same({ "closed" }, trades())
      assert.same({}, heard.errors)
      assert.equal(15, writes)
    end)

    for number = 1, 15 do
      for _, more in ipairs { 0, 2 } do
        it(("that fails in write %d and %d more: what did not happen is tried again"):format(number, more), function()
          assert.equal("scheduled opened closed", life(number, number + more))
          assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
          assert.is_nil(holdfast.PersistScheduleAdapter.readScheduleData("main", "BTCUSDT"))
          assert.is_nil(next(holdfast.PersistRiskAdapter.readPositionData("one") or {}))
          assert.same({ "closed" }, trades())
          assert.matches("the disk is gone", heard.errors[1].message)
          assert.equal("io", heard.errors[1].code)
        end)
      end
    end

    it("that is down for long: the position is closed when it is up again, once", function()
      hosts.strategy { interval = "1d" }
      hosts.live()
      pass(2)
      fails = function() return true end
      price = 115
      pass(20)
      assert.equal("opened", heard.summary())
      assert.is_true(#heard.errors >= 10)
      fails = nil
      pass(2)
      assert.equal("opened closed:take_profit", heard.summary())
    end)
  end)
end
