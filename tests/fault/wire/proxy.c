/* SPDX-License-Identifier: MIT
 *
 * The proxy's process: one loop over poll().  proxy.h says what it does.
 */
#include "fault/wire/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINKS = 64, PIECE = 64 * 1024, QUEUE = 2 * PIECE + WIRE_TEXT_MAX, LISTENERS = 2 };

/* Bytes that wait to be handed on in one direction. */
struct queue {
  char data[QUEUE];
  size_t at, end;
};

enum half {
  OPEN,
  DRAINING, /* we have ended it, and read until the other side does */
  GONE
};

/* A connection of a client, and that to the server which it is handed on to. */
struct link {
  int fds[WIRE_WAYS]; /* by where bytes go: [WIRE_TO_SERVER] is the server's socket */
  enum half halves[WIRE_WAYS];
  uint64_t passed[WIRE_WAYS];
  struct queue queues[WIRE_WAYS];
  bool stalled[WIRE_WAYS], dripping[WIRE_WAYS];
  bool fired, says, floods;
  bool rival;  /* the client is cut when the server has settled and the rival has been here */
  int64_t due; /* of the next byte of a drip */
};

static struct {
  struct wire_plan plan;
  struct wire_report seen;
  struct link *links[LINKS];
  int listeners[LISTENERS];
  int control, rival;
  bool reporting; /* a report is due when all have settled */
  bool refusing;
  int port;
  char path[108], server[108];
} proxy;

static void die(const char *what) {
  fprintf(stderr, "FAIL the proxy: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- sockets */

static int listen_port(void) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)proxy.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64)) die("listening");
  if (getsockname(fd, (struct sockaddr *)&at, &size)) die("getsockname");
  proxy.port = ntohs(at.sin_port);
  return fd;
}

static struct sockaddr_un unix_address(const char *path) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  return at;
}

static int listen_path(void) {
  struct sockaddr_un at = unix_address(proxy.path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  unlink(proxy.path);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 64)) die(proxy.path);
  return fd;
}

static void listen_again(void) {
  if (proxy.listeners[0] < 0) proxy.listeners[0] = listen_port();
  if (proxy.listeners[1] < 0) proxy.listeners[1] = listen_path();
  proxy.refusing = false;
}

static void refuse(void) {
  for (int i = 0; i < LISTENERS; i++) {
    if (proxy.listeners[i] >= 0) close(proxy.listeners[i]);
    proxy.listeners[i] = -1;
  }
  proxy.refusing = true;
}

static void accept_link(int listener) {
  int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;
  if (client < 0) return;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct sockaddr_un at = unix_address(proxy.server);
  int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  for (int i = 0; i < LINKS; i++) {
    if (proxy.links[i]) continue;
    if (connect(server, (struct sockaddr *)&at, sizeof at)) break; /* the server is away: so are we */
    fcntl(server, F_SETFL, O_NONBLOCK);
    struct link *l = proxy.links[i] = calloc(1, sizeof *l);
    if (!l) die("memory");
    l->fds[WIRE_TO_SERVER] = server;
    l->fds[WIRE_TO_CLIENT] = client;
    proxy.seen.connections++;
    return;
  }
  close(client);
  close(server);
}

/* ---- ends */

static void end_half(struct link *l, enum wire_way way, bool reset) {
  if (l->halves[way] == GONE) return;
  if (reset) setsockopt(l->fds[way], SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
  close(l->fds[way]);
  l->halves[way] = GONE;
}

/* Sends FIN, and reads on until the other side has closed too. */
static void drain_half(struct link *l, enum wire_way way) {
  if (l->halves[way] != OPEN) return;
  l->halves[way] = shutdown(l->fds[way], SHUT_WR) ? GONE : DRAINING;
  if (l->halves[way] == GONE) close(l->fds[way]);
}

/* Hands on what waits, whole: it is little, and the other side reads. */
static void flush(struct link *l, enum wire_way way) {
  struct queue *q = &l->queues[way];
  while (l->halves[way] == OPEN && q->at < q->end) {
    ssize_t n = send(l->fds[way], q->data + q->at, q->end - q->at, MSG_NOSIGNAL);
    if (n > 0) q->at += (size_t)n;
    if (n < 0 && errno == EAGAIN) poll(&(struct pollfd){l->fds[way], POLLOUT, 0}, 1, 1000);
    if (n < 0 && errno != EAGAIN) break;
  }
  q->at = q->end = 0;
}

static bool is_cut(const struct wire_plan *p) { return p->fault == WIRE_CLOSE || p->fault == WIRE_RESET; }

/* Counts what the client has sent of what is watched; a write comes in one piece. */
static void watch(const char *data, size_t size) {
  const struct wire_plan *p = &proxy.plan;
  const char *end = data + size, *at = data;
  if (!is_cut(p) || !p->text_size) return;
  while ((at = memmem(at, (size_t)(end - at), p->text, p->text_size))) {
    proxy.seen.sent++;
    at += p->text_size;
  }
}

/* What the client had sent before it hears of the cut. */
static void watch_rest(struct link *l) {
  static char data[PIECE];
  ssize_t n;
  while (l->halves[WIRE_TO_CLIENT] == OPEN && (n = recv(l->fds[WIRE_TO_CLIENT], data, sizeof data, MSG_DONTWAIT)) > 0)
    watch(data, (size_t)n);
}

static void cut_client(struct link *l) {
  watch_rest(l);
  if (proxy.plan.fault == WIRE_RESET)
    end_half(l, WIRE_TO_CLIENT, true);
  else
    drain_half(l, WIRE_TO_CLIENT);
}

static void cut(struct link *l) {
  flush(l, WIRE_TO_SERVER);
  flush(l, WIRE_TO_CLIENT);
  drain_half(l, WIRE_TO_SERVER);
  l->rival = proxy.plan.rival;
  if (!l->rival) cut_client(l);
}

/* ---- bytes */

static void add(struct link *l, enum wire_way way, const char *data, size_t size) {
  struct queue *q = &l->queues[way];
  if (q->at == q->end) q->at = q->end = 0;
  if (size > QUEUE - q->end) size = QUEUE - q->end;
  memcpy(q->data + q->end, data, size);
  q->end += size;
}

static void count_bytes(struct link *l, enum wire_way way, size_t size) {
  proxy.seen.bytes[way] += size;
  l->passed[way] += size;
}

/* What goes on after the fault, of which `size` bytes came in the same piece. */
static void fire(struct link *l, enum wire_way way, const char *data, size_t size) {
  const struct wire_plan *p = &proxy.plan;
  l->fired = true;
  proxy.seen.fired++;
  switch (p->fault) {
  case WIRE_NOTHING: break;
  case WIRE_CLOSE:
  case WIRE_RESET: cut(l); break;
  case WIRE_STALL: l->stalled[way] = true; break;
  case WIRE_DRIP:
    l->dripping[way] = true;
    add(l, way, data, size);
    break;
  case WIRE_FLOOD: l->floods = true; break;
  case WIRE_SAY:
    l->says = true;
    add(l, way, p->text, p->text_size);
    break;
  case WIRE_ADD:
    add(l, way, p->text, p->text_size);
    add(l, way, data, size);
    break;
  case WIRE_TWICE:
    add(l, way, data, size);
    add(l, way, data, size);
    break;
  case WIRE_SPOIL:
    if (size) add(l, way, p->text, 1);
    if (size) add(l, way, data + 1, size - 1);
    break;
  }
  if (p->refuse) refuse();
}

static void pass(struct link *l, enum wire_way way, const char *data, size_t size) {
  const struct wire_plan *p = &proxy.plan;
  uint64_t so_far = p->again ? l->passed[way] : proxy.seen.bytes[way];
  bool may = p->fault != WIRE_NOTHING && p->way == way && !l->fired && (p->again || !proxy.seen.fired);
  count_bytes(l, way, size);
  if (l->says && way == WIRE_TO_CLIENT) {
    if (p->again) add(l, way, p->text, p->text_size);
    return;
  }
  /* Cuts happen with the last byte before them, everything else with the first one after it. */
  if (!may || so_far + size + is_cut(p) <= p->at) {
    add(l, way, data, size);
    return;
  }
  size_t before = (size_t)(p->at - so_far);
  if (!p->hold) add(l, way, data, before);
  fire(l, way, data + before, size - before);
}

/* Takes in what has come for one direction: from the client if it goes to the server. */
static void take_in(struct link *l, enum wire_way way) {
  static char data[PIECE];
  enum wire_way from = way == WIRE_TO_SERVER ? WIRE_TO_CLIENT : WIRE_TO_SERVER;
  ssize_t n = recv(l->fds[from], data, sizeof data, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) {
    if (way == WIRE_TO_SERVER) watch(data, (size_t)n);
    if (l->halves[from] == OPEN && l->halves[way] == OPEN) pass(l, way, data, (size_t)n);
    return;
  }
  end_half(l, from, false);
  if (l->halves[way] != OPEN) return;
  if (!l->stalled[way]) flush(l, way);
  drain_half(l, way);
}

/* Hands on what waits, as far as the other side takes it. */
static void hand_on(struct link *l, enum wire_way way) {
  struct queue *q = &l->queues[way];
  if (way == WIRE_TO_CLIENT && l->floods && q->at == q->end) {
    while (QUEUE - q->end >= proxy.plan.text_size && q->end < PIECE) add(l, way, proxy.plan.text, proxy.plan.text_size);
  }
  if (q->at == q->end || (l->dripping[way] && now_us() < l->due)) return;
  size_t size = l->dripping[way] ? 1 : q->end - q->at;
  ssize_t n = send(l->fds[way], q->data + q->at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n > 0) q->at += (size_t)n;
  if (n < 0 && errno != EAGAIN && errno != EINTR) q->at = q->end; /* its end is seen when it is read */
  l->due = now_us() + proxy.plan.pace_us;
}

/* ---- the test's side */

static bool has_settled(void) {
  for (int i = 0; i < LINKS; i++) {
    const struct link *l = proxy.links[i];
    if (l && (l->halves[WIRE_TO_SERVER] == DRAINING || l->rival)) return false;
  }
  return true;
}

static void report(void) {
  proxy.seen.open = 0;
  for (int i = 0; i < LINKS; i++) proxy.seen.open += proxy.links[i] && proxy.links[i]->halves[WIRE_TO_CLIENT] == OPEN;
  proxy.reporting = false;
  if (send(proxy.control, &proxy.seen, sizeof proxy.seen, MSG_NOSIGNAL) < 0) _exit(0);
}

static void say(const struct wire_plan *plan) {
  for (int i = 0; i < LINKS; i++) {
    struct link *l = proxy.links[i];
    if (!l || l->halves[WIRE_TO_CLIENT] != OPEN) continue;
    add(l, WIRE_TO_CLIENT, plan->text, plan->text_size);
    flush(l, WIRE_TO_CLIENT);
  }
}

static void obey(void) {
  static struct wire_plan plan;
  ssize_t n = recv(proxy.control, &plan, sizeof plan, 0);
  if (n <= 0) _exit(0);
  if (n == 1) {
    proxy.reporting = true;
    return;
  }
  if (plan.now) {
    say(&plan);
    report();
    return;
  }
  proxy.plan = plan;
  proxy.seen = (struct wire_report){0};
  for (int i = 0; i < LINKS; i++) {
    struct link *l = proxy.links[i];
    if (!l) continue;
    memset(l->passed, 0, sizeof l->passed);
    memset(l->stalled, 0, sizeof l->stalled);
    memset(l->dripping, 0, sizeof l->dripping);
    l->fired = l->says = l->floods = false;
  }
  listen_again();
  report();
}

/* The server has done what it could with what it got, and the client does not know yet. */
static void ask_rival(struct link *l) {
  char byte = 0;
  watch_rest(l);
  proxy.seen.sent_before = proxy.seen.sent;
  if (send(proxy.rival, &byte, 1, MSG_NOSIGNAL) != 1 || recv(proxy.rival, &byte, 1, 0) != 1) _exit(0);
  l->rival = false;
  cut_client(l);
}

/* ---- the loop */

static int collect(struct pollfd *fds, struct link **links, enum wire_way *ways, int *timeout) {
  int count = 0;
  for (int i = 0; i < LINKS; i++) {
    struct link *l = proxy.links[i];
    for (int way = 0; l && way < WIRE_WAYS; way++) {
      if (l->halves[way] == GONE || (l->rival && way == WIRE_TO_CLIENT)) continue;
      int other = 1 - way; /* what comes from here goes there */
      const struct queue *q = &l->queues[way];
      bool open = l->halves[way] == OPEN && l->halves[other] == OPEN;
      bool waits = open && (q->at < q->end || (l->floods && way == WIRE_TO_CLIENT));
      bool full = open && (l->queues[other].at < l->queues[other].end || l->stalled[other]);
      short events = (short)((full ? POLLRDHUP : POLLIN) | (waits && !l->dripping[way] ? POLLOUT : 0));
      if (waits && l->dripping[way]) {
        int64_t us = l->due - now_us();
        int ms = us <= 0 ? 0 : (int)(us / 1000 + 1);
        if (*timeout < 0 || ms < *timeout) *timeout = ms;
      }
      fds[count] = (struct pollfd){l->fds[way], events, 0};
      links[count] = l;
      ways[count++] = (enum wire_way)way;
    }
  }
  return count;
}

static void serve(struct link *l, enum wire_way way, short events) {
  if (l->halves[way] == GONE) return;
  enum wire_way other = way == WIRE_TO_SERVER ? WIRE_TO_CLIENT : WIRE_TO_SERVER;
  bool full = l->halves[other] == OPEN && l->queues[other].at < l->queues[other].end;
  if (l->stalled[other] && events & (POLLRDHUP | POLLHUP | POLLERR)) { /* what it still had to say is not wanted */
    end_half(l, way, false);
    drain_half(l, other);
    return;
  }
  if (events & (POLLRDHUP | POLLHUP | POLLERR) && full) l->queues[other].at = l->queues[other].end;
  if (events & (POLLIN | POLLRDHUP | POLLHUP | POLLERR) && !l->stalled[other]) take_in(l, other);
  if (l->halves[way] == OPEN) hand_on(l, way);
  if (l->halves[other] == OPEN) hand_on(l, other);
}

static void step(void) {
  struct pollfd fds[2 * LINKS + LISTENERS + 1];
  struct link *links[2 * LINKS];
  enum wire_way ways[2 * LINKS];
  int timeout = -1, count = collect(fds, links, ways, &timeout), all = count;
  for (int i = 0; i < LISTENERS && !proxy.refusing; i++) fds[all++] = (struct pollfd){proxy.listeners[i], POLLIN, 0};
  fds[all++] = (struct pollfd){proxy.control, POLLIN, 0};
  if (poll(fds, (nfds_t)all, timeout) < 0 && errno != EINTR) die("poll");
  for (int i = 0; i < count; i++) serve(links[i], ways[i], fds[i].revents);
  for (int i = count; i < all - 1; i++)
    if (fds[i].revents && !proxy.refusing) accept_link(fds[i].fd);
  if (fds[all - 1].revents) obey();
  for (int i = 0; i < LINKS; i++) {
    struct link *l = proxy.links[i];
    if (l && l->rival && l->halves[WIRE_TO_SERVER] == GONE) ask_rival(l);
    if (!l || l->halves[0] != GONE || l->halves[1] != GONE) continue;
    free(l);
    proxy.links[i] = NULL;
  }
  if (proxy.reporting && has_settled()) report();
}

/* ---- what the test calls */

void wire_start(struct wire *w, const char *server, const char *path) {
  int control[2], rival[2];
  snprintf(proxy.server, sizeof proxy.server, "%s", server);
  snprintf(proxy.path, sizeof proxy.path, "%s", path);
  for (int i = 0; i < LISTENERS; i++) proxy.listeners[i] = -1;
  listen_again();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) ||
      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rival))
    die("socketpair");
  fflush(NULL);
  w->pid = fork();
  if (w->pid < 0) die("fork");
  if (w->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_IGN); /* it ends when the test does */
    close(control[0]);
    close(rival[0]);
    proxy.control = control[1];
    proxy.rival = rival[1];
    for (;;) step();
  }
  for (int i = 0; i < LISTENERS; i++) close(proxy.listeners[i]);
  close(control[1]);
  close(rival[1]);
  w->control = control[0];
  w->rival = rival[0];
  w->port = proxy.port;
  snprintf(w->path, sizeof w->path, "%s", path);
}

void wire_stop(struct wire *w) {
  kill(w->pid, SIGKILL);
  waitpid(w->pid, NULL, 0);
  close(w->control);
  close(w->rival);
}

/* The proxy's answer. */
static struct wire_report hear(struct wire *w) {
  struct wire_report seen;
  if (recv(w->control, &seen, sizeof seen, 0) != sizeof seen) die("it has ended");
  return seen;
}

void wire_arm(struct wire *w, const struct wire_plan *plan) {
  static const struct wire_plan none;
  if (send(w->control, plan ? plan : &none, sizeof none, MSG_NOSIGNAL) < 0) die("arming");
  hear(w);
}

void wire_say(struct wire *w, const char *text, size_t size) {
  struct wire_plan plan = {.now = true, .text_size = size};
  memcpy(plan.text, text, size);
  wire_arm(w, &plan);
}

struct wire_report wire_report(struct wire *w) {
  char byte = 0;
  if (send(w->control, &byte, 1, MSG_NOSIGNAL) != 1) die("reporting");
  return hear(w);
}

bool wire_at_rival(const struct wire *w) {
  char byte;
  return recv(w->rival, &byte, 1, 0) == 1;
}

void wire_go_on(const struct wire *w) {
  char byte = 0;
  if (send(w->rival, &byte, 1, MSG_NOSIGNAL) != 1) die("the rival");
}
