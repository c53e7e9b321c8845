---@meta holdfast.core
-- SPDX-License-Identifier: MIT
--
-- The module that is written in C (src/lua): the functions under the classes.  Scripts use it
-- through `holdfast` and PersistBase; what has no place there (JSON text as it is stored) may be
-- used directly.  For editors only: never loaded.

---@class holdfast.core
---@field version string
---@field codes table<holdfast.Code, string> what each code means
---@field json holdfast.json
---@field condition holdfast.core.condition
---@field candles holdfast.core.candles
local core = {}

---@class holdfast.json
---@field null lightuserdata JSON's null
core.json = {}

---The value of one JSON text (RFC 8259, nothing but white space around it).
---@param text string
---@return any value arrays carry the mark of holdfast.array
---@raise invalid_value
function core.json.decode(text) end

---The JSON text of a value.
---@param value any
---@return string text
---@raise invalid_value with the path to what JSON cannot hold
function core.json.encode(value) end

---Marks a table as an array, so that it stays one when it is empty.
---@param table? any[] a new one if left out
---@return any[] table the same
function core.json.array(table) end

---Whether the value carries the mark of an array.
---@param value any
---@return boolean
function core.json.isArray(value) end

---Packed candles (src/candles), for the host's candle store.  Columns are arrays of the FFI, `double[?]`.  Nobody looks
---whether they are as long as is said.
---@class holdfast.core.candles
core.candles = {}

---Packs candles into a text.
---@param step number ms from one to the next
---@param first integer the element of the arrays that has the first one, from 0 on
---@param count integer
---@param time ffi.cdata* ms since 1970, increasing, multiples of step
---@param open ffi.cdata*
---@param high ffi.cdata*
---@param low ffi.cdata*
---@param close ffi.cdata*
---@param volume ffi.cdata*
---@return string
---@raise invalid_value for a time or a number that cannot be
function core.candles.pack(step, first, count, time, open, high, low, close, volume) end

---What a packed text holds.
---@param text string
---@return number step ms
---@return number first ms since 1970
---@return number last
---@return integer count
---@raise corrupt, unsupported
function core.candles.look(text) end

---Where its candles lie, without a gap between those of one run.
---@param text string
---@return number[] runs first, count, first, count, ...
---@raise corrupt, unsupported
function core.candles.runs(text) end

---Unpacks the candles with from <= time < till.
---@param text string
---@param from number ms
---@param till number ms
---@param first integer the element of the arrays that the first one goes to
---@param room integer how long the arrays are
---@param time ffi.cdata*
---@param open ffi.cdata*
---@param high ffi.cdata*
---@param low ffi.cdata*
---@param close ffi.cdata*
---@param volume ffi.cdata*
---@return integer count
---@raise corrupt, unsupported; invalid_argument where there is no room
function core.candles.unpack(text, from, till, first, room, time, open, high, low, close, volume) end

---Conditions, as the Lua side makes them of what it has read (lua/holdfast/condition).
---@class holdfast.core.condition
core.condition = {}

---A condition of an expression table.  A table that occurs several times in it becomes one node.
---@param expression table
---@return userdata condition
---@raise invalid_argument for what is no expression, or is too large
function core.condition.new(expression) end

---Sets a parameter, for all later tests.  What a condition cannot have in it (a table, a function) counts as unknown.
---@param condition userdata
---@param number integer from 1 on, as in the expression
---@param value any
---@return boolean ok false: the condition was finalized, as its loop is about to be
---@raise invalid_argument
function core.condition.set(condition, number, value) end

---What an entity is to a condition: "no" and "yes" are what the predicate gives, "raises" is where it raises, "ask" is
---everything else.
---@param condition userdata
---@param id string
---@param json string
---@return "no"|"yes"|"ask"|"raises" answer
---@return string? reason of "ask" and "raises"
---@raise invalid_value for what is no JSON text
function core.condition.test(condition, id, json) end

---Whether no entity can be a "no": then it is not worth a test.
---@param condition userdata
---@return boolean
function core.condition.isUseless(condition) end

---The table that the methods of strings come from.
---@return table? methods nil where plain values have metatables that change what they mean, or a hook sees calls
function core.condition.plainStrings() end

---Makes an error object to raise.
---@param code holdfast.Code
---@param message? string what the code means if left out
---@param fields? table any of entityName, entityId, backend, cause, retryable, where
---@return holdfast.Error
---@raise invalid_argument for an unknown code
function core.error(code, message, fields) end

---Whether the value is an error object (with this code).
---@param value any
---@param code? holdfast.Code
---@return boolean
function core.isError(value, code) end

---What was raised as an error object: itself if it is one.  For what pcall and xpcall give, which may be LuaJIT's plain
---texts for a lack of memory and for an error in a message handler, whatever the handler is.
---@param raised any
---@return holdfast.Error
function core.toError(raised) end

---A message handler for xpcall: turns whatever was raised into an error object with a traceback.
---@param raised any
---@return holdfast.Error
function core.traceback(raised) end

---A text as people may see it: without the passwords of a store URL that occur in it.  Without a URL the text is one
---itself.
---@param text string
---@param url? string
---@return string
function core.redact(text, url) end

---Runs the function with everything it does on one store as one commit.  Whatever it raises undoes all of it.
---After an operation inside has failed with `full`, `io` or the like, everything else inside fails with the same code,
---and it is undone.  Transactions and snapshots nest at most 64 deep.
---@generic T
---@param fn fun(...): T
---@param ... any arguments for fn
---@return T result what fn returns
---@raise unsupported (a second store, or nested too deep), full, busy, and whatever fn raises
function core.transaction(fn, ...) end

---Runs each function in a transaction of its own, one after the other, and makes all of them happen in one commit, so
---that they share its flush.  One that raises is undone alone.  Later ones see what earlier ones wrote, but are given
---no revision of it: writeValue, readEntry and entries() give -1, and `ifRevision` raises `conflict`, with -1 for ever.
---Inside a transaction they are nested in it, and durable with it.  Where `supports.nested` is false each is committed
---by itself; where `supports.transaction` is false, what one wrote before it raised stays.
---@param functions (fun(): ...)[]
---@return holdfast.Result[] results what became of each, in the order of the functions
---@raise full (the store has to grow: it has when all of it is tried again), and what else a commit raises: none of
--- it has happened then; invalid_argument (not a list of functions), readonly (inside a snapshot)
function core.transactions(functions) end

---What an instance was opened with, passwords and all; nil: a class that was given nothing.
---@param store PersistBase
---@return string?
function core.baseOf(store) end

---Whether the store of an instance keeps notes of itself, beside its entities.
---@param store PersistBase
---@return boolean
function core.notesKept(store) end

---What the store has noted under a name; nil: nothing.
---@param store PersistBase
---@param name string "follows", "identity"
---@return string? json
---@raise unsupported where it keeps none
function core.noteRead(store, name) end

---Keeps a note, in the transaction that the thread is in; nil: no longer.  Who puts "follows" is who follows: this
---process may write to the store, and no other.
---@param store PersistBase
---@param name string
---@param json? string
---@raise unsupported; conflict where "follows" is put in a transaction, and is not there any more
function core.noteWrite(store, name, json) end

---What was read of a log of changes.
---@class holdfast.core.ChangesRead
---@field count integer    changes that are in the group
---@field next integer     the revision to go on with
---@field skip integer     likewise
---@field revision integer the newest commit all of whose changes were read
---@field newest integer   of the store at the moment of the reading
---@field at integer       when the newest of the changes was committed; 0: there was none
---@field whole boolean    it does not end within a commit
---@field exact boolean    no value is later than its revision

---A group of changes on its way into another store, of which each entity keeps what came last.
---@param names? string[] only these entity names
---@return userdata group
function core.changeGroup(names) end

---Empties the group and reads what a store has changed from a revision on: commits until there are `most` changes or as
---many bytes, and of one that is larger so much; with `skip`, which goes on in such a one, only that.
---@param store PersistBase some of it
---@param group userdata
---@param from integer
---@param skip integer
---@param most integer
---@param mostBytes integer
---@return holdfast.core.ChangesRead
---@raise compacted, unsupported
function core.changesRead(store, group, from, skip, most, mostBytes) end

---How far the log of the store reaches back: to which revision, and to which with history; nil: there is none.  And the
---newest revision.
---@param store PersistBase
---@return integer? from
---@return integer? historyFrom
---@return integer newest
function core.changesReach(store) end

---Waits until something was committed after a revision.
---@param store PersistBase
---@param group userdata whose watch it is
---@param revision integer
---@param ms integer how long
---@return boolean any false: nothing was
---@raise compacted
function core.changesWait(store, group, revision, ms) end

---The entity names of which a group has something.
---@param group userdata
---@return string[]
function core.changesOf(group) end

---Brings what a group has of one name to another store, in the transaction that the thread is in.
---@param store PersistBase of that name
---@param group userdata
---@param place integer of the name among core.changesOf()
---@return integer written
---@return integer removed
---@return integer damaged entities that are unreadable in the source
---@return integer kept of those, sound ones that stay
function core.changesApply(store, group, place) end

---Whether this thread is in a transaction, or in a snapshot.
---@return boolean
function core.inTransaction() end

---Runs the function outside the snapshot that is open, which goes on afterwards: for writing to one store while another
---is read at one moment.  Inside, the store of the snapshot can be neither read nor written.
---@generic T
---@param fn fun(...): T
---@param ... any arguments for fn
---@return T result what fn returns
---@raise unsupported in a transaction, or where fn uses the store of the snapshot; and whatever fn raises
function core.outside(fn, ...) end

---The settings that stores can keep, by name.
---@return {name: string, values: string, standard: string, meaning: string, format: integer, feature?: string}[]
function core.settingTable() end

---The methods of whole stores: those that are written in Lua are put in here.
---@type table<string, function>
core.storeMethods = {}

---Opens a whole store as this process has it open, whatever options that was with; where it is not, with the defaults.
---@param base string
---@return holdfast.Store
---@raise invalid_argument, and what opening raises
function core.openStoreAsIs(base) end

---Begins a watch.  The condition has to be kept as long as it is used.
---@param of holdfast.Store|PersistBase an instance's entity name is the one that is watched
---@param from integer? a revision; nil or 0: with the next commit
---@param entityName string?
---@param prefix string?
---@param condition userdata? writes that it is a sure no to are left out
---@param texts boolean? values are given as JSON texts
---@return userdata watch
---@raise compacted, unsupported, invalid_argument, closed
function core.watchOpen(of, from, entityName, prefix, condition, texts) end

---The next change, for which the whole state waits.
---@param watch userdata
---@param timeoutMs integer
---@return holdfast.Change? change nil: none came
---@raise compacted, unsupported, closed
function core.watchNext(watch, timeoutMs) end

---A descriptor that can be read when there may be a change.
---@param watch userdata
---@return integer
---@raise closed
function core.watchFd(watch) end

---The revision whose changes have all been handed out.
---@param watch userdata
---@return integer
---@raise closed
function core.watchRevision(watch) end

---Ends a watch.
---@param watch userdata
function core.watchClose(watch) end

---Opens a whole store.
---@param base string a directory (LMDB) or a store URL
---@param options? holdfast.Options
---@return holdfast.Store
---@raise invalid_argument, and what opening raises
function core.openStore(base, options) end

---Looks at the structure of a store, which need not be open, and may be one that cannot be: of LMDB, all pages.
---@param base string a directory (LMDB) or a store URL
---@return holdfast.CheckReport
---@raise not_found, unsupported (only LMDB has one), io
function core.checkStore(base) end

---Hands out what is left of a damaged store, without opening it.
---@param base string a directory (LMDB) or a store URL
---@param fn fun(record: holdfast.Rescued)
---@return holdfast.RescueReport
---@raise not_found, unsupported (only LMDB), busy (somebody has it open), and whatever fn raises
function core.rescueStore(base, fn) end

---Writes all of a store to a file: its method backup().
---@param store holdfast.Store
---@param file string
---@param progress? fun(done: integer, total: integer): boolean? in bytes; false stops, with busy
---@return holdfast.BackupReport
---@raise unsupported, corrupt (the store is damaged), full, io, readonly, busy, closed
function core.backupStore(store, file, progress) end

---Makes a store of a backup, in a place where there is none: holdfast.restore().
---@param file string
---@param base string a directory (LMDB) or a store URL
---@param at? integer|string|{time: integer} as of a revision, or a time; nil: as it was backed up
---@param progress? fun(done: integer, total: integer): boolean? in bytes; false stops, with busy
---@return holdfast.RestoreReport
---@raise conflict (there is a store), corrupt (no backup, cut off or changed), compacted, unsupported, full, io, busy
function core.restoreStore(file, base, at, progress) end

---Gives room that is free in a store back to the disk: holdfast.compact().
---@param base string a directory (LMDB) or a store URL
---@return holdfast.CompactReport
---@raise busy (it is open in this process), not_found, unsupported, corrupt, full, io
function core.compactStore(base) end

---Makes the handle inside an instance.  Touches nothing; a relative base is resolved now.
---@param entityName string
---@param base string
---@param options? holdfast.Options
---@return userdata handle
---@raise invalid_argument
function core.open(entityName, base, options) end

---The entity's JSON text as it is stored.
---@param store PersistBase
---@param id string|number
---@return string json
---@raise not_found, corrupt, invalid_argument
function core.readText(store, id) end

---The same as history(), with `text`, a value's JSON text as it is stored, in the place of `value`.
---@param store PersistBase
---@param id string|number
---@param options? {limit: integer}
---@return table[] changes
---@return integer from
---@raise unsupported, corrupt, invalid_argument
function core.historyTexts(store, id, options) end

---Stores JSON text as it is.
---@param store PersistBase
---@param id string|number
---@param json string
---@param options? holdfast.Conditions
---@return integer revision
---@raise invalid_value, full, readonly, conflict, unsupported, invalid_argument
function core.writeText(store, id, json, options) end

---Stores JSON texts as they are, all of them in one commit or none; of an id that is there twice the later text wins.
---@param store PersistBase
---@param ids (string|number)[]
---@param texts string[] as many as ids
---@param times? table<integer, integer> when those at these places of the lists expire, ms since 1970-01-01 UTC
---@raise invalid_value, full, readonly, unsupported, invalid_argument
function core.writeTexts(store, ids, texts, times) end

---Iterates ids and JSON texts as they are stored, with when each expires (nil: never).
---@param store PersistBase
---@param range? holdfast.Range
---@return fun(): string, string, integer?
---@raise invalid_argument; the iterator: corrupt
function core.texts(store, range) end

---Iterates what is in quarantine, the entities that other loops leave out, since they have been reported: id, problem,
---the bytes that were found, and when they came there (ms since 1970; 0: unknown).  An id whose key was damaged may be
---not a valid id.
---@param store PersistBase
---@param range? holdfast.Range
---@return fun(): string, string, string, integer
---@raise invalid_argument, unsupported
function core.quarantined(store, range) end

---Puts an id into quarantine that is damaged in another store, so that it is damaged here and not missing: it answers
---`corrupt` until it is written or removed.
---@param store PersistBase
---@param id string|number
---@param problem string what is wrong with it, a short sentence
---@param bytes? string what was found there
---@raise conflict (a sound entity has the id, and stays), unsupported (no quarantine), full, readonly, invalid_argument
function core.quarantine(store, id, problem, bytes) end

---Compares the indexes of a collection with its entities, in both directions, at one moment.  Not in a transaction.
---@param store PersistBase
---@param repair? boolean builds those again that do not agree
---@return integer problems that were found
---@return {index: string, entityId: string, problem: string}[] first up to 100 of each index
---@raise unsupported: the store keeps no indexes, or cannot compare them
function core.checkIndexes(store, repair) end

---The store's URL without passwords; `store.url`.
---@param store PersistBase
---@return string
function core.url(store) end

---What the backend can; `store.supports`.
---@param store PersistBase
---@return holdfast.Supports
function core.supports(store) end

---Whether id a comes before id b in natural order: for table.sort in the keys() of a class of your own.
---@param a string|number
---@param b string|number
---@return boolean
---@raise invalid_argument for what is not a valid id
function core.naturalOrder(a, b) end

---The order key of an id: ids are in natural order where their order keys are in the order of their bytes.  For
---storages that can sort by bytes.  At most 501 bytes of any value; the id itself stands after its only 0 byte, so
---`key:match("%z(.*)")` gives it back.
---@param id string|number
---@return string key
---@raise invalid_argument for what is not a valid id
function core.orderKey(id) end

---A value that shares nothing with this one, as writing and reading it would give.
---@param value any
---@return any copy
---@raise invalid_value
function core.copy(value) end

---A hash of what is in a value, in whatever order it came there: FNV-1a, 64 bits.  It stays the same after the value
---was stored and read, and in later versions.
---@param value any tables have strings and numbers as keys
---@return string digits 16 of them, hexadecimal
---@raise invalid_argument: another key, more than 1,000 in one table, or tables that are nested more than 128 deep
function core.contentHash(value) end

---What every operation does first: opens the store, and joins the transaction that is open.  For methods in Lua.
---@param store PersistBase
---@raise what opening raises, closed
function core.enter(store) end

---The text of an id.  Raises for what is none.
---@param store PersistBase
---@param id any
---@return string
---@raise invalid_argument
function core.checkId(store, id) end

---Whether two open stores are one, whatever their URLs are.  That of an instance is open after its first operation.
---@param a holdfast.Store|PersistBase
---@param b holdfast.Store|PersistBase
---@return boolean
function core.isSameStore(a, b) end

---The whole store that the instance's entities are in, opened.  For a class that extends a store, that one.
---@param store PersistBase
---@return holdfast.Store
---@raise what opening raises, closed
function core.storeOf(store) end

---A checksum of nothing yet: CRC-64/XZ, for texts in any number of pieces.  It tells texts apart that differ by
---accident.
---@return holdfast.Checksum
function core.checksum() end

---Acquires a lease: a name, in the form of a lock file, that one holder on this machine may own.  It is gone when it is
---released or collected, or when the process ends, however it ends.
---@param path string the lock file; missing folders are made
---@param who string what the holder is, for the message that others get
---@param timeoutMs? integer how long to wait for a holder; not at all if left out
---@return holdfast.Lease
---@raise busy names the holder, its `cause` being "process 1234 on host alpha (who, since when)" or nil;
---unsupported, invalid_argument, io, full
function core.lease(path, who, timeoutMs) end

---The folder of this user's lock files on this machine, for what is in no folder.  Made where it is missing.
---@return string path
---@raise io where another user has made it
function core.leaseFolder() end

---Who holds a lease, without acquiring it: nothing is made, changed or deleted.
---@param path string the lock file, which need not exist
---@return string? holder "process 1234 on host alpha (who, since when)", "" where it has not said so yet; nil: nobody
---@raise io where the file cannot be read, unsupported
function core.leaseHolder(path) end

---The leases that are held in a folder and those below it, but for folders whose names begin with a dot.
---@param folder string need not exist
---@return {path: string, holder: string}[] held
---@return holdfast.Error? problem the first thing that could not be looked at
function core.leasesIn(folder) end

---Raises for what is not a range.
---@param store PersistBase
---@param range? holdfast.Range
---@raise invalid_argument
function core.checkRange(store, range) end

---A loop whose iterator can be told of a condition.
---@param store PersistBase
---@param range? holdfast.Range
---@param what "values"|"pairs"|"entries"|"texts"  what a step gives: the value; id and value; id, value, revision,
---updatedAt, expiresAt; id, JSON text, expiresAt
---@return fun(): any, any, integer?, integer?, integer? step
---@return userdata iterator
---@return boolean isIndexed whether the collection has indexes, by which the loop may go once it is told of a condition
---@raise invalid_argument; the step: corrupt
function core.scan(store, range, what) end

---From the next step on, what the condition is a no to is left out, and, to count, what it is a yes to.  What was read
---ahead is read again.
---@param iterator userdata
---@param condition? userdata nil: nothing is left out any more
---@param count? boolean
---@param asked? holdfast.Asked what classes that know conditions are told of; like the condition it is the caller's
function core.ask(iterator, condition, count, asked) end

---How many were counted before what the last step gave, and how many entities conditions have looked at.
---@param iterator userdata
---@return integer counted
---@return integer lookedAt
---@return boolean byIndex whether only entities that indexes lead to are read
function core.counted(iterator) end

---Ends a loop: no further step gives anything.
---@param iterator userdata
function core.endIteration(iterator) end

---How a loop with this condition would find its entities: hf_persist_explain().
---@param store PersistBase
---@param range? holdfast.Range
---@param condition? userdata nil: none
---@return {index: string?, candidates: integer?, of: integer, asked: string, why: string?}
---@raise invalid_argument, not_found, unsupported
function core.explainRange(store, range, condition) end

---Whether conditions are evaluated by the store itself, and whether that is a class, here or of a URL; and the
---instance of that class, where it is in this Lua state.
---@param store PersistBase
---@return boolean evaluates, boolean byClass, PersistBase? instance
function core.evaluates(store) end

---One function that gives the next value of a loop, whatever a method returned for it.
---@param what string names the method in errors
---@param iterator function|thread|table an iterator function, a coroutine, or a list
---@param state? any
---@param control? any
---@return fun(): any
---@raise script for anything else
function core.steps(what, iterator, state, control) end

---An option of stores.
---@class holdfast.OptionRow
---@field name string in a URL: "mapsize"
---@field key string in a table: "mapSize"
---@field type "durability"|"bytes"|"flag"
---@field default string as a script writes it
---@field backends string those that heed it, or "all"
---@field meaning string
---@field values? string[] what it may be

---The options of stores: their names in URLs and in tables, and what they mean.
---@return holdfast.OptionRow[]
function core.options() end

---The capabilities that a backend may have, and what each promises.
---@return {name: string, promise: string}[]
function core.capabilities() end

---The methods of the contract, which a class may have itself: those that it must have, those that it may have, and
---those of which it has all or none.
---@return {name: string, kind: "required"|"optional"|"transaction"}[]
function core.methods() end

---The schemes of URLs, and the backend that each means; `absent` is what this build was made without.
---@return {name: string, backend: string, absent: boolean}[]
function core.schemes() end

---The handle of an instance whose class has methods of its own.  For PersistBase.init.
---@param instance PersistBase
---@param entityName string
---@param spec table what holdfast.class found out about the class
---@return userdata handle
function core.attach(instance, entityName, spec) end

return core
