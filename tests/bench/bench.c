/* SPDX-License-Identifier: MIT
 *
 * hf_bench: finds who measures what.  See bench.h.
 */
#include "bench.h"

#include <string.h>

int main(int argc, char **argv) {
  static const struct side {
    const char *name;
    const struct bench_op *ops;
  } sides[] = {{"raw", bench_raw_ops},       {"look", bench_look_ops},
               {"lead", bench_lead_ops},     {"file", bench_file_ops},
               {"c", bench_c_ops},           {"where", bench_where_ops},
               {"find", bench_find_ops},     {"keep", bench_keep_ops},
               {"script", bench_script_ops}, {"changes", bench_changes_ops},
               {"watch", bench_watch_ops},   {"past", bench_past_ops},
               {"expiry", bench_expiry_ops}, {"together", bench_together_ops},
               {"redis", bench_redis_ops},   {"postgres", bench_postgres_ops}};
  if (argc < 3)
    bench_die("usage: hf_bench raw|look|lead|file|c|where|find|keep|changes|watch|past|expiry|script|together|redis|"
              "postgres WHAT -d DIR [-e "
              "ENTITY -n OPS "
              "-s SEED -k NAMES -f SOURCE -t THREADS -p PROCESSES -g GROUP -w -x -y]");
  struct bench_options o = bench_parse(argc - 2, argv + 2);
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
    for (const struct bench_op *op = sides[i].ops; op->name && strcmp(argv[1], sides[i].name) == 0; op++)
      if (strcmp(op->name, o.what) == 0) {
        op->run(&o);
        return 0;
      }
  bench_die("%s does not measure %s", argv[1], o.what);
}
