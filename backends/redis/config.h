/* SPDX-License-Identifier: MIT
 *
 * What a URL says of a store: where its servers are, how they are asked, and how long they may take.
 */
#ifndef HF_BACKENDS_REDIS_CONFIG_H
#define HF_BACKENDS_REDIS_CONFIG_H

#include "holdfast/backend.h"

typedef struct hf__redis_address {
  char host[256]; /* or the path of a socket */
  int port;       /* 0: host is a path */
} hf__redis_address;

/* "host:port" or the path. */
const char *hf__redis_address_text(const hf__redis_address *address, char out[300]);

enum { REDIS_SEEDS = 16, REDIS_PORT_MAX = 65535 };

typedef enum hf__redis_mode { REDIS_SINGLE, REDIS_SENTINEL, REDIS_CLUSTER } hf__redis_mode;

typedef struct hf__redis_config {
  hf__redis_mode mode;
  hf__redis_address seeds[REDIS_SEEDS]; /* the server, the sentinels, or some nodes of the cluster */
  int seed_count;
  char *user, *password; /* NULL: none */
  char *sentinel_password;
  char *master; /* name that the sentinels know it by */
  int database;
  bool tls, verify;                       /* verify the server's certificate */
  char *cafile, *certfile, *keyfile;      /* NULL: the system's, none, none */
  int64_t timeout_ms, connect_ms, ttl_ms; /* ttl_ms 0: entities stay */
  int retries;
} hf__redis_config;

/* HF_INVALID_ARGUMENT says what to write instead, without the password.  hf__redis_config_free() in any case. */
hf_status hf__redis_config_parse(const hf_location *at, hf__redis_config *out, hf_error *err);
void hf__redis_config_free(hf__redis_config *c);

#endif
