-- SPDX-License-Identifier: MIT
--
-- The module that scripts require.  Classes are one file each; what is written in
-- C comes from holdfast.core.

local adapters = require "holdfast.adapters"
local backups = require "holdfast.backups"
local core = require "holdfast.core"
local PersistBase = require "holdfast.PersistBase"
local stores = require "holdfast.store_classes"
local watching = require "holdfast.watching"

---@class holdfast
local M = {
  version = core.version,

  -- Classes.
  PersistBase = PersistBase,
  LmdbPersist = stores.LmdbPersist,
  FilePersist = stores.FilePersist,
  MemoryPersist = stores.MemoryPersist,
  NullPersist = stores.NullPersist,
  RedisPersist = stores.RedisPersist,
  PostgresPersist = stores.PostgresPersist,
  MongoPersist = stores.MongoPersist,

  -- Adapters.
  PersistSignalAdapter = adapters.PersistSignalAdapter,
  PersistScheduleAdapter = adapters.PersistScheduleAdapter,
  PersistRiskAdapter = adapters.PersistRiskAdapter,
  PersistPartialAdapter = adapters.PersistPartialAdapter,
  PersistTradeAdapter = adapters.PersistTradeAdapter,
  PersistHostAdapter = adapters.PersistHostAdapter,
  defineAdapter = adapters.defineAdapter,
  adapters = adapters,

  -- Values that Lua has no word for.
  json = core.json,
  null = core.json.null,
  array = core.json.array,
  isArray = core.json.isArray,

  -- Errors.
  error = core.error,
  isError = core.isError,
  codes = core.codes,

  -- For writers of backends.
  naturalOrder = core.naturalOrder,
  orderKey = core.orderKey,

  -- Stores as a whole.
  transaction = core.transaction,
  transactions = core.transactions,
  openStore = core.openStore,
  watch = watching.watch,
  restore = backups.restore,
  compact = backups.compact,
}

return M
