/* SPDX-License-Identifier: MIT
 *
 * What is in a folder and the folders below it, as ids.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* Folders in folders that are followed: an id has at most 250 of them. */
enum { DEPTH_MAX = 400 };

const hf__file_kind hf__file_documents = {FILE_PART_MAX, ".json"};
const hf__file_kind hf__file_reports = {FILE_PART_MAX_QUARANTINE, ".json.report"};

struct visit {
  hf__file_visit_fn visit;
  hf__file_leave_fn leave;
  void *arg;
  const hf__file_kind *kind;
  char relative[FILE_PATH_MAX]; /* of the folder that is read, from the first one, ending in a slash; "" for that */
  size_t relative_size;
  char id[HF_ID_MAX]; /* that its path means so far */
  size_t id_size;
};

/* What the entry is, S_IFDIR or S_IFREG; links to files count as files, links to folders as nothing: 0.  0, or an
 * errno. */
static int look_at(int folder, const struct dirent *d, mode_t *kind) {
  struct stat st;
  *kind = d->d_type == DT_DIR ? S_IFDIR : d->d_type == DT_REG ? S_IFREG : 0;
  if (d->d_type != DT_UNKNOWN && d->d_type != DT_LNK) return 0;
  if (fstatat(folder, d->d_name, &st, 0)) return errno == ENOENT || errno == ELOOP ? 0 : errno;
  bool is_file = S_ISREG(st.st_mode);
  if (!is_file && fstatat(folder, d->d_name, &st, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT ? 0 : errno;
  *kind = is_file ? S_IFREG : S_ISDIR(st.st_mode) ? S_IFDIR : 0;
  return 0;
}

/* Whether this relative path is the one that the id has: other files that decode to it are not ours. */
static bool is_canonical(const struct visit *v, const char *leaf, size_t leaf_size, hf_slice id) {
  char expected[FILE_RELATIVE_MAX];
  unsigned char order[HF_ORDER_KEY_MAX];
  if (!hf_order_key(id, order)) return false;
  size_t size = hf__file_encode_id(id, v->kind->part_max, expected);
  return size == v->relative_size + leaf_size && memcmp(expected, v->relative, v->relative_size) == 0 &&
         memcmp(expected + v->relative_size, leaf, leaf_size) == 0;
}

static int visit_file(struct visit *v, int folder, const char *name, size_t size) {
  bool continued;
  size_t suffix = strlen(v->kind->suffix), id_size = v->id_size;
  if (size <= suffix || strcmp(name + size - suffix, v->kind->suffix) != 0) return 0;
  if (!hf__file_decode_part(name, size - suffix, v->id, &id_size, &continued) || continued) return 0;
  hf_slice id = {v->id, id_size};
  if (!is_canonical(v, name, size - suffix, id)) return 0;
  return v->visit(v->arg, folder, name, id);
}

static int visit_folder(struct visit *v, int fd, int depth);

static int enter_folder(struct visit *v, int parent, const char *name, size_t size, int depth) {
  bool continued;
  size_t id_size = v->id_size, relative_size = v->relative_size;
  if (depth > DEPTH_MAX || relative_size + size + 1 >= sizeof v->relative) return 0;
  if (size >= 5 && memcmp(name + size - 5, ".json", 5) == 0) return 0; /* ours have that escaped */
  if (!hf__file_decode_part(name, size, v->id, &v->id_size, &continued) ||
      (!continued && v->id_size == HF_ID_MAX)) { /* no id begins so */
    v->id_size = id_size;
    return 0;
  }
  if (!continued) v->id[v->id_size++] = '/';
  memcpy(v->relative + relative_size, name, size);
  v->relative[relative_size + size] = '/';
  v->relative_size += size + 1;
  int number = 0, fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    number = errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  else {
    int leaving = v->leave ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (v->leave && leaving < 0) {
      number = errno;
      close(fd);
    } else {
      number = visit_folder(v, fd, depth + 1);
    }
    if (number == 0 && leaving >= 0) number = v->leave(v->arg, parent, name, leaving);
    if (leaving >= 0) close(leaving);
  }
  v->id_size = id_size;
  v->relative_size = relative_size;
  return number;
}

/* Takes the descriptor over. */
static int visit_folder(struct visit *v, int fd, int depth) {
  DIR *dir = fdopendir(fd);
  if (!dir) {
    int number = errno;
    close(fd);
    return number;
  }
  int number = 0;
  for (const struct dirent *d; number == 0 && (errno = 0, d = readdir(dir));) {
    size_t size = strlen(d->d_name);
    if (d->d_name[0] == '.') continue; /* ., .., temporary files of others */
    mode_t kind;
    number = look_at(dirfd(dir), d, &kind);
    if (number == 0 && kind == S_IFDIR)
      number = enter_folder(v, dirfd(dir), d->d_name, size, depth);
    else if (number == 0 && kind == S_IFREG)
      number = visit_file(v, dirfd(dir), d->d_name, size);
  }
  if (number == 0) number = errno;
  closedir(dir);
  return number;
}

int hf__file_visit(const char *folder, const hf__file_kind *kind, hf__file_visit_fn visit, hf__file_leave_fn leave,
                   void *arg) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  struct visit *v = malloc(sizeof *v);
  if (!v) {
    close(fd);
    return ENOMEM;
  }
  *v = (struct visit){.visit = visit, .leave = leave, .arg = arg, .kind = kind};
  int number = visit_folder(v, fd, 0);
  free(v);
  return number;
}

/* ---- listings */

static int add_id(void *arg, int folder, const char *leaf, hf_slice id) {
  (void)folder;
  (void)leaf;
  return hf_id_list_add(arg, id) ? 0 : ENOMEM;
}

hf_status hf__file_list(const char *folder, const hf__file_kind *kind, hf_id_list **out, hf_error *err) {
  hf_id_list *list = hf_id_list_new();
  if (!list) return hf_error_no_memory(err);
  int number = hf__file_visit(folder, kind, add_id, NULL, list);
  if (number) {
    hf_id_list_free(list);
    return hf__file_fail(number, "list", folder, err);
  }
  hf_id_list_sort(list);
  *out = list;
  return HF_OK;
}

/* ---- counts */

static int count_one(void *arg, int folder, const char *leaf, hf_slice id) {
  (void)folder;
  (void)leaf;
  (void)id;
  ++*(uint64_t *)arg;
  return 0;
}

hf_status hf__file_count(const char *folder, const hf__file_kind *kind, uint64_t *count, hf_error *err) {
  *count = 0;
  int number = hf__file_visit(folder, kind, count_one, NULL, count);
  return number ? hf__file_fail(number, "list", folder, err) : HF_OK;
}
