---@meta holdfast.core.adapters
-- SPDX-License-Identifier: MIT
--
-- holdfast.core.adapters, which is written in C (src/lua/api/adapters.c): what lua/holdfast/adapters.lua builds on.
-- For editors only: never loaded.

---@class holdfast.core
---@field adapters holdfast.core.adapters

---@class holdfast.core.adapters
local adapters = {}

---Every adapter of this Lua state, in the order of definition.
---@return holdfast.AdapterInfo[]
function adapters.list() end

---Defines an adapter.
---@param spec holdfast.AdapterSpec
---@raise invalid_argument
function adapters.define(spec) end

---Registers a class as the store of an adapter.  Its instance is made at the first use.
---@param name string of the adapter
---@param class table
---@param baseDir string
---@param description string for messages
---@param url string where its instances are: a store URL, a path, or any text
---@raise busy, with retryable false, after the first use or while a host runs
function adapters.useClass(name, class, baseDir, description, url) end

---Registers a store by its URL.
---@param name string of the adapter
---@param url string
---@param options? holdfast.Options
---@raise invalid_argument, busy as useClass
function adapters.useStore(name, url, options) end

---Makes the two functions of an adapter; called with a colon on the table, they skip it.
---@param name string of the adapter
---@param table table
---@return fun(...): any read
---@return fun(entity: any, ...) write
function adapters.functions(name, table) end

---Ends the use of an adapter.
---@param name string of the adapter
---@raise what the close method of a class raises
function adapters.close(name) end

---Refuses registration until the returned function is called.
---@param what string what runs
---@return fun() release
function adapters.hold(what) end

---What the store of an adapter supports, as core.supports says it.  Opens the store; counts as the first use.
---@param name string of the adapter
---@return holdfast.Supports
---@raise what opening raises
function adapters.supports(name) end

---Whether one transaction can cover both adapters: they are in one store, and it has transactions.  Opens both stores;
---counts as their first use.
---@param name string of an adapter
---@param other string of another one, or the same
---@return boolean
---@raise what opening raises
function adapters.isSameStore(name, other) end

---Where the store of an adapter is, or will be.  Opens and creates nothing.
---@param name string of the adapter
---@return string? directory absolute, without symbolic links; nil for memory and servers
---@return string identity the same in every process that uses the store: the directory, or the URL without passwords
---@raise invalid_argument; not_found where the directory is missing and the store is not to be made
function adapters.place(name) end

---Where the store of an instance is, in the words of place() for an adapter on the same store.  Opens and creates
---nothing.
---@param store PersistBase
---@return string? directory
---@return string identity
---@raise invalid_argument; not_found where the directory is missing and the store is not to be made
function adapters.placeOf(store) end

---What an adapter stores: the instance of the class that was registered, or a new handle on its collection.
---@param name string
---@return PersistBase|userdata
function adapters.collection(name) end

return adapters
