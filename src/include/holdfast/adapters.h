/* SPDX-License-Identifier: MIT
 *
 * adapters.h - the adapters of a trading host.  A part of holdfast.h, which
 * includes it: include that one.
 */
#ifndef HOLDFAST_ADAPTERS_H
#define HOLDFAST_ADAPTERS_H

#ifndef HOLDFAST_HOLDFAST_H
#error "include holdfast/holdfast.h, which has holdfast/adapters.h in it"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The state of a trading host, one adapter for each kind of it.  An adapter says under which id its entity is, and
 * in which store: the default one, or what was registered before its first use.
 *
 *   adapter                  entities    id                       in Lua
 *   PersistSignalAdapter     signal      {strategy}/{symbol}      readSignalData, writeSignalData
 *   PersistScheduleAdapter   schedule    {strategy}/{symbol}      readScheduleData, writeScheduleData
 *   PersistRiskAdapter       risk        {riskName}/positions     readPositionData, writePositionData
 *   PersistPartialAdapter    partial     {symbol}/levels          readPartialData, writePartialData
 *   PersistTradeAdapter      trade       {strategy}/{symbol}/{signalId}   readTradeData, writeTradeData
 *   PersistHostAdapter       host        {kind}/{name}            readHostData, writeHostData
 *
 * The parts of an id may be any text: `%` and `/` in them are percent-encoded, so that different parts never make the
 * same id.  All are in "./dump/data" by default, so that one transaction covers them.  The last two follow
 * PersistSignalAdapter: they are in whatever store it is in, unless a store is registered for them.
 *
 *     hf_slice id[] = {hf_text("main"), hf_text("BTCUSDT")};
 *     hf_txn *txn;
 *     hf_txn_begin(HF_TXN_WRITE, &txn, &err);
 *     hf_adapter_write(set, "PersistSignalAdapter", id, 2, row, &err);
 *     hf_adapter_write(set, "PersistScheduleAdapter", id, 2, hf_text("null"), &err);
 *     hf_txn_commit(txn, &err);
 */

/* A set of adapters, used by one thread at a time. */
typedef struct hf_adapters hf_adapters;

/* A set of its own with those above, for programs without scripts.  HF_NO_MEMORY. */
HF_API hf_status hf_adapters_new(hf_adapters **out, hf_error *err);
/* Closes its stores and frees it.  Not for the set of a runtime.  NULL is ignored. */
HF_API void hf_adapters_free(hf_adapters *set);

/* An adapter: how hf_adapter_define() is told of it. */
typedef struct hf_adapter_spec {
  size_t struct_size;          /* sizeof(hf_adapter_spec), set by HF_ADAPTER_SPEC_INIT; 0: up to base */
  const char *name;            /* what it is called here and in scripts, "PersistOrderAdapter" */
  const char *entity_name;     /* "order"; no two adapters share one */
  const char *id;              /* "{exchange}/{orderId}": parts in braces, a `/` between any two */
  const char *read, *write;    /* what its functions are called in scripts; NULL: "readOrderData", "writeOrderData" */
  const char *const *infinite; /* fields, at any depth, whose `null` is read as 1e999; ends in NULL; NULL: none */
  const char *base;            /* where it is when nothing was registered; NULL: "./dump/data" */
  const char *follows;         /* another adapter of the set, in whose store it is when nothing was registered: what
                                  registers or closes that one does so here; NULL: none */
} hf_adapter_spec;

#define HF_ADAPTER_SPEC_INIT                                                                                           \
  { sizeof(hf_adapter_spec), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

#define HF_ADAPTER_PARTS_MAX 8 /* parts of an id, at most */

/* Adds an adapter to the set; everything is copied.  Defining the same once more changes nothing.
 * Errors: HF_INVALID_ARGUMENT, also where there is no adapter that it is to follow, or where that one follows itself.
 */
HF_API hf_status hf_adapter_define(hf_adapters *set, const hf_adapter_spec *spec, hf_error *err);

/* What is known of an adapter. */
typedef struct hf_adapter_info {
  const hf_adapter_spec *spec; /* with no NULL but infinite and follows */
  const char *store;           /* the store's URL without passwords, or the script's class and its base */
  const char *since;           /* its first use: "readSignalData at bot.lua:12"; NULL: not used yet */
  uint64_t reserved[4];        /* 0 */
} hf_adapter_info;

/* Describes the adapter at this place, from 0; false after the last.  Valid until the set is used again; `spec` as
 * long as the set. */
HF_API bool hf_adapters_at(const hf_adapters *set, size_t index, hf_adapter_info *out);

/* Registers the store that an adapter uses: a path or store URL, and options for it (NULL: defaults).  Registration
 * comes before the first read or write, and before a host runs.  In the set of a runtime, a "lua:" URL means that
 * runtime.  Adapters that follow this one get the same, but for those that were registered themselves.
 * Errors: HF_BUSY says what was first (retryable is false); as hf_persist_open(). */
HF_API hf_status hf_adapter_use(hf_adapters *set, const char *name, const char *base, const hf_options *options,
                                hf_error *err);

/* Reads what the parts name as JSON text into `json`.  Nothing stored, or a stored `null`: found is false.
 * Errors: HF_INVALID_ARGUMENT names the part; what opening and reading the store give. */
HF_API hf_status hf_adapter_read(hf_adapters *set, const char *name, const hf_slice *parts, size_t count,
                                 hf_buffer *json, bool *found, hf_error *err);

/* Writes it; {NULL, 0} and JSON `null` remove it, if it is there.  Joins the thread's transaction. */
HF_API hf_status hf_adapter_write(hf_adapters *set, const char *name, const hf_slice *parts, size_t count,
                                  hf_slice json, hf_error *err);

/* Whether one transaction can cover both adapters: they are in one store, and it has transactions.  Opens both stores,
 * where that has not happened, and counts as their first use.  The two may be the same adapter.
 * Errors: what opening gives. */
HF_API hf_status hf_adapters_share_store(hf_adapters *set, const char *name, const char *other, bool *share,
                                         hf_error *err);

/* Where the store of an adapter is. */
typedef struct hf_adapter_place {
  char directory[4096]; /* on this machine, as an absolute path without symbolic links; "" if there is none: a server,
                           or memory */
  char identity[4096];  /* the same text in every process that uses the same store: the directory, or the URL without
                           passwords and hf_options */
  uint64_t reserved[8]; /* 0 */
} hf_adapter_place;

/* Says where the store is, or will be: opens nothing, creates nothing, and is no first use.  From then on a relative
 * path that was registered means this place, whatever the working directory becomes.  A class in Lua that stands on its
 * own is taken to be at its base, if that is a path.
 * Errors: HF_NOT_FOUND: the directory is missing, and the store is not to be made (must_exist, read_only);
 * HF_INVALID_ARGUMENT: the place is longer than fits; for a "lua:" URL also what making its instance gives. */
HF_API hf_status hf_adapter_find_place(hf_adapters *set, const char *name, hf_adapter_place *out, hf_error *err);

/* Ends the adapter's use: closes its handle.  It can be registered again; if it is not, the next use opens the same
 * store again.  Errors: what the close() of a script's class raised; it is closed all the same. */
HF_API hf_status hf_adapter_close(hf_adapters *set, const char *name, hf_error *err);

/* A host begins to run: until the release, registration fails with HF_BUSY and says what runs ("Live.run BTCUSDT
 * main-strategy").  Several may run at a time.  Releasing twice is harmless. */
HF_API hf_status hf_adapters_hold(hf_adapters *set, const char *what, uint64_t *hold, hf_error *err);
HF_API void hf_adapters_release(hf_adapters *set, uint64_t hold);

/* The adapters of the runtime's scripts: what they register is the program's too, and the other way round.  Used in the
 * runtime's thread, until it is closed.  NULL: out of memory. */
HF_API hf_adapters *hf_runtime_adapters(hf_runtime *runtime);

#ifdef __cplusplus
}
#endif
#endif
