/* SPDX-License-Identifier: MIT
 *
 * Leases from inside the library: what the Lua binding needs beside the public functions.
 */
#ifndef HF_CORE_LEASE_H
#define HF_CORE_LEASE_H

#include "holdfast/holdfast.h"

#define HF__LEASE_FOLDER_MAX 64

/* The folder of this user's lock files on this machine, for what is in no folder: made where it is missing, and
 * nobody else's.  It is the same for all processes of the user, whatever their environment is: two that looked in
 * different places would both get the lease.  HF_IO: somebody else has made it. */
hf_status hf__lease_folder(char out[HF__LEASE_FOLDER_MAX], hf_error *err);

#endif
