/* SPDX-License-Identifier: MIT
 *
 * A proxy between a client and a server that harms what it hands on: it cuts, stalls, drips, or says something else, at
 * a byte that the test chooses.
 *
 * It is a process of its own, so that what the test's process has open and how much memory it needs is the client's
 * alone.  It listens on a port of 127.0.0.1 and on a unix socket, and knows no protocol: bytes are counted in each
 * direction since the last wire_arm(), and the fault happens after exactly so many.
 *
 * When a connection was cut, its half towards the server is ended in an orderly way and read to its end, so that
 * wire_report() returns when the server has done whatever it is going to do with what it was sent.
 */
#ifndef HF_TESTS_FAULT_WIRE_PROXY_H
#define HF_TESTS_FAULT_WIRE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In which direction bytes go. */
enum wire_way { WIRE_TO_SERVER, WIRE_TO_CLIENT, WIRE_WAYS };

/* What happens after so many bytes. */
enum wire_fault {
  WIRE_NOTHING,
  WIRE_CLOSE, /* the client is sent FIN */
  WIRE_RESET, /* the client is sent RST */
  WIRE_STALL, /* nothing goes on in that direction */
  WIRE_DRIP,  /* what is left goes on a byte at a time */
  WIRE_SAY,   /* to the client: `text`, in place of what the server says from there on */
  WIRE_ADD,   /* to the client: `text`, and what the server says after it */
  WIRE_FLOOD, /* to the client: `text` again and again, without end */
  WIRE_TWICE, /* to the client: the piece of bytes that follows comes twice */
  WIRE_SPOIL  /* the byte that follows is text[0] */
};

enum { WIRE_TEXT_MAX = 4000 };

/* What is to happen once, or with `again` on each connection, each of which then counts its own bytes. */
struct wire_plan {
  enum wire_way way;
  enum wire_fault fault;
  uint64_t at;      /* after so many bytes */
  bool hold;        /* cuts: the bytes that came together with the last one are not handed on */
  bool again;       /* on each connection */
  bool refuse;      /* no connection is accepted afterwards */
  bool rival;       /* cuts: wire_at_rival() before the client hears of it, and after the server has settled */
  bool now;         /* no plan: clients are told `text` at once */
  unsigned pace_us; /* drips: between two bytes */
  size_t text_size; /* cuts: what the client sends with each write, which is counted */
  char text[WIRE_TEXT_MAX];
};

/* What was seen since the plan was armed. */
struct wire_report {
  uint64_t bytes[WIRE_WAYS]; /* handed on */
  unsigned fired;            /* how often the fault has happened */
  unsigned connections;      /* made */
  unsigned open;             /* now */
  unsigned sent;             /* cuts: how often clients have sent `text`, whether it was handed on or not */
  unsigned sent_before;      /* and until the rival came */
};

/* A proxy that runs. */
struct wire {
  pid_t pid;
  int control, rival; /* sockets to it */
  int port;           /* of 127.0.0.1 */
  char path[108];     /* of its unix socket */
};

/* Starts a proxy before the unix socket `server`; its own is `path`.  Ends the test where it cannot. */
void wire_start(struct wire *w, const char *server, const char *path);
/* Ends it. */
void wire_stop(struct wire *w);
/* Sets what is to happen from now on, and counts from 0; connections that are open stay so.  NULL: nothing is. */
void wire_arm(struct wire *w, const struct wire_plan *plan);
/* Tells every client `text` at once, when it returns; the plan stays. */
void wire_say(struct wire *w, const char *text, size_t size);
/* Waits until the server has settled with all connections that have ended, and says what was seen. */
struct wire_report wire_report(struct wire *w);
/* Waits for a cut of a plan with `rival`.  False: the proxy has ended.  The client hears of the cut after
 * wire_go_on(). */
bool wire_at_rival(const struct wire *w);
void wire_go_on(const struct wire *w);

#endif
