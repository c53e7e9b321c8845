/* SPDX-License-Identifier: MIT
 *
 * The rule of the locks: see locks.h.
 */
#include "locks.h"

#include <stdio.h>
#include <stdlib.h>

_Thread_local bool hf__lmdb_holds_reader __attribute__((tls_model("initial-exec")));

void hf__lmdb_would_hang(void) {
  fputs("holdfast: lmdb: a thread was about to wait for others while it holds a pooled reader, and would have waited "
        "for ever: this is a mistake in backends/lmdb, please report it\n",
        stderr);
  abort();
}
