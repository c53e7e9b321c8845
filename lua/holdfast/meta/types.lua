---@meta
-- SPDX-License-Identifier: MIT
--
-- Types that the functions written in C take and give.  For editors only: never loaded.

---How to open a store: the third argument of a class.  All handles of a process on a store must agree on durability,
---maxSize and readOnly.
---@class holdfast.Options
---@field durability? "sync"|"nometasync"|"nosync" what a write has survived when it returns
---@field mapSize? integer bytes of address space mapped at first; grows by itself
---@field maxSize? integer bytes the store may grow to, at least 65536; then writes raise `full`. 0: no limit
---@field readOnly? boolean refuse every write, create nothing
---@field create? boolean `false`: raise `not_found` where there is no store
---@field networkFs? boolean open LMDB on a network filesystem; only if one machine alone uses it

---Which entities, in natural order of ids.  Empty: all.
---@class holdfast.Range
---@field prefix? string only ids that begin with these bytes
---@field from? string|number the first id, inclusive; need not exist
---@field to? string|number the last id, inclusive; need not exist
---@field reverse? boolean from the last to the first
---@field limit? integer at most so many
---@field where? fun(entity: any, id?: string): boolean only those for which it is true; for values, keys, entries
---@field index? string in the order of the index of this name, of those that it can order

---Conditions of a write, one of them, and when its value expires, one of those.
---@class holdfast.Conditions: holdfast.Expiry
---@field ifAbsent? boolean only if no entity has the id
---@field ifRevision? integer only if the entity is at this revision

---When what is written expires: from then on nobody finds it.  Give one of them, or none: never.
---@class holdfast.Expiry
---@field ttl? string after this time: "90s", "15m", "12h", "7d"
---@field expiresAt? integer at this time, ms since 1970-01-01 UTC

---A moment of a store's past: a number is a revision; a text is a time, with its zone ("2026-11-27T12:00:00Z"), or a
---date (its midnight in UTC); {time=} is a time in ms since 1970-01-01 UTC.  A time is that of commits, which never
---goes back.
---@alias holdfast.Moment integer|string|{time: integer}

---@class holdfast.LookingBack
---@field at? holdfast.Moment nil: now

---What happened to an id.
---@class holdfast.Was
---@field revision integer the number of the commit
---@field at integer when that was, ms since 1970-01-01 UTC
---@field what "write"|"remove"|"clear"|"expire"|"quarantine"
---@field value? any of "write"
---@field expiresAt? integer of "write": when the value expires, ms since 1970-01-01 UTC

---An entity with what is known of it.
---@class holdfast.Entry
---@field id string
---@field value any
---@field revision integer the number of the commit that wrote it; 0 where the store has none; -1 where that is the one
---of the holdfast.transactions() that reads it: a write at it is a `conflict`
---@field updatedAt integer ms since 1970-01-01 UTC; 0 where unknown
---@field expiresAt? integer from when on nobody finds it, ms since 1970-01-01 UTC; nil: never

---What is raised.  `tostring` gives the message.
---@class holdfast.Error
---@field code holdfast.Code
---@field message string a sentence for a person
---@field entityName? string
---@field entityId? string
---@field backend? string
---@field cause? any what the layer below said, or the value that a script raised
---@field revision? integer of `compacted`: the oldest revision that is kept, where to begin again
---@field retryable boolean the same call may succeed later without any change
---@field where? string "file:line" of the script that made the failing call
---@field traceback? string for errors of functions that scripts gave us

---@alias holdfast.Code
---| "not_found"
---| "invalid_argument"
---| "invalid_value"
---| "corrupt"
---| "conflict"
---| "full"
---| "io"
---| "unavailable"
---| "timeout"
---| "unsupported"
---| "closed"
---| "busy"
---| "readonly"
---| "script"
---| "no_memory"
---| "duplicate"
---| "compacted"

---An index, from PersistBase:indexes().
---@class holdfast.Index
---@field name string its paths, with commas between
---@field paths string[]
---@field unique boolean
---@field ready boolean false: it is being built, or that was broken off: createIndex goes on with it
---@field entries? integer how many it has

---What became of a function of holdfast.transactions(); from 1 to `n` what it returned.
---@class holdfast.Result
---@field ok boolean what it did is durable
---@field error any what it raised, or an error object that says why it was undone; nil where `ok`
---@field n integer how many values it returned; 0 where not `ok`
---@field [integer] any

---What a backend can.
---@class holdfast.Supports
---@field durable boolean a write that returned survives the end of the process
---@field transaction boolean
---@field snapshot boolean
---@field nested boolean transactions inside transactions
---@field revision boolean revisions, and `ifRevision`
---@field ifAbsent boolean
---@field atomicBatch boolean writeMany and removeMany happen whole or not at all
---@field quarantine boolean unreadable records are kept apart
---@field checksum boolean a changed bit in a stored value is found when it is read
---@field settings boolean the store keeps settings: Store:settings
---@field removeIfRevision boolean removeValue with `ifRevision`
---@field index boolean indexes over paths: createIndex
---@field indexOrder boolean loops in the order of an index: `range.index`
---@field changes boolean a log of changes can be kept, and watched: the setting `changes`
---@field history boolean values can be read as they were: the setting `history`
---@field ttl boolean entities can expire: `ttl` and `expiresAt`
---@field readMany boolean the store does it in one go; where not, readMany reads one by one
---@field writeMany boolean likewise
---@field removeMany boolean likewise
---@field count boolean the store counts; where not, count reads all keys
---@field ranges boolean the store finds ranges; where not, a range is picked out of all keys

---What verify() counted.
---@class holdfast.VerifyReport
---@field entities integer looked at
---@field bytes integer of JSON text
---@field corrupt integer found unreadable in this run
---@field quarantined integer in quarantine now
---@field damaged integer places where the store itself is damaged; if there are any but the incomplete, no entity was
---looked at
---@field incomplete integer of the damaged: entity names that have not what was written, in a sound store

---What verify() tells on its way: a problem, or only how far it is.
---@class holdfast.VerifyEvent
---@field entityName string
---@field entityId? string the unreadable entity; nil for progress, and for damage of the store itself
---@field problem? string what is wrong with it, or with the store; nil for progress
---@field report holdfast.VerifyReport so far

---@class holdfast.VerifyOptions
---@field entityName? string only this entity name
---@field dryRun? boolean only look, move nothing to quarantine
---@field onEvent? fun(event: holdfast.VerifyEvent): boolean? false stops

---What core.checkStore() found in one place.
---@class holdfast.Finding
---@field damage boolean false: worth knowing, and harmless
---@field incomplete boolean it is damage of what an entity name has, in a sound store: what is there can be read
---@field page integer 0: none
---@field problem string
---@field entityName? string that the place belongs to

---What core.checkStore() found.
---@class holdfast.CheckReport
---@field pages integer looked at
---@field entities integer that they have
---@field damaged integer findings that are damage
---@field notes integer and others
---@field incomplete integer of the damaged: entity names that have not what was written, in a sound store
---@field findings holdfast.Finding[] the first 1000

---A record that core.rescueStore() found.  Its kind is "present"; "cutOff": present, cut off by the damage; "apart":
---the same, of an unknown name; "damaged": present, and unreadable; "old": of no present state.  No records are "kept":
---what the store has kept of itself, JSON without a checksum under the id "format", "setting:NAME" or "feature:NAME";
---and "written": how many entities of a name were written and came back.
---@class holdfast.Rescued
---@field kind string
---@field entityName? string nil: unknown; of what is apart, as much as is left of it
---@field id string
---@field text string JSON, or the bytes of what is damaged
---@field revision integer
---@field updatedAt integer
---@field page integer where it is
---@field apart? integer of what belongs to no name: those with the same number belong together
---@field written? integer entities of the name that the last commit left
---@field back? integer and how many of them were handed out
---@field isOther? boolean as many, and not the same: one is an older version, or damaged
---@field isRenamed? boolean those that were written under another name: this is what the damage has left of it

---What core.rescueStore() went by, and how many it found of each kind.
---@class holdfast.RescueReport
---@field commit integer whose state it is; 0: no header was left
---@field lost? integer present ones of which nothing is left; nil: it cannot be told how many
---@field newestLost boolean a newer commit may be lost: one of the headers is damaged
---@field freeListLost boolean what was cut off cannot be told from what was removed
---@field keptLost boolean what the store has kept of itself cannot be read, or not all of it
---@field writtenLost boolean how many entities were written cannot be told, or not of all names
---@field present integer
---@field cutOff integer
---@field apart integer
---@field damaged integer
---@field old integer

---What store:backup() did.
---@class holdfast.BackupReport
---@field revision integer whose state it is
---@field at integer the moment that it shows, ms since 1970
---@field bytes integer of the file
---@field grown integer bytes by which the store grew meanwhile, for what was kept to be read

---What holdfast.restore() did.
---@class holdfast.RestoreReport
---@field revision integer of the store now
---@field at integer the moment of the backup, ms since 1970
---@field bytes integer of the file

---What holdfast.compact() did.
---@class holdfast.CompactReport
---@field before integer bytes on the disk
---@field after integer likewise
---@field exchanged boolean a compact copy is in the place of the file now; false: free pages were given back in it
---@field reason? string why it was not exchanged

---The settings of a store, by name.  A store has those that its backend obeys, and what a newer version has set.
---@class holdfast.Settings
---@field durability? "sync"|"nometasync"|"nosync" for who says nothing else
---@field format? integer of the store
---@field maxsize? integer bytes; 0: no limit
---@field note? string

---A whole store, from holdfast.openStore().
---@class holdfast.Store
local Store = {}

---The entity names in the store, in natural order.
---@return string[] names
---@raise closed
function Store:entities() end

---What the backend says of the store.
---@return table<string, any> stat
---@raise closed
function Store:stat() end

---Writes all of the store as of one moment to a file, while others write.  A file that is there is replaced once the
---new one is whole.
---@param file string
---@param progress? fun(done: integer, total: integer): boolean? in bytes; false stops, with busy
---@return holdfast.BackupReport
---@raise unsupported (such stores have none: export), corrupt (the store is damaged), full, io, readonly, busy, closed
function Store:backup(file, progress) end

---Changes of all entity names, as they are committed, in order, each once: what a `for` takes, which waits for more.
---@param options? holdfast.WatchOptions
---@return holdfast.Watch
---@raise compacted, unsupported (the store keeps no log of changes), invalid_argument, closed
function Store:watch(options) end

---The newest revision of the store.
---@param options? holdfast.LookingBack the newest until then
---@return integer revision
---@raise compacted, unsupported (the store keeps no log of changes), invalid_argument, closed
function Store:revision(options) end

---Runs the function with every read of the store inside it seeing one moment, whatever the entity name.
---@generic T
---@param fn fun(store: holdfast.Store): T
---@param options? holdfast.LookingBack as the store was then
---@return T result what fn returns
---@raise unsupported, busy, and whatever fn raises; looking back: compacted, invalid_argument
function Store:snapshot(fn, options) end

---The settings of the store, which lie in it and hold for every process that opens it; with a table, sets those first,
---all or none, in one flushed commit.  What they need may raise the store's format, which an older Holdfast refuses.
---@param values? table<string, string|number|lightuserdata> as in a URL ("4g"); holdfast.null: the standard value
---@return holdfast.Settings settings all of them
---@raise invalid_argument, unsupported (the store does not have it; inside a transaction), readonly, full, io
function Store:settings(values) end

---Reads every entity and checks header, checksum, key and JSON; unreadable ones go to quarantine.
---@param options? holdfast.VerifyOptions
---@return holdfast.VerifyReport report
---@raise closed, unsupported (inside a transaction or snapshot), and whatever onEvent raises
function Store:verify(options) end

---Ends the use of the store.  The garbage collector does the same.
function Store:close() end

---A checksum that grows, from holdfast.core.checksum().
---@class holdfast.Checksum
local Checksum = {}

---Adds bytes.
---@param text string
function Checksum:add(text) end

---The checksum of everything so far: 16 hexadecimal digits.
---@return string
function Checksum:text() end

---A name that this process owns, from holdfast.core.lease().
---@class holdfast.Lease
local Lease = {}

---Releases it, and deletes its lock file.  Releasing twice is harmless.  The garbage collector does the same.
function Lease:release() end

---Looks whether it still is what others ask for; where its lock file was deleted, makes it again.
---@raise busy names who has acquired it meanwhile: it is lost; closed: it was released
function Lease:check() end
