/* SPDX-License-Identifier: MIT
 *
 * The table of backends: those that are built in, and those that were registered.  It
 * only grows, so looking a scheme up takes no lock.
 */
#include "core/backends.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

extern const hf_backend *const hf__builtin_backends[];

enum { REGISTERED_MAX = 64 };

/* A backend's table in the first form of this ABI. */
enum { BACKEND_FIRST = offsetof(hf_backend, quarantine_scan) };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held to register */
static const hf_backend *_Atomic registered[REGISTERED_MAX];

static void after_fork_in_child(void) { pthread_mutex_init(&lock, NULL); }

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, after_fork_in_child); }

/* Whether the table, not what comes with it, has the scheme. */
static bool has_scheme(const hf_backend *b, const char *scheme) {
  if (strcmp(b->name, scheme) == 0) return true;
  for (const char *const *s = b->schemes; s && *s; s++)
    if (strcmp(*s, scheme) == 0) return true;
  return false;
}

static const hf_backend *find_in(const hf_backend *b, const char *scheme) {
  while (b && !has_scheme(b, scheme)) b = b->next;
  return b;
}

const hf_backend *hf__backend_find(const char *scheme) {
  const hf_backend *found = NULL;
  for (const hf_backend *const *b = hf__builtin_backends; *b && !found; b++) found = find_in(*b, scheme);
  for (int i = 0; i < REGISTERED_MAX && registered[i] && !found; i++) found = find_in(registered[i], scheme);
  return found;
}

const hf_backend *hf__backend_at(size_t index) {
  size_t i = 0;
  while (i < index && hf__builtin_backends[i]) i++;
  if (hf__builtin_backends[i]) return hf__builtin_backends[i];
  return index - i < REGISTERED_MAX ? registered[index - i] : NULL;
}

const char *hf__backend_absent(const char *scheme) {
  const hf__absent_scheme *s = hf__absent_schemes;
  while (s->scheme && strcmp(s->scheme, scheme) != 0) s++;
  return s->backend;
}

static void add_name(char *out, size_t capacity, const char *name) {
  size_t used = strlen(out);
  if (used + strlen(name) + 3 > capacity) return;
  if (used) strcat(out, ", ");
  strcat(out, name);
}

static void add_names(char *out, size_t capacity, const hf_backend *b) {
  for (; b; b = b->next) {
    add_name(out, capacity, b->name);
    for (const char *const *s = b->schemes; s && *s; s++) add_name(out, capacity, *s);
  }
}

void hf__backend_names(char *out, size_t capacity) {
  out[0] = '\0';
  const hf_backend *b;
  for (size_t i = 0; (b = hf__backend_at(i)); i++) add_names(out, capacity, b);
}

static hf_status check_abi(const hf_backend *b, hf_error *err) {
  if (!b || b->abi_version != HF_BACKEND_ABI)
    return hf__fail(err, HF_INVALID_ARGUMENT, "backend ABI %u: this library needs %d, compile against its backend.h",
                    b ? b->abi_version : 0U, HF_BACKEND_ABI);
  if (b->struct_size && b->struct_size < BACKEND_FIRST)
    return hf__fail(err, HF_INVALID_ARGUMENT, "backend '%s': struct_size is %u: set it to sizeof(struct hf_backend)",
                    b->name ? b->name : "?", b->struct_size);
  return b->next ? check_abi(b->next, err) : HF_OK;
}

/* The table with all slots that there are here, NULL where it was compiled before there were.  What has to be made for
 * that is never freed.  NULL: out of memory. */
static const hf_backend *complete(const hf_backend *given) {
  size_t size = given->struct_size ? given->struct_size : BACKEND_FIRST;
  const hf_backend *next = given->next ? complete(given->next) : NULL;
  if (given->next && !next) return NULL;
  if (size >= sizeof *given && next == given->next) return given;
  hf_backend *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  memcpy(b, given, size < sizeof *b ? size : sizeof *b);
  b->next = next;
  return b;
}

hf_status hf_backend_register(const hf_backend *b, hf_error *err) {
  hf_status status = check_abi(b, err);
  if (status) return status;
  char missing[256] = "";
  if (!b->name || !*b->name) add_name(missing, sizeof missing, "name");
#define NEED(slot, condition)                                                                                          \
  if ((condition) && !b->slot) add_name(missing, sizeof missing, #slot)
  bool transactions = b->capabilities & (HF_CAP_TRANSACTION | HF_CAP_SNAPSHOT);
  NEED(resolve, true);
  NEED(open, true);
  NEED(close, true);
  NEED(collection_open, true);
  NEED(collection_close, true);
  NEED(begin, transactions);
  NEED(commit, transactions);
  NEED(abort, transactions);
  NEED(get, true);
  NEED(has, true);
  NEED(put, true);
  NEED(remove, true);
  NEED(clear, true);
  NEED(count, true);
  NEED(scan, true);
  NEED(entities, true);
  NEED(stat, true);
  NEED(quarantine, b->capabilities & HF_CAP_QUARANTINE);
  NEED(quarantined, b->capabilities & HF_CAP_QUARANTINE);
  NEED(settings, b->capabilities & HF_CAP_SETTINGS);
  NEED(settings_get, b->capabilities & HF_CAP_SETTINGS);
  NEED(settings_put, b->capabilities & HF_CAP_SETTINGS);
  NEED(remove_if, b->capabilities & HF_CAP_REMOVE_IF);
  NEED(index_make, b->capabilities & HF_CAP_INDEX);
  NEED(index_drop, b->capabilities & HF_CAP_INDEX);
  NEED(index_list, b->capabilities & HF_CAP_INDEX);
  NEED(index_set, b->capabilities & HF_CAP_INDEX_ORDER);
  NEED(index_each, b->capabilities & HF_CAP_INDEX_ORDER);
#undef NEED
  if (*missing) return hf__fail(err, HF_INVALID_ARGUMENT, "backend '%s' lacks: %s", b->name ? b->name : "?", missing);

  pthread_mutex_lock(&lock);
  int i = 0;
  while (i < REGISTERED_MAX && registered[i]) i++;
  if (hf__backend_find(b->name))
    status = hf__fail(err, HF_INVALID_ARGUMENT, "there is a '%s' backend already: choose another name", b->name);
  else if (i == REGISTERED_MAX)
    status = hf__fail(err, HF_INVALID_ARGUMENT, "no room for backend '%s': %d are registered", b->name, REGISTERED_MAX);
  else if (!(b = complete(b)))
    status = hf__no_memory(err);
  else
    registered[i] = b;
  pthread_mutex_unlock(&lock);
  return status;
}
