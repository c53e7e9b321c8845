/* SPDX-License-Identifier: MIT
 *
 * A Redis that drips, stalls, floods and lies; wire/lies.c does the work.
 */
#include "fault/wire/lies.h"
#include "fault/redis/judge.h"

static const struct wire_lie lies[] = {
    WIRE_LIE("silence", ""),
    WIRE_LIE("another protocol", "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"),
    WIRE_LIE("no protocol", "\0\1\2\3\xff\xfe\r\n"),
    WIRE_LIE("an endless line", "+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    WIRE_LIE("a huge text", "$2147483647\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    WIRE_LIE("a text of 400 MB", "$400000000\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    WIRE_LIE("a text of a size below 0", "$-5\r\n"),
    WIRE_LIE("a text that is longer than it says", "$1\r\nabc\r\n"),
    WIRE_LIE("a text that is cut", "$10\r\nabc"),
    WIRE_LIE("a huge array", "*1000000000\r\n:1\r\n"),
    WIRE_LIE("arrays in arrays", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"),
    WIRE_LIE("a number that is none", ":abc\r\n"),
    WIRE_BELIEVABLE("a nil", "$-1\r\n"),
    WIRE_BELIEVABLE("an OK", "+OK\r\n"),
    WIRE_BELIEVABLE("a number", ":1\r\n"),
    WIRE_BELIEVABLE("a large number", ":9223372036854775807\r\n"),
    WIRE_BELIEVABLE("an empty array", "*0\r\n"),
    WIRE_BELIEVABLE("an array of a text", "*1\r\n$1\r\n1\r\n"),
    WIRE_BELIEVABLE("a value", "$7\r\n{\"a\":1}\r\n"),
    WIRE_BELIEVABLE("a text that is no JSON", "$4\r\n\xff{x,\r\n"),
    WIRE_BELIEVABLE("an error", "-ERR no\r\n"),
    WIRE_BELIEVABLE("an error that passes", "-LOADING Redis is loading\r\n"),
    WIRE_BELIEVABLE("a redirection", "-MOVED 5 127.0.0.1:1\r\n"),
    WIRE_LIE("a map", "%1\r\n+a\r\n:1\r\n"),
    WIRE_LIE("a push", ">2\r\n+a\r\n:1\r\n"),
    {NULL, NULL, 0, false, false},
};

int main(int argc, char **argv) { return wire_lies(argc, argv, &redis_judge, lies); }
