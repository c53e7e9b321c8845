/* SPDX-License-Identifier: MIT
 *
 * What a condition makes of entities.  A backend that evaluates conditions has each record judged before it copies it
 * (hf_page_judge(), in backend.h): it is left out if the condition is a sure no to it; whether it is a yes, or has to
 * be asked, stands beside it in the page.
 */
#ifndef HF_CORE_JUDGE_H
#define HF_CORE_JUDGE_H

#include "core/page.h"

/* Records that a scan with a condition looks at in one call: as long as it runs, the growth of a map and the closing of
 * a database wait. */
enum { HF__LOOKED_AT_MAX = 2048 };

#endif
