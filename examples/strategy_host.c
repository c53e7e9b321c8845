/* SPDX-License-Identifier: MIT
 *
 * A trading program in C that embeds the strategy host.  The program owns the loop, the time and the market; a script
 * defines the strategies and where their state is kept (strategy_host.lua); each event goes into the program's own
 * journal, exactly once, whenever and however often the program is killed.
 *
 *     cc strategy_host.c $(pkg-config --cflags --libs holdfast luajit) -o strategy_host
 *     ./strategy_host strategy_host.lua candles.csv ./state
 *
 * The market is a file of one-minute candles, replayed at a chosen speed.  With a real one, the timer below is that of
 * the wall clock, the socket of the exchange is one more descriptor in poll(), and the candles that went by while the
 * program did not run come from the exchange's history.
 *
 * How an event gets into the journal exactly once.  The host makes it durable in one step with what it tells of, and
 * keeps it until its listener has returned.  The listener is a C function: it appends the event to the journal and
 * flushes it, and only then returns.  That is why lua.h is here: events that the program fetched after the clock was
 * moved would count as delivered before it has them.  A process that is killed before the host has noted that an
 * event was acknowledged is followed by one that gets it again; the id is the same, so the journal knows it and leaves
 * it out.
 *
 * The journal (BASE/journal.jsonl) has a line for each event, and one for each minute that was begun.  The last minute
 * is begun again after a start, since nobody knows how far it came; what the host did in it already it does not do
 * twice.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* tdestroy */
#endif
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <holdfast/holdfast.h>
#include <inttypes.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MINUTE INT64_C(60000) /* all times are milliseconds since the epoch */
#define HISTORY 120           /* minutes that strategies may look back on when the first one begins */
#define KEEP 1440             /* minutes that they may look back on later */
#define SYMBOL "BTCUSDT"      /* with several, push the candles of all before the clock is moved */

/* Says what went wrong; 1, for exit codes. */
__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("strategy_host: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  return 1;
}

static int fail_lua(const char *doing, const hf_error *err) {
  fail("%s: %s: %s", doing, hf_status_name(err->status), err->message);
  if (*err->cause) fprintf(stderr, "%s\n", err->cause);
  return 1;
}

/* ----------------------------------------------------------------- journal */

/* A line is {"minute":MS} or {"id":"...","event":{...}}. */
struct journal {
  int fd;
  hf_lock *lock;  /* to be the only one that writes it */
  void *ids;      /* of all events in it, as JSON text: a tree of tsearch().  A program that runs for years keeps those
                   * of the last days: an event comes again only until the next one of its strategy and symbol */
  int64_t minute; /* the last one that was begun; 0: none */
};

static int compare_ids(const void *a, const void *b) { return strcmp(a, b); }

static bool journal_has(const struct journal *j, const char *id) { return tfind(id, &j->ids, compare_ids) != NULL; }

static bool journal_add_id(struct journal *j, const char *id, size_t size) {
  char *copy = strndup(id, size);
  char **found = copy ? tsearch(copy, &j->ids, compare_ids) : NULL;
  if (found && *found == copy) return true;
  free(copy);
  return found != NULL;
}

/* Adds a line; when this returns true, a power cut does not take it away. */
__attribute__((format(printf, 2, 3))) static bool journal_append(const struct journal *j, const char *format, ...) {
  va_list args;
  va_start(args, format);
  bool ok = vdprintf(j->fd, format, args) >= 0 && fdatasync(j->fd) == 0;
  va_end(args);
  if (!ok) fail("the journal cannot be written: %s", strerror(errno));
  return ok;
}

/* Learns what a line says; false if it is none of ours. */
static bool journal_learn(struct journal *j, const char *line) {
  static const char minute[] = "{\"minute\":";
  if (strncmp(line, minute, strlen(minute)) == 0) {
    char *end;
    j->minute = strtoll(line + strlen(minute), &end, 10);
    return j->minute > 0 && strcmp(end, "}\n") == 0;
  }
  if (strncmp(line, "{\"id\":\"", 7) != 0) return false;
  const char *id = line + 6, *p = id + 1;
  while (*p && *p != '"') p += *p == '\\' && p[1] ? 2 : 1;
  return *p && journal_add_id(j, id, (size_t)(p + 1 - id));
}

/* Reads what earlier processes left, and cuts off a line that one of them did not finish. */
static int journal_read(struct journal *j, const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) return fail("%s: %s", path, strerror(errno));
  char *line = NULL;
  size_t capacity = 0;
  ssize_t size;
  off_t whole = 0;
  int failed = 0;
  while (!failed && (size = getline(&line, &capacity, file)) > 0 && line[size - 1] == '\n') {
    if (!journal_learn(j, line)) failed = fail("%s: this is no line of a journal: %s", path, line);
    whole += size;
  }
  if (!failed && (ferror(file) || ftruncate(j->fd, whole))) failed = fail("%s: %s", path, strerror(errno));
  free(line);
  fclose(file);
  return failed;
}

/* Opens the journal of a folder, which is made where it is missing; for one process at a time.  It waits a second for
 * another one: while a process that was killed has just begun to start a third one, that one still has its lock. */
static int journal_open(struct journal *j, const char *base) {
  char path[4096], lock[4096 + 8];
  hf_error err;
  if (snprintf(path, sizeof path, "%s/journal.jsonl", base) >= (int)sizeof path) return fail("%s is too long", base);
  snprintf(lock, sizeof lock, "%s.lock", path);
  if (hf_lock_acquire(lock, "strategy_host", 1000, &j->lock, &err)) return fail_lua(base, &err);
  j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (j->fd < 0) return fail("%s cannot be opened: %s", path, strerror(errno));
  int folder = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the name of a new file is in its folder */
  if (folder < 0 || fsync(folder)) fail("%s cannot be flushed: %s", base, strerror(errno));
  if (folder >= 0) close(folder);
  return journal_read(j, path);
}

static void journal_close(struct journal *j) {
  tdestroy(j->ids, free);
  if (j->fd >= 0) close(j->fd);
  hf_lock_release(j->lock);
}

/* ------------------------------------------------------------------ market */

struct candle {
  int64_t timestamp; /* its first millisecond; it is over a minute later */
  double open, high, low, close, volume;
};

struct market {
  const char *path;
  FILE *file;
  long number; /* of the line */
  char *line;
  size_t capacity;
  struct candle next; /* what the market does next */
  bool ended;         /* nothing any more */
};

/* Takes a time and five numbers out of a line.  Whether they make a candle is for the host to say. */
static bool parse_candle(const char *line, struct candle *c) {
  double *const fields[] = {&c->open, &c->high, &c->low, &c->close, &c->volume};
  char *end;
  c->timestamp = strtoll(line, &end, 10);
  if (end == line || c->timestamp < 0 || c->timestamp > INT64_C(1) << 53) return false;
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (*end != ',') return false;
    const char *from = end + 1;
    *fields[i] = strtod(from, &end);
    if (end == from) return false;
  }
  return end[strspn(end, " \t\r\n")] == '\0';
}

/* Reads the next candle. */
static int market_step(struct market *m) {
  do {
    errno = 0;
    m->number++;
    if (getline(&m->line, &m->capacity, m->file) < 0) {
      m->ended = true;
      return ferror(m->file) ? fail("%s: %s", m->path, strerror(errno)) : 0;
    }
  } while (m->line[strspn(m->line, " \t\r\n")] == '\0');
  if (parse_candle(m->line, &m->next)) return 0;
  m->line[strcspn(m->line, "\r\n")] = '\0';
  return fail("%s:%ld: a candle is a time in milliseconds and five numbers, not %s", m->path, m->number, m->line);
}

static int market_open(struct market *m, const char *path) {
  static const char columns[] = "timestamp,open,high,low,close,volume";
  m->path = path;
  m->file = fopen(path, "re");
  if (!m->file) return fail("%s: %s", path, strerror(errno));
  m->number = 1;
  if (getline(&m->line, &m->capacity, m->file) < 0 || strncmp(m->line, columns, strlen(columns)) != 0)
    return fail("%s:1: the columns must be %s", path, columns);
  return market_step(m);
}

static void market_close(struct market *m) {
  free(m->line);
  if (m->file) fclose(m->file);
}

/* ----------------------------------------------------------------- program */

struct program {
  struct journal journal;
  struct market market;
  hf_runtime *lua;
  double speed; /* times that of the world; 0: as fast as it goes */
};

/* The listener: (id, event, again), the first two as JSON text.  Whatever is done about an event is done here, under
 * its id: the journal stands for an order that is sent with the id as its client order id.  The host has no other way
 * to hear that this failed than the end of the process: it goes on as after a crash, and tells it again. */
static int on_event(lua_State *L) {
  struct journal *j = lua_touserdata(L, lua_upvalueindex(1));
  const char *id = luaL_checkstring(L, 1), *event = luaL_checkstring(L, 2);
  bool again = lua_toboolean(L, 3);
  if (journal_has(j, id)) {
    printf("known %s\n", id);
    return 0;
  }
  if (!journal_append(j, "{\"id\":%s,\"event\":%s}\n", id, event) || !journal_add_id(j, id, strlen(id))) _exit(1);
  printf("%s %s %s\n", again ? "missed" : "event", id, event); /* missed: it happened, and then a process was killed */
  return 0;
}

/* In a protected call, since each of these may raise. */
static int give_listener(lua_State *L) {
  lua_pushcclosure(L, on_event, 1); /* with the argument, which is the journal */
  lua_setglobal(L, "on_event");
  return 0;
}

static int add_listener(struct program *p) {
  static const char code[] = "require('holdfast.host.embed').listen(on_event); on_event = nil";
  hf_error err;
  if (lua_cpcall(hf_runtime_state(p->lua), give_listener, &p->journal)) return fail("Lua ran out of memory");
  return hf_runtime_run_text(p->lua, hf_text(code), "=strategy_host", &err) ? fail_lua("listen", &err) : 0;
}

/* Calls a function of holdfast.host.embed; the format makes its arguments, a JSON array. */
__attribute__((format(printf, 4, 5))) static hf_status call(struct program *p, const char *function, hf_error *err,
                                                            const char *format, ...) {
  char name[64], arguments[512];
  va_list args;
  va_start(args, format);
  snprintf(name, sizeof name, "holdfast.host.embed:%s", function);
  vsnprintf(arguments, sizeof arguments, format, args);
  va_end(args);
  return hf_runtime_call(p->lua, name, hf_text(arguments), NULL, err);
}

/* Hands the market's candle to the host. */
static int push(struct program *p) {
  const struct candle *c = &p->market.next;
  hf_error err;
  if (!call(p, "push", &err,
            "[\"" SYMBOL "\",{\"timestamp\":%" PRId64 ",\"open\":%.17g,\"high\":%.17g,\"low\":%.17g,"
            "\"close\":%.17g,\"volume\":%.17g}]",
            c->timestamp, c->open, c->high, c->low, c->close, c->volume))
    return 0;
  return fail("%s:%ld: %s", p->market.path, p->market.number, err.message);
}

/* Lives through the minute that begins when the market's candle is over, and looks for the next candle. */
static int live_minute(struct program *p) {
  int64_t minute = p->market.next.timestamp + MINUTE;
  hf_error err;
  if (push(p) || !journal_append(&p->journal, "{\"minute\":%" PRId64 "}\n", minute)) return 1;
  if (call(p, "advance", &err, "[%" PRId64 "]", minute)) return fail_lua("advance", &err);
  return market_step(&p->market);
}

static const char *date(int64_t ms, char text[32]) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm tm;
  if (!gmtime_r(&seconds, &tm) || !strftime(text, 32, "%Y-%m-%dT%H:%MZ", &tm)) snprintf(text, 32, "%" PRId64, ms);
  return text;
}

/* Puts the clock where it was, or to the first minute, and hands over the candles before it. */
static int go_back(struct program *p) {
  struct market *m = &p->market;
  int64_t begun = p->journal.minute, minute = begun ? begun : m->next.timestamp + HISTORY * MINUTE;
  char text[32];
  hf_error err;
  if (m->ended) return fail("%s: there are no candles in it", m->path);
  if (call(p, "start", &err, "[%" PRId64 ",%d]", minute, KEEP)) return fail_lua("start", &err);
  while (!m->ended && m->next.timestamp < minute - MINUTE)
    if ((m->next.timestamp >= minute - KEEP * MINUTE && push(p)) || market_step(m)) return 1;
  if (!m->ended && m->next.timestamp == minute - MINUTE) {
    printf("%s at %s\n", begun ? "going on" : "beginning", date(minute, text));
    return 0;
  }
  date(minute - MINUTE, text);
  return begun ? fail("%s has no candle of %s, with which the journal goes on: give the file that it was begun with",
                      m->path, text)
               : fail("%s: %d candles are needed before the first minute, and the one of %s is missing", m->path,
                      HISTORY, text);
}

/* Runs the script, which registers stores and starts strategies, and prints what is open from last time. */
static int begin(struct program *p, const char *script, int argc, const char *const *argv) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  if (hf_runtime_open(&p->lua, &err)) return fail_lua("runtime", &err);
  if (add_listener(p) || go_back(p)) return 1;
  if (hf_runtime_run_file(p->lua, script, argc, argv, &err)) return fail_lua(script, &err);
  if (hf_runtime_call(p->lua, "holdfast.host.embed:restored", (hf_slice){NULL, 0}, &json, &err))
    return fail_lua("restored", &err);
  printf("restored %s\n", json.data);
  hf_buffer_free(&json);
  return 0;
}

/* The loop: minutes when the timer says so, until the market or a signal ends it. */
static int run(struct program *p, int signals, int timer) {
  struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = timer, .events = POLLIN}};
  uint64_t due = p->speed > 0 ? 0 : UINT64_MAX; /* minutes that have come and were not lived through */
  while (!p->market.ended) {
    if (poll(fds, 2, due ? 0 : -1) < 0 && errno != EINTR) return fail("poll: %s", strerror(errno));
    if (fds[0].revents) {
      printf("stopping: what is open is stored\n");
      return 0;
    }
    uint64_t expired;
    if (fds[1].revents && read(timer, &expired, sizeof expired) == sizeof expired) due += expired;
    if (!due) continue;
    due--;
    if (live_minute(p)) return 1;
  }
  printf("the candles end\n");
  return 0;
}

/* Makes what the loop waits for, and runs it. */
static int run_with_descriptors(struct program *p) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL); /* they come by the descriptor, between two minutes */
  int signals = signalfd(-1, &ends, SFD_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  int failed = signals < 0 || timer < 0 ? fail("signalfd, timerfd: %s", strerror(errno)) : 0;
  if (!failed && p->speed > 0) {
    int64_t ns = p->speed < 60e9 ? (int64_t)(60e9 / p->speed) : 1;
    struct timespec minute = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    if (timerfd_settime(timer, 0, &(struct itimerspec){minute, minute}, NULL)) failed = fail("%s", strerror(errno));
  }
  if (!failed) failed = run(p, signals, timer);
  if (timer >= 0) close(timer);
  if (signals >= 0) close(signals);
  return failed;
}

static int usage(void) {
  fputs("usage: strategy_host [--speed N] SCRIPT.lua CANDLES.csv BASE [ARGUMENT...]\n"
        "  --speed N  N times as fast as time, 0: as fast as it goes (60: a minute each second)\n"
        "  BASE       a folder, for the journal and for the script, which gets BASE and the ARGUMENTs\n",
        stderr);
  return 2;
}

int main(int argc, char **argv) {
  static const struct option options[] = {{"speed", required_argument, NULL, 's'}, {0}};
  struct program p = {.journal.fd = -1, .speed = 60};
  hf_error err;
  for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
    char *end;
    if (option != 's') return usage();
    p.speed = strtod(optarg, &end);
    if (end == optarg || *end || !(p.speed >= 0))
      return fail("--speed must be a number of at least 0, not '%s'", optarg), 2;
  }
  if (argc - optind < 3) return usage();
  const char *script = argv[optind],
             *candles = argv[optind + 1], *const *words = (const char *const *)argv + optind + 2;

  setvbuf(stdout, NULL, _IOLBF, 0);
  int failed = market_open(&p.market, candles) || journal_open(&p.journal, words[0]) ||
               begin(&p, script, argc - optind - 2, words) || run_with_descriptors(&p);
  if (!failed && call(&p, "stop", &err, "[]")) failed = fail_lua("stop", &err);
  hf_runtime_close(p.lua);
  journal_close(&p.journal);
  market_close(&p.market);
  return failed;
}
