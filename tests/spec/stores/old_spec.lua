-- SPDX-License-Identifier: MIT
--
-- Stores that earlier versions wrote open for ever, with everything that was in them.  tests/data/stores has one of
-- each version and says what is in it.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local temp = require("support.temp")

local sources = os.getenv("HOLDFAST_SOURCE") .. "/tests/data/stores/"

local ODD = "Ünïcode name/with:odd%chars"

-- A copy of the store; `folder` is what it is called in the archive.
local function unpacked(archive, folder)
  local directory = temp.directory()
  assert(os.execute(("tar -xzf %s -C %s"):format(temp.quote(sources .. archive), temp.quote(directory))) == 0)
  return directory .. "/" .. folder
end

local function checkSignals(store, damaged, transaction)
  local expected = transaction and 1 or 0
  for i = 1, 300 do
    local id = "log-" .. i
    if i % 7 == 1 then
      assert.is_false(store:hasValue(id))
    elseif i == damaged then
      raises.error("corrupt", nil, store.readValue, store, id)
    else
      local value = store:readValue(id)
      assert.equal(i, value.n)
      assert.equal(44152.25 + i / 7, value.price)
      assert.is_true(holdfast.isArray(value.tags))
      assert.equal(holdfast.null, value.meta.note)
      expected = expected + 1
    end
  end
  if transaction then assert.same({ 1 }, store:readValue("t1")) end
  assert.equal(expected, store:count())
end

local function checkOthers(base, transaction)
  local odd, big = holdfast.PersistBase(ODD, base), holdfast.PersistBase("big", base)
  assert.equal(transaction and 10 or 9, odd:count())
  for _, id in ipairs({ "BTC/USDT:USDT", "..", "a%2Fb", "é", ("k"):rep(250), ("1a"):rep(125), "7", "007", "LOG-3" }) do
    local value = odd:readValue(id)
    assert.equal(id, value.me)
    assert.equal(math.huge, value.inf)
    assert.equal(-math.huge, 1 / value.neg)
  end
  for i = 1, 5 do assert.equal(i * 20000, #big:readValue("v" .. i).text) end
  odd:close()
  big:close()
end

for _, store in ipairs({
  { archive = "0.1-lmdb.tgz", folder = "old", scheme = "lmdb:", damaged = 42, transaction = true },
  { archive = "0.1-file.tgz", folder = "oldfile", scheme = "file:" },
}) do
  describe("a store of " .. store.archive, function()
    after_each(temp.removeAll)

    it("is read whole, and written to", function()
      local base = store.scheme .. unpacked(store.archive, store.folder)
      local signals = holdfast.PersistBase("signal", base)
      checkSignals(signals, store.damaged, store.transaction)
      checkOthers(base, store.transaction)
      signals:writeValue("log-42", { n = 42 })
      signals:removeValue("log-2")
      assert.equal(42, signals:readValue("log-42").n)
      local before = signals:stat()
      signals:close()
      signals = holdfast.PersistBase("signal", base)
      assert.is_false(signals:hasValue("log-2"))
      assert.equal(before.entities, signals:stat().entities)
      signals:close()
    end)

    if store.scheme == "lmdb:" then
      it("has sound pages, also when it is raised", function()
        local base = store.scheme .. unpacked(store.archive, store.folder)
        for _, note in ipairs({ "", "raised", "raised and changed" }) do
          local whole = holdfast.openStore(base .. "?check=pages")
          whole:settings({ note = note })
          whole:close()
          local report = core.checkStore(base)
          assert.same({ damaged = 0, notes = 0, findings = {} },
            { damaged = report.damaged, notes = report.notes, findings = report.findings })
          assert.is_true(report.entities > 200)
        end
      end)

      it("stays in its format, and keeps everything when it is raised", function()
        local base = store.scheme .. unpacked(store.archive, store.folder)
        local signals = holdfast.PersistBase("signal", base)
        checkSignals(signals, store.damaged, store.transaction)
        local whole = holdfast.openStore(base)
        assert.equal(1, whole:stat().formatVersion)
        assert.equal(2, whole:settings({ note = "raised" }).format)
        checkSignals(signals, store.damaged, store.transaction)
        checkOthers(base, store.transaction)
        signals:writeValue("log-42", { n = 42 })
        whole:close()
        signals:close()
        signals = holdfast.PersistBase("signal", base)
        assert.equal(42, signals:readValue("log-42").n)
        assert.equal(2, signals:stat().formatVersion)
        assert.is_nil(signals:stat().gaps)
        signals:close()
      end)
    end
  end)
end
