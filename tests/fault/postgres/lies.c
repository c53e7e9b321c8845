/* SPDX-License-Identifier: MIT
 *
 * A PostgreSQL that drips, stalls, floods and lies; wire/lies.c does the work.  A message is a letter, four bytes of
 * its length, which counts itself, and what it says.
 */
#include "fault/wire/lies.h"
#include "fault/postgres/judge.h"

#define READY "Z\0\0\0\5I"
#define BOUND                                                                                                          \
  "1\0\0\0\4"                                                                                                          \
  "2\0\0\0\4"
#define ROWS                                                                                                           \
  "T\0\0\0\x1d\0\1"                                                                                                    \
  "data\0"                                                                                                             \
  "\0\0\0\0"                                                                                                           \
  "\0\0"                                                                                                               \
  "\0\0\0\x19"                                                                                                         \
  "\xff\xff"                                                                                                           \
  "\xff\xff\xff\xff"                                                                                                   \
  "\0\0"

static const struct wire_lie lies[] = {
    WIRE_LIE("silence", ""),
    WIRE_LIE("another protocol", "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"),
    WIRE_LIE("no protocol", "\0\1\2\3\xff\xfe\r\n"),
    WIRE_LIE("only that it is ready", READY),
    WIRE_LIE("a message that is unknown", "!\0\0\0\5x" READY),
    WIRE_LIE("a message of a length below its own", "D\0\0\0\1" READY),
    WIRE_LIE("a message of two GB", "D\x7f\xff\xff\xff\0\1\0\0\0\1x"),
    WIRE_LIE("a message that is cut", "D\0\0\0\xff\0\1\0\0\0\1x"),
    WIRE_LIE("rows before their description", BOUND "D\0\0\0\x0b\0\1\0\0\0\1"
                                                    "1"
                                                    "C\0\0\0\x0dSELECT 1\0" READY),
    WIRE_LIE("a row of too many fields", BOUND ROWS "D\0\0\0\x0b\0\7\0\0\0\1"
                                                    "1"
                                                    "C\0\0\0\x0dSELECT 1\0" READY),
    WIRE_LIE("a field of a length below 0", BOUND ROWS "D\0\0\0\x0b\0\1\xff\0\0\1"
                                                       "1"
                                                       "C\0\0\0\x0dSELECT 1\0" READY),
    WIRE_LIE("a field longer than its row", BOUND ROWS "D\0\0\0\x0b\0\1\0\0\1\1"
                                                       "1"
                                                       "C\0\0\0\x0dSELECT 1\0" READY),
    WIRE_LIE("a row", "D\0\0\0\x0b\0\1\0\0\0\1"
                      "1"),
    WIRE_LIE("a description of rows", ROWS),
    WIRE_KNOWN_LIE("that a command is done, which returns nothing", BOUND "C\0\0\0\x0dSELECT 0\0" READY),
    WIRE_KNOWN_LIE("that a removal is done, of how many it does not say", BOUND "C\0\0\0\x0b"
                                                                                "DELETE\0" READY),
    WIRE_LIE("that a command is done, and another", BOUND "C\0\0\0\x0dSELECT 0\0"
                                                          "C\0\0\0\x0dSELECT 0\0" READY),
    WIRE_LIE("that it was asked nothing", "I\0\0\0\4" READY),
    WIRE_LIE("that it waits for data", "G\0\0\0\7\0\0\0" READY),
    WIRE_LIE("that it sends data", "H\0\0\0\7\0\0\0" READY),
    WIRE_LIE("that both send data", "W\0\0\0\7\0\0\0" READY),
    WIRE_LIE("that there is more", "s\0\0\0\4" READY),
    WIRE_BELIEVABLE("a value", BOUND ROWS "D\0\0\0\x11\0\1\0\0\0\7"
                                          "\"stale\""
                                          "C\0\0\0\x0dSELECT 1\0" READY),
    WIRE_BELIEVABLE("an error", "E\0\0\0\x22SERROR\0"
                                "C23505\0"
                                "Mno such thing\0"
                                "\0" READY),
    WIRE_KNOWN_LIE("an error without a word", "E\0\0\0\5\0" READY),
    WIRE_LIE("an error that is cut", "E\0\0\1\0SERROR\0"),
    WIRE_LIE("a notice", "N\0\0\0\x13SNOTICE\0"
                         "Mwell\0"
                         "\0"),
    WIRE_LIE("a notification", "A\0\0\0\x0c\0\0\0\1a\0b\0"),
    WIRE_LIE("a setting", "S\0\0\0\x0dname\0"
                          "val\0"),
    WIRE_LIE("that it wants to know who we are", "R\0\0\0\x08\0\0\0\5"),
    WIRE_KNOWN_LIE("that it wants a way in that is unknown", "R\0\0\0\x08\0\0\0\x63"),
    {NULL, NULL, 0, false, false},
};

int main(int argc, char **argv) { return wire_lies(argc, argv, &postgres_judge, lies); }
