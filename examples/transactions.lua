-- SPDX-License-Identifier: MIT
--
-- Several writes as one: a transfer between two accounts and its line in the ledger
-- happen together or not at all.  Also: optimistic writes by revision, and a snapshot.
--
--     holdfast run examples/transactions.lua [STORE]

local holdfast = require "holdfast"

local base = arg[1] or "./bank"
local accounts = holdfast.PersistBase("account", base)
local ledger = holdfast.PersistBase("ledger", base)
accounts:removeAll()
ledger:removeAll()
accounts:writeMany { alice = { balance = 100 }, bob = { balance = 20 } }

-- Whatever is raised inside undoes everything that was written inside.
local function transfer(from, to, amount)
  return holdfast.transaction(function()
    local source, target = accounts:readValue(from), accounts:readValue(to)
    source.balance = source.balance - amount
    target.balance = target.balance + amount
    accounts:writeValue(from, source)
    accounts:writeValue(to, target)
    ledger:writeValue(ledger:count() + 1, { from = from, to = to, amount = amount })
    if source.balance < 0 then error(holdfast.error("conflict", from .. " cannot pay " .. amount)) end
    return source.balance
  end)
end

print("alice has left:", transfer("alice", "bob", 30))

local ok, failure = pcall(transfer, "bob", "alice", 500)
print("second transfer:", ok, failure.code, failure.message)
print("balances:", accounts:readValue("alice").balance, accounts:readValue("bob").balance)
print("ledger lines:", ledger:count())

-- An inner transaction that fails undoes its own part only.
holdfast.transaction(function()
  accounts:writeValue("carol", { balance = 1 })
  pcall(holdfast.transaction, function()
    accounts:writeValue("dave", { balance = 1 })
    error("not dave")
  end)
end)
print("carol, dave:", accounts:hasValue("carol"), accounts:hasValue("dave"))

-- Without a transaction: write only if nobody has written since the entity was read.
local entry = accounts:readEntry("alice")
accounts:writeValue("alice", { balance = 71 })                      -- somebody else
ok, failure = pcall(accounts.writeValue, accounts, "alice", { balance = 0 }, { ifRevision = entry.revision })
print("by revision:", ok, failure.code, failure.retryable)

-- A snapshot sees one moment, whatever others write meanwhile.
accounts:snapshot(function(view)
  local total = 0
  for account in view:values() do total = total + account.balance end
  print("total at one moment:", total)
end)
