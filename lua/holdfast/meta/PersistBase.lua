---@meta
-- SPDX-License-Identifier: MIT
--
-- The methods of PersistBase that are written in C (src/lua).  Those written in Lua have
-- their annotations in lua/holdfast/PersistBase.lua.  For editors only: never loaded.
--
-- Every method that touches the store may also raise what opening it raises: `io`, `corrupt`,
-- `unsupported`, `readonly`, `not_found` (with create=false), `conflict` (open in this process with other
-- options: not retryable),
-- `unavailable`; and `closed` after close().

---@class PersistBase
---@overload fun(entityName: string, baseDir: string, options?: holdfast.Options): PersistBase
---@field className string
---@field entityName string
---@field baseDir string
---@field url string the store's URL, without passwords
---@field supports holdfast.Supports what its backend can
local PersistBase = {}

---Opens the store, creates what is missing, validates what is there.  Every other method does this by itself.
---@param initial? boolean has no effect: calling again is harmless, and after a failure tries again
---@raise io, corrupt, unsupported, readonly, not_found, conflict, unavailable
function PersistBase:waitForInit(initial) end

---The entity, as a fresh value.
---@param id string|number
---@param options? holdfast.LookingBack as it was then; of a class that extends a store, what the class made of that
---@return any entity
---@raise not_found, corrupt, invalid_argument; looking back: compacted, unsupported
function PersistBase:readValue(id, options) end

---The entity with its revision and time.
---@param id string|number
---@param options? holdfast.LookingBack
---@return holdfast.Entry entry
---@raise not_found, corrupt, invalid_argument; looking back: compacted, unsupported
function PersistBase:readEntry(id, options) end

---What happened to an id, as far as the store's history reaches, newest first: each value that it had, and what removed
---it.
---@param id string|number
---@param options? {limit: integer} at most so many
---@return holdfast.Was[] changes
---@return integer from the revision from which on the list is complete
---@raise unsupported (no history is kept; of a class that extends a store: ask the store itself), corrupt,
---invalid_argument
function PersistBase:history(id, options) end

---Takes what is kept of an id out of the store's log and history, for ever.  The entity itself stays.
---@param id string|number
---@return integer purged how many entries went
---@raise unsupported (such a store keeps no log; inside a transaction), readonly, full, invalid_argument
function PersistBase:purge(id) end

---Whether an entity has the id.
---@param id string|number
---@return boolean found
---@raise corrupt (it is in quarantine), invalid_argument
function PersistBase:hasValue(id) end

---Writes the entity, new or not.  When it returns, the entity is durable (in a transaction: when that commits).
---@param id string|number
---@param entity any
---@param conditions? holdfast.Conditions
---@return integer? revision nothing where the store has none; -1 in holdfast.transactions()
---@raise invalid_value, conflict, full, readonly, invalid_argument
function PersistBase:writeValue(id, entity, conditions) end

---Deletes the entity.
---@param id string|number
---@param conditions? {ifRevision?: integer} only if this is its revision
---@raise not_found, conflict, readonly, invalid_argument, unsupported
function PersistBase:removeValue(id, conditions) end

---Deletes every entity of this name, and nothing else.
---@raise readonly
function PersistBase:removeAll() end

---Iterates the entities.
---@param range? holdfast.Range
---@return fun(): any
---@raise invalid_argument; the iterator: corrupt
function PersistBase:values(range) end

---Iterates the ids.
---@param range? holdfast.Range
---@return fun(): string
---@raise invalid_argument
function PersistBase:keys(range) end

---Iterates ids and entities, each with its revision and the time of its last write, as readEntry has them.
---@param range? holdfast.Range
---@return fun(): string, any, integer?, integer?, integer? iterator of id, entity, revision (nil where the store has
---none), updatedAt in ms since 1970-01-01 UTC (nil where unknown), and expiresAt likewise (nil: it does not expire)
---@raise invalid_argument; the iterator: corrupt
function PersistBase:entries(range) end

---How many entities have this name, are in a range, or are such that a predicate is true.
---@param which? holdfast.Range|fun(entity: any, id?: string): boolean
---@param range? holdfast.Range of those that the predicate is asked of
---@return integer count
---@raise invalid_argument; with a predicate: corrupt, script
function PersistBase:count(which, range) end

---Reads all ids at one moment; those that do not exist are left out.
---@param ids (string|number)[] a list, without gaps or other keys
---@return table<string|number, any> entities by the ids as given
---@raise corrupt, invalid_argument
function PersistBase:readMany(ids) end

---Writes all of them in one commit, or none.
---@param entities table<string|number, any> by id; not both 1 and "1", which are one id
---@param options? holdfast.Expiry of all of them
---@raise invalid_value, full, readonly, unsupported, invalid_argument
function PersistBase:writeMany(entities, options) end

---Deletes those that exist, in one commit.
---@param ids (string|number)[] a list, without gaps or other keys
---@return integer removed how many there were
---@raise readonly, invalid_argument
function PersistBase:removeMany(ids) end

---Runs the function with every read inside it seeing one moment.  Writing inside raises `readonly`.
---Snapshots and transactions nest at most 64 deep.
---@generic T
---@param fn fun(store: PersistBase): T
---@param options? holdfast.LookingBack every entity of the store is as it was then; not inside another one
---@return T result what fn returns
---@raise unsupported (also: nested too deep), busy, and whatever fn raises; looking back: compacted, invalid_argument
function PersistBase:snapshot(fn, options) end

---Makes an index over what entities have at a path, or at several, and returns when it is built; loops with a
---predicate use it by themselves. The same one again: nothing happens.
---@param paths string|string[] as in predicates: "metadata.symbol", "tags[1]"; a list of up to four: one index over all
---@param options? {unique: boolean} unique: no two entities may have the same values there
---@raise duplicate, conflict (it is there, and unique where this one is not), unsupported (also: in a transaction),
--- invalid_argument, readonly, full
function PersistBase:createIndex(paths, options) end

---Forgets an index.
---@param paths string|string[]
---@raise not_found, unsupported, invalid_argument, readonly
function PersistBase:dropIndex(paths) end

---The indexes of this entity name, in the order of their names.
---@return holdfast.Index[]
---@raise unsupported
function PersistBase:indexes() end

---What the backend says of this entity name and its store.
---@return table<string, any> stat
function PersistBase:stat() end

---Ends the use of the instance.  The garbage collector does the same.
function PersistBase:close() end
