/* SPDX-License-Identifier: MIT
 *
 * What a URL says:
 *
 *   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
 *   rediss://...                                          the same over TLS
 *   redis+unix://[[USER]:PASSWORD@]/PATH[?db=N]
 *   redis+sentinel://[...@]HOST[:PORT][,HOST[:PORT]...]/MASTER[/DATABASE]
 *   redis+cluster://[...@]HOST[:PORT][,HOST[:PORT]...]
 *
 * No message here shows more of it than the part that is wrong, and never the password.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 6379, SENTINEL_PORT = 26379 };

const char *hf__redis_address_text(const hf__redis_address *a, char out[300]) {
  snprintf(out, 300, a->port ? (strchr(a->host, ':') ? "[%s]:%d" : "%s:%d") : "%s", a->host, a->port);
  return out;
}

static bool set_text(char **to, const char *from) {
  free(*to);
  *to = strdup(from);
  return *to && hf_url_decode(*to);
}

/* A number without anything after it; -1: it is none, or greater than max. */
static long whole(const char *text, long max) {
  char *end;
  if (!isdigit((unsigned char)*text)) return -1;
  long n = strtol(text, &end, 10);
  return *end || n > max ? -1 : n;
}

/* "user:password", ":password" or "password". */
static hf_status parse_login(hf__redis_config *c, char *login, hf_error *err) {
  char *colon = strchr(login, ':');
  if (colon) *colon = '\0';
  bool ok = set_text(&c->password, colon ? colon + 1 : login);
  if (ok && colon && *login) ok = set_text(&c->user, login);
  return ok ? HF_OK
            : hf_error_set(err, HF_INVALID_ARGUMENT,
                           "store URL: user and password must be percent-encoded: write %%25 for a %%, %%40 for an @");
}

static hf_status parse_host(hf__redis_config *c, char *text, hf_error *err) {
  if (c->seed_count == REDIS_SEEDS)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: at most %d hosts", REDIS_SEEDS);
  hf__redis_address *a = &c->seeds[c->seed_count++];
  a->port = c->mode == REDIS_SENTINEL ? SENTINEL_PORT : PORT;
  char *port = NULL, *host = text;
  if (*text == '[') { /* IPv6 */
    char *close = strchr(text, ']');
    if (!close) return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: a ] is missing after %s", text);
    *close = '\0';
    host++;
    if (close[1] == ':') port = close + 2;
    if (close[1] && !port)
      return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: a : is missing between ] and the port '%s'", close + 1);
  } else if ((port = strchr(text, ':'))) {
    *port++ = '\0';
  }
  if (!*host) host = "127.0.0.1";
  if (strlen(host) >= sizeof a->host)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: the host name is too long: %.40s...", host);
  strcpy(a->host, host);
  if (port) {
    long n = whole(port, REDIS_PORT_MAX);
    if (n <= 0) return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: '%s' is no port: give 1 to 65535", port);
    a->port = (int)n;
  }
  return HF_OK;
}

static hf_status parse_database(hf__redis_config *c, const char *text, hf_error *err) {
  long n = whole(text, 1 << 20);
  if (n < 0) return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: '%s' is no number of a Redis database", text);
  if (n && c->mode == REDIS_CLUSTER)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: a Redis cluster has no databases: leave /%ld out", n);
  c->database = (int)n;
  return HF_OK;
}

static hf_status parse_path(hf__redis_config *c, char *path, hf_error *err) {
  if (c->mode == REDIS_SENTINEL) {
    char *database = strchr(path, '/');
    if (database) *database++ = '\0';
    if (!*path)
      return hf_error_set(err, HF_INVALID_ARGUMENT,
                          "store URL: which master?  Give the name that the sentinels know, as in "
                          "redis+sentinel://HOST:26379/mymaster");
    if (!set_text(&c->master, path)) return hf_error_no_memory(err);
    path = database ? database : "";
  }
  return *path ? parse_database(c, path, err) : HF_OK;
}

static hf_status parse_socket(hf__redis_config *c, const char *path, hf_error *err) {
  hf__redis_address *a = &c->seeds[c->seed_count++];
  if (*path != '/' || strlen(path) >= 108)
    return hf_error_set(err, HF_INVALID_ARGUMENT,
                        "store URL: redis+unix: needs the absolute path of a socket, of at most 107 bytes, as in "
                        "redis+unix:///run/redis/redis.sock");
  strcpy(a->host, path);
  a->port = 0;
  return hf_url_decode(a->host) ? HF_OK
                                : hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: bad %%-escape in the path");
}

static hf_status parse_authority(hf__redis_config *c, char *rest, bool is_socket, hf_error *err) {
  size_t size = strcspn(rest, "/");
  char *at = NULL, *hosts = rest;
  for (char *p = rest; p < rest + size; p++)
    if (*p == '@') at = p;
  if (at) {
    *at = '\0';
    hf_status status = parse_login(c, rest, err);
    if (status) return status;
    hosts = at + 1;
  }
  if (!at && rest[0] != '/' && strchr(rest, '@'))
    return hf_error_set(err, HF_INVALID_ARGUMENT,
                        "store URL: user and password must be percent-encoded: write %%2F for a /, %%40 for an @");
  if (is_socket) return parse_socket(c, hosts, err);
  char *path = strchr(hosts, '/');
  if (path) *path++ = '\0';
  for (char *next = hosts; next;) {
    char *host = next;
    next = strchr(host, ',');
    if (next) *next++ = '\0';
    hf_status status = parse_host(c, host, err);
    if (status) return status;
  }
  if (c->mode == REDIS_SINGLE && c->seed_count > 1)
    return hf_error_set(err, HF_INVALID_ARGUMENT,
                        "store URL: several hosts are for redis+sentinel: and redis+cluster: URLs");
  return parse_path(c, path ? path : (char[]){""}, err);
}

static hf_status parse_flag(const char *name, const char *value, bool *out, hf_error *err) {
  *out = strcmp(value, "1") == 0;
  if (*out || strcmp(value, "0") == 0) return HF_OK;
  return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: %s must be 0 or 1, not '%s'", name, value);
}

static hf_status parse_parameter(hf__redis_config *c, const char *name, const char *value, hf_error *err) {
  struct {
    const char *name;
    int64_t *ms;
  } durations[] = {{"timeout", &c->timeout_ms}, {"connecttimeout", &c->connect_ms}, {"ttl", &c->ttl_ms}};
  struct {
    const char *name;
    char **text;
  } texts[] = {{"cafile", &c->cafile},
               {"certfile", &c->certfile},
               {"keyfile", &c->keyfile},
               {"sentinelpassword", &c->sentinel_password}};
  for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
    if (strcmp(name, durations[i].name) == 0)
      return hf_duration_parse(value, durations[i].ms)
                 ? HF_OK
                 : hf_error_set(err, HF_INVALID_ARGUMENT,
                                "store URL: %s must be a time such as 500ms, 5s or 1m, not '%s'", name, value);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strcmp(name, texts[i].name) == 0)
      return set_text(texts[i].text, value)
                 ? HF_OK
                 : hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: bad %%-escape in %s", name);
  if (strcmp(name, "tls") == 0) return parse_flag(name, value, &c->tls, err);
  if (strcmp(name, "verify") == 0) return parse_flag(name, value, &c->verify, err);
  if (strcmp(name, "db") == 0) return parse_database(c, value, err);
  long n = whole(value, 100); /* retries is all that is left */
  if (n < 0) return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: retries must be 0 to 100, not '%s'", value);
  c->retries = (int)n;
  return HF_OK;
}

static hf_status parse_query(hf__redis_config *c, char *query, hf_error *err) {
  for (char *next, *p = query; p && *p; p = next) {
    next = strchr(p, '&');
    if (next) *next++ = '\0';
    char *value = strchr(p, '=');
    if (!value) continue; /* the core has refused it */
    *value++ = '\0';
    hf_status status = parse_parameter(c, p, value, err);
    if (status) return status;
  }
  return HF_OK;
}

hf_status hf__redis_config_parse(const hf_location *at, hf__redis_config *out, hf_error *err) {
  *out = (hf__redis_config){.verify = true, .timeout_ms = 5000, .connect_ms = 2000, .retries = 2};
  if (strcmp(at->scheme, "redis+sentinel") == 0) out->mode = REDIS_SENTINEL;
  if (strcmp(at->scheme, "redis+cluster") == 0) out->mode = REDIS_CLUSTER;
  out->tls = strcmp(at->scheme, "rediss") == 0;
  if (strncmp(at->rest, "//", 2) != 0)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "store URL: %s: needs // and an address, as in %s://127.0.0.1:6379",
                        at->scheme, at->scheme);
  char *rest = strdup(at->rest + 2), *query = strdup(at->query);
  hf_status status = rest && query ? HF_OK : hf_error_no_memory(err);
  if (status == HF_OK) status = parse_authority(out, rest, strcmp(at->scheme, "redis+unix") == 0, err);
  if (status == HF_OK) status = parse_query(out, query, err);
  if (status == HF_OK && at->options->max_size)
    status = hf_error_set(err, HF_UNSUPPORTED, "Redis stores have no maxsize: set maxmemory on the server");
  free(rest);
  free(query);
  return status;
}

void hf__redis_config_free(hf__redis_config *c) {
  free(c->user);
  free(c->password);
  free(c->sentinel_password);
  free(c->master);
  free(c->cafile);
  free(c->certfile);
  free(c->keyfile);
}
