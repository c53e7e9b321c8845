/* SPDX-License-Identifier: MIT
 *
 * One connection to a Redis server.  Reads block in the system, with the socket's
 * own timeout set no later than the deadline; that spares the usual call a poll().
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "redis.h"

enum { CHUNK = 64 * 1024, MS = 1000000, SLACK_MS = 50 };

static hf_status fail(const hf__redis_address *a, hf_status status, const char *what, hf_error *err) {
  char text[300];
  return hf_error_set(err, status, "Redis at %s: %s", hf__redis_address_text(a, text), what);
}

static int left_ms(int64_t deadline) {
  int64_t ms = (deadline - hf_clock_ns() + MS - 1) / MS;
  return ms <= 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

/* Waits for the events.  0: the deadline has passed. */
static int wait_for(int fd, short events, int64_t deadline) {
  struct pollfd p = {.fd = fd, .events = events};
  for (int left; (left = left_ms(deadline)) > 0;) {
    int n = poll(&p, 1, left);
    if (n > 0) return p.revents;
    if (n < 0 && errno != EINTR) return POLLERR;
  }
  return 0;
}

/* ---- connecting */

static hf_status connect_to(const hf__redis_address *a, const struct sockaddr *to, socklen_t size, int64_t deadline,
                            int *out, hf_error *err) {
  int number = 0, fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  socklen_t length = sizeof number;
  if (fd < 0) return fail(a, HF_UNAVAILABLE, strerror(errno), err);
  if (connect(fd, to, size) && errno != EINPROGRESS && errno != EAGAIN) {
    number = errno;
  } else if (!wait_for(fd, POLLOUT, deadline)) {
    close(fd);
    return fail(a, HF_TIMEOUT, "no connection within the deadline", err);
  } else {
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length);
  }
  if (number) {
    close(fd);
    return fail(a, HF_UNAVAILABLE, strerror(number), err);
  }
  *out = fd;
  return HF_OK;
}

static hf_status connect_socket(const hf__redis_address *a, int64_t deadline, int *fd, hf_error *err) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  memcpy(to.sun_path, a->host, strlen(a->host) + 1); /* its length was checked with the URL */
  return connect_to(a, (struct sockaddr *)&to, sizeof to, deadline, fd, err);
}

/* A name lookup that ends at the deadline.  The request is on the heap, since one that cannot be cancelled goes on;
 * then it is left to itself. */
struct lookup {
  struct gaicb request;
  struct addrinfo hints;
  char host[256], port[8];
};

static hf_status look_up(const hf__redis_address *a, int64_t deadline, struct addrinfo **out, hf_error *err) {
  struct lookup *l = calloc(1, sizeof *l);
  if (!l) return hf_error_no_memory(err);
  strcpy(l->host, a->host);
  snprintf(l->port, sizeof l->port, "%d", a->port);
  l->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  int number = getaddrinfo(l->host, l->port, &l->hints, out);
  if (number == 0) {
    free(l);
    return HF_OK;
  }
  l->hints.ai_flags = AI_NUMERICSERV;
  l->request = (struct gaicb){.ar_name = l->host, .ar_service = l->port, .ar_request = &l->hints};
  struct gaicb *list[] = {&l->request};
  number = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
  while (number == 0 && (number = gai_error(&l->request)) == EAI_INPROGRESS) {
    int left = left_ms(deadline);
    const struct timespec wait = {left / 1000, (long)(left % 1000) * MS};
    number = 0;
    if (left == 0) {
      if (gai_cancel(&l->request) == EAI_CANCELED) free(l);
      return fail(a, HF_TIMEOUT, "its name was not resolved within the deadline", err);
    }
    gai_suspend((const struct gaicb *const *)list, 1, &wait);
  }
  *out = l->request.ar_result;
  free(l);
  return number ? fail(a, HF_UNAVAILABLE, gai_strerror(number), err) : HF_OK;
}

static hf_status connect_host(const hf__redis_address *a, int64_t deadline, int *fd, hf_error *err) {
  struct addrinfo *found = NULL;
  hf_status status = look_up(a, deadline, &found, err);
  if (status) return status;
  for (struct addrinfo *i = found; i; i = i->ai_next) {
    status = connect_to(a, i->ai_addr, i->ai_addrlen, deadline, fd, err);
    if (status == HF_OK) break;
  }
  freeaddrinfo(found);
  int on = 1;
  if (status == HF_OK) {
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(*fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  return status;
}

static hf_status pump(hf__redis_connection *connection, int64_t deadline, hf_error *err);
static hf_status flush_tls(hf__redis_connection *connection, int64_t deadline, hf_error *err);

static hf_status shake_hands(hf__redis_connection *connection, int64_t deadline, hf_error *err) {
  bool done = false;
  for (;;) {
    hf_status status = hf__redis_tls_handshake(connection->tls, &done, err);
    hf_status flushed = flush_tls(connection, deadline, status ? NULL : err); /* also what says why not */
    if (status || flushed || done) return status ? status : flushed;
    status = pump(connection, deadline, err);
    if (status) return status;
  }
}

hf_status hf__redis_connection_open(const hf__redis_config *c, const hf__redis_address *a, int64_t deadline,
                                    hf__redis_connection **out, hf_error *err) {
  hf__redis_connection *connection = calloc(1, sizeof *connection);
  if (!connection || !(connection->reader = hf__redis_bounds_reader(&connection->bounds))) {
    free(connection);
    return hf_error_no_memory(err);
  }
  connection->fd = -1;
  connection->address = *a;
  hf_status status =
      a->port ? connect_host(a, deadline, &connection->fd, err) : connect_socket(a, deadline, &connection->fd, err);
  if (status == HF_OK) fcntl(connection->fd, F_SETFL, fcntl(connection->fd, F_GETFL) & ~O_NONBLOCK);
  if (status == HF_OK && c->tls) {
    status = hf__redis_tls_new(c, a->host, &connection->tls, err);
    if (status == HF_OK) status = shake_hands(connection, deadline, err);
  }
  if (status) {
    hf__redis_connection_close(connection);
    return status;
  }
  *out = connection;
  return HF_OK;
}

void hf__redis_connection_close(hf__redis_connection *connection) {
  if (!connection) return;
  if (connection->fd >= 0) close(connection->fd);
  hf__redis_tls_free(connection->tls);
  redisReaderFree(connection->reader);
  free(connection);
}

bool hf__redis_connection_is_idle(const hf__redis_connection *connection) {
  char byte;
  return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

hf_status hf__redis_connection_expect_idle(hf__redis_connection *connection, hf_error *err) {
  connection->began = false;
  if (hf__redis_connection_is_clean(connection) && hf__redis_connection_is_idle(connection)) return HF_OK;
  return fail(&connection->address, HF_UNAVAILABLE, "it closed the connection, or said something unasked", err);
}

bool hf__redis_connection_is_clean(const hf__redis_connection *connection) {
  return connection->reader->pos == connection->reader->len && connection->reader->ridx < 0;
}

/* ---- reading */

/* Fails where what came so far cannot be, or become, a reply that is accepted. */
static hf_status check_bounds(hf__redis_connection *connection, hf_error *err) {
  const char *problem = hf__redis_bounds_check(&connection->bounds, connection->reader);
  if (!problem) return HF_OK;
  if (hf__redis_bounds_is_memory(&connection->bounds, connection->reader)) return hf_error_no_memory(err);
  return fail(&connection->address, HF_UNAVAILABLE, problem, err);
}

static hf_status feed(hf__redis_connection *connection, const char *data, size_t size, hf_error *err) {
  if (redisReaderFeed(connection->reader, data, size) != REDIS_OK) return hf_error_no_memory(err);
  return check_bounds(connection, err);
}

/* Bytes, as they come from the network, to the parser. */
static hf_status take_in(hf__redis_connection *connection, const char *data, size_t size, hf_error *err) {
  if (!connection->tls) return feed(connection, data, size, err);
  char plain[CHUNK / 4];
  size_t n = 0;
  hf_status status = hf__redis_tls_feed(connection->tls, data, size, err);
  while (status == HF_OK) {
    status = hf__redis_tls_read(connection->tls, plain, sizeof plain, &n, err);
    if (status || n == 0) return status;
    status = feed(connection, plain, n, err);
  }
  return status;
}

/* Sees to it that a read ends by the deadline.  Setting the socket's timeout is a call of the system, so it is left as
 * it is while it is near enough. */
static bool set_timeout(hf__redis_connection *connection, int64_t deadline) {
  int left = left_ms(deadline);
  if (left == 0) return false;
  if (connection->timeout_ms >= left && connection->timeout_ms - left <= SLACK_MS) return true;
  const struct timeval t = {left / 1000, (left % 1000) * 1000};
  setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  connection->timeout_ms = left;
  return true;
}

/* Waits for bytes and takes them in. */
static hf_status pump(hf__redis_connection *connection, int64_t deadline, hf_error *err) {
  char data[CHUNK];
  for (;;) {
    if (!set_timeout(connection, deadline))
      return fail(&connection->address, HF_TIMEOUT, "no answer within the deadline", err);
    ssize_t n = recv(connection->fd, data, sizeof data, 0);
    if (n > 0) return take_in(connection, data, (size_t)n, err);
    if (n == 0) return fail(&connection->address, HF_UNAVAILABLE, "it closed the connection", err);
    if (errno != EINTR && errno != EAGAIN) return fail(&connection->address, HF_UNAVAILABLE, strerror(errno), err);
  }
}

hf_status hf__redis_connection_receive(hf__redis_connection *connection, redisReply **out, int64_t deadline,
                                       hf_error *err) {
  for (;;) {
    void *reply = NULL;
    redisReaderGetReply(connection->reader, &reply);
    *out = reply;
    if (reply) return HF_OK;
    hf_status status = check_bounds(connection, err);
    if (status == HF_OK) status = pump(connection, deadline, err);
    if (status) return status;
  }
}

/* ---- writing */

/* Takes in what has come, without waiting. */
static hf_status take_what_came(hf__redis_connection *connection, hf_error *err) {
  char data[CHUNK];
  ssize_t n = recv(connection->fd, data, sizeof data, MSG_DONTWAIT);
  if (n > 0) return take_in(connection, data, (size_t)n, err);
  if (n == 0) return fail(&connection->address, HF_UNAVAILABLE, "it closed the connection", err);
  if (errno == EAGAIN || errno == EINTR) return HF_OK;
  return fail(&connection->address, HF_UNAVAILABLE, strerror(errno), err);
}

static hf_status send_raw(hf__redis_connection *connection, const char *data, size_t size, int64_t deadline,
                          hf_error *err) {
  while (size) {
    ssize_t n = send(connection->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      connection->began = true;
      data += n;
      size -= (size_t)n;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(&connection->address, HF_UNAVAILABLE, strerror(errno), err);
    int events = wait_for(connection->fd, POLLIN | POLLOUT, deadline);
    if (!events) return fail(&connection->address, HF_TIMEOUT, "it takes nothing within the deadline", err);
    if (events & POLLIN) {
      hf_status status = take_what_came(connection, err);
      if (status) return status;
    }
  }
  return HF_OK;
}

static hf_status flush_tls(hf__redis_connection *connection, int64_t deadline, hf_error *err) {
  char data[CHUNK / 4];
  hf_error own;
  for (size_t n; (n = hf__redis_tls_pending(connection->tls, data, sizeof data));) {
    hf_status status = send_raw(connection, data, n, deadline, err ? err : &own);
    if (status) return status;
  }
  return HF_OK;
}

hf_status hf__redis_connection_send(hf__redis_connection *connection, const char *data, size_t size, int64_t deadline,
                                    hf_error *err) {
  connection->began = false;
  if (!connection->tls) return send_raw(connection, data, size, deadline, err);
  while (size) {
    size_t part = size < CHUNK ? size : CHUNK;
    hf_status status = hf__redis_tls_write(connection->tls, data, part, err);
    if (status == HF_OK) status = flush_tls(connection, deadline, err);
    if (status) return status;
    data += part;
    size -= part;
  }
  return HF_OK;
}
