/* SPDX-License-Identifier: MIT
 *
 * How LMDB 0.9 lays out its file on 64-bit machines, as far as it is read here without LMDB: a file of pages of one
 * size, two of which are headers.  The others are branches, leaves, or runs of overflow pages for large values.  A tree
 * is either the free list, the main one, which has the records of all named ones, or one of those.
 *
 * Everything is in the byte order of the machine, as LMDB has it.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_FORMAT_H
#define HF_BACKENDS_LMDB_PAGE_FORMAT_H

#include <stdint.h>

enum {
  HF__LMDB_MAGIC = 0xBEEFC0DE,
  HF__LMDB_VERSION = 1,
  HF__LMDB_PAGE_SIZE_LEAST = 512,
  HF__LMDB_PAGE_SIZE_MOST = 65536,
  HF__LMDB_PAGE_HEAD = 16,  /* bytes before the array of places, or before an overflow page's bytes */
  HF__LMDB_NODE_HEAD = 8,   /* bytes before a node's key */
  HF__LMDB_KEY_MOST = 511,  /* bytes of a key, as liblmdb is built everywhere */
  HF__LMDB_DEPTH_MOST = 32, /* levels of a tree: CURSOR_STACK */
  HF__LMDB_FIRST_PAGE = 2   /* those before are headers */
};

/* No page: the root of an empty tree. */
#define HF__LMDB_NO_PAGE UINT64_MAX

/* Kinds of pages: mp_flags.  On disk a page has no others. */
enum {
  HF__LMDB_BRANCH = 0x01,
  HF__LMDB_LEAF = 0x02,
  HF__LMDB_OVERFLOW = 0x04,
  HF__LMDB_META = 0x08,
  HF__LMDB_LEAF2 = 0x20, /* of a tree of values of one size: no nodes, only those */
  HF__LMDB_SUB = 0x40    /* a small tree within a node */
};

/* What a node of a leaf holds: mn_flags. */
enum {
  HF__LMDB_NODE_BIG = 0x01,  /* the number of the overflow page with its value */
  HF__LMDB_NODE_TREE = 0x02, /* the record of a tree */
  HF__LMDB_NODE_DUP = 0x04   /* several values: a page within the node, or with the flag before, a tree */
};

/* How a tree is ordered: md_flags, the part that is stored. */
enum {
  HF__LMDB_REVERSE_KEY = 0x02,
  HF__LMDB_DUP_SORT = 0x04,
  HF__LMDB_INTEGER_KEY = 0x08,
  HF__LMDB_DUP_FIXED = 0x10,
  HF__LMDB_INTEGER_DUP = 0x20,
  HF__LMDB_REVERSE_DUP = 0x40
};

/* The head of a page: struct MDB_page. */
struct hf__lmdb_page_head {
  uint64_t page; /* its number */
  uint16_t pad;  /* LEAF2: the size of a value */
  uint16_t flags;
  union {
    struct {
      uint16_t lower, upper; /* the room between the array of places and the nodes */
    };
    uint32_t pages; /* of an overflow: how many */
  };
};

/* A tree: struct MDB_db. */
struct hf__lmdb_tree {
  uint32_t pad; /* free list: the page size; DUP_FIXED: the size of a value */
  uint16_t flags, depth;
  uint64_t branch, leaf, overflow, entries, root;
};

/* A header page: the head of a page, then struct MDB_meta. */
struct hf__lmdb_header {
  struct hf__lmdb_page_head head;
  uint32_t magic, version;
  uint64_t address, map_size;
  struct hf__lmdb_tree free, main;
  uint64_t last_page, commit;
};

_Static_assert(sizeof(struct hf__lmdb_page_head) == HF__LMDB_PAGE_HEAD, "LMDB's page header");
_Static_assert(sizeof(struct hf__lmdb_tree) == 48, "LMDB's record of a tree");
_Static_assert(sizeof(struct hf__lmdb_header) == 152, "LMDB's page header and its meta data");

#endif
