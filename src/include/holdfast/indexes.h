/* SPDX-License-Identifier: MIT
 *
 * indexes.h - indexes over what entities have at a path, which conditions use by themselves.
 * A part of holdfast.h, which includes it: include that one.
 */
#ifndef HOLDFAST_INDEXES_H
#define HOLDFAST_INDEXES_H

#ifndef HOLDFAST_HOLDFAST_H
#error "include holdfast/holdfast.h, which has holdfast/indexes.h in it"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* An index keeps the entities of a collection in the order of what they have at one path, or at several:
 *
 *     const char *const path[] = {"metadata.symbol"};
 *     if (hf_persist_index_create(p, path, 1, false, &err)) return failed(&err);
 *
 * It is kept in the store, in the same commit as the entities, by every process that writes there.  An iteration with
 * hf_range.where uses it by itself where that is faster, and gives the same as without it; only damage of entities to
 * which it does not lead is not found.  hf_range.index iterates in its order.
 *
 * The order is null, false, true, numbers, texts by their bytes.  Entities that have nothing at the path, an array or
 * an object, or a path that cannot be walked, are in it too, after those, so that conditions that would raise for them
 * do.
 *
 * Paths are written as in conditions: metadata.symbol, v.id, tags[1], v["any key"].  The name of an index is its paths
 * in their shortest spelling, with commas between: "metadata.symbol", "strategyName,symbol". */

/* The most that an index can have of paths, and a collection of indexes. */
#define HF_INDEX_PATHS_MAX 4
#define HF_INDEXES_MAX 16

/* Makes an index, and returns when it is built; meanwhile others read and write.  Where there is the same one already,
 * it waits for nothing; where its building was broken off, it goes on with it.  A commit of its own: not inside a
 * transaction.
 *   paths   `count` of them, 1 to HF_INDEX_PATHS_MAX
 *   unique  no two entities may have the same values there: HF_DUPLICATE for the write.  Entities that have null,
 *           nothing, an array or an object at one of the paths do not count
 * Errors: HF_DUPLICATE names two entities that have the same values already, and there is no index then; HF_CONFLICT:
 * there is one that is unique and this is not, or the other way; HF_INVALID_ARGUMENT: a path is none, or there are too
 * many; HF_UNSUPPORTED: the store has none (HF_CAP_INDEX), or in a transaction. */
HF_API hf_status hf_persist_index_create(hf_persist *p, const char *const *paths, size_t count, bool unique,
                                         hf_error *err);

/* Forgets an index.  One path may also be the name of one over several, with commas, that is there.
 * HF_NOT_FOUND: there is none over these paths. */
HF_API hf_status hf_persist_index_drop(hf_persist *p, const char *const *paths, size_t count, hf_error *err);

/* Replaces *json by what indexes the collection has, in the order of their names:
 * [{"name":"metadata.symbol","paths":["metadata.symbol"],"unique":false,"ready":true,"entries":12}].  One that is not
 * ready is being built, or its building was broken off: hf_persist_index_create() goes on with it.  Stores may add
 * members, or leave `entries` out. */
HF_API hf_status hf_persist_indexes(hf_persist *p, hf_buffer *json, hf_error *err);

/* Where an index and the entities do not agree. */
typedef struct hf_index_problem {
  const char *index;    /* its name */
  hf_slice id;          /* of the entity */
  const char *sentence; /* "has no entry for the entity" */
} hf_index_problem;
typedef void hf_index_problem_fn(const hf_index_problem *problem, void *arg);

/* Compares all indexes of the collection with its entities, in both directions, at one moment.
 *   repair    builds those again that do not agree
 *   fn        called for the first 100 problems of each; may be NULL
 *   problems  receives how many there were, may be NULL
 * HF_OK also where there are some.  HF_UNSUPPORTED: the store cannot. */
HF_API hf_status hf_persist_index_check(hf_persist *p, bool repair, hf_index_problem_fn *fn, void *arg,
                                        uint64_t *problems, hf_error *err);

/* Replaces *json by how an iteration over the range would find its entities, as a JSON object: "index" (the name of the
 * index that is used, several with " or " between; none: a scan), "candidates" (how many entities it leads to; left out
 * where the range asks for its order), "of" (entities in the collection), "asked" ("tested": each is read and the
 * condition evaluated; "nothing": so it is in an iteration, and hf_persist_count_where() takes the answer from the
 * index alone), "why" (a sentence: why this index, or none; it is left out where there are no indexes).  Changes
 * nothing. */
HF_API hf_status hf_persist_explain(hf_persist *p, const hf_range *range, hf_buffer *json, hf_error *err);

#ifdef __cplusplus
}
#endif
#endif
