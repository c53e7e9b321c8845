#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A server that speaks Redis' protocol, badly.

    hostile_redis.py

Listens on 127.0.0.1 and a free port, which it prints.  What is wrong with it is said by the user of each connection:
"AUTH silence PASSWORD" gives one that never answers.  "AUTH late-silence PASSWORD" is answered well, and so is INFO;
what comes afterwards is not.
"""
import os
import socket
import sys
import threading
import time

HUGE = 1 << 40


def read_commands(connection):
    """Yields lists of all commands that have come."""
    text = b""
    while True:
        data = connection.recv(1 << 16)
        if not data:
            return
        text += data
        commands = []
        while True:
            command, rest = parse(text)
            if command is None:
                break
            commands.append(command)
            text = rest
        if commands:
            yield commands


def parse(text):
    """The first command of a text, and what follows; None: it is not whole."""
    if not text.startswith(b"*") or b"\r\n" not in text:
        return None, text
    head, rest = text.split(b"\r\n", 1)
    words = []
    for _ in range(int(head[1:])):
        if b"\r\n" not in rest:
            return None, text
        head, rest = rest.split(b"\r\n", 1)
        size = int(head[1:])
        if len(rest) < size + 2:
            return None, text
        words.append(rest[:size])
        rest = rest[size + 2:]
    return words, rest


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text)


def array(*items):
    return b"*%d\r\n%s" % (len(items), b"".join(items))


def drip(connection, text, seconds):
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(seconds)


# What each command is answered, where that is always the same.
ANSWERS = {
    "hugebulk": b"$2147483647\r\n" + b"x" * 1000,
    "hugebulk2": b"$9223372036854775807\r\nx",
    "negbulk": b"$-5\r\n",
    "hugearray": b"*1000000000\r\n" + b":1\r\n" * 1000,
    "hugenested": b"*1000\r\n" + b"*1000000\r\n" * 5,
    "nest": b"*1\r\n" * 100000,
    "ok": b"+OK\r\n",
    "int": b":7\r\n",
    "negint": b":-7\r\n",
    "nil": b"$-1\r\n",
    "nilarray": b"*-1\r\n",
    "emptyarray": b"*0\r\n",
    "value": bulk(b'{"a":1}'),
    "garbage": bulk(b"\xff\x00{"),
    "error": b"-ERR " + b"A" * 3000 + b"\r\n",
    "moved": b"-MOVED 99999999 1.2.3.4:99999999\r\n",
    "moved2": b"-MOVED 5 127.0.0.1:1\r\n",
    "ask": b"-ASK 5 :1\r\n",
    "loading": b"-LOADING Redis is loading\r\n",
    "noperm": b"-NOPERM no\r\n",
    "binary": b"-ERR \x00\xff\xfe%s%n%n\r\n",
    "extra": b"+OK\r\n" * 5,
    "extravalue": bulk(b"1") + bulk(b"2"),
    "nestscan": array(bulk(b"0"), array(array(b":1\r\n"))),
    "scanloop": array(bulk(b"5"), b"*0\r\n"),
    "scanbig": array(bulk(b"0"), array(bulk(b"abc"), b"$-1\r\n")),
    "slots": array(array(b":0\r\n", b":16383\r\n", array(bulk(b"h" * 250), b":0\r\n"))),
    "map": b"%1\r\n+a\r\n:1\r\n",
    "push": b">2\r\n+a\r\n:1\r\n",
}


class Scan:
    """Answers SCAN with keys that never end, in one way or another; other commands as a server with one value."""

    def __init__(self, mode):
        self.mode = mode
        self.cursor = 0

    def honest_scan(self, pattern):
        """60,000 keys, slowly; every tenth matches."""
        time.sleep(0.03)
        keys = [pattern + b"%d" % (200 * self.cursor + i) for i in range(200)]
        self.cursor = (self.cursor + 1) % 30
        return array(bulk(b"%d" % self.cursor), array(*map(bulk, keys)))

    def scan(self, pattern):
        if self.mode == "scanhonest":
            return self.honest_scan(pattern)
        self.cursor += 1
        cursor, keys, mode = self.cursor, [], self.mode
        if mode == "scanslow":
            time.sleep(0.05)
        elif mode == "scanstall" and cursor > 3:
            time.sleep(60)
        elif mode == "scancycle":
            cursor = 5 + cursor % 2
        elif mode in ("scankeys", "scanhuge", "scannosize"):
            keys = [pattern + b"%d-%d" % (cursor, i) for i in range(2000)]
        elif mode == "scanstuck":
            cursor = 5
        elif mode == "scansame":
            keys = [pattern + b"same"] * 2000
        return array(bulk(b"%d" % cursor), array(*map(bulk, keys)))

    def __call__(self, command):
        name = command[0].upper()
        if name == b"SCAN":
            return self.scan(command[3][:-1])
        if name == b"DBSIZE":
            if self.mode == "scannosize":
                return b"-NOPERM no\r\n"
            sizes = {"scanhuge": HUGE, "scanstall": HUGE, "scanhonest": 60000}
            return b":%d\r\n" % sizes.get(self.mode, 100)
        if name == b"MGET":
            return array(*[bulk(b"1")] * (len(command) - 1))
        if name == b"EXEC":
            return array(b"+OK\r\n")
        if name == b"GET":
            return bulk(b"1")
        return b":1\r\n" if name in (b"DEL", b"EXISTS", b"EVAL") else b"+OK\r\n"


class Connection:
    away = False

    def __init__(self, connection):
        self.connection = connection
        self.mode = "silence"
        self.scan = None

    def removeonce(self, command):
        """600 keys, of which the first DEL is answered; then the server is away."""
        name = command[0].upper()
        if name == b"SCAN":
            keys = [bulk(command[3][:-1] + b"%d" % i) for i in range(600)]
            return self.connection.sendall(array(bulk(b"0"), array(*keys)))
        if name != b"DEL":
            return self.connection.sendall(b":600\r\n")
        Connection.away = True
        self.connection.sendall(b":%d\r\n" % (len(command) - 1))
        return self.connection.close()

    def serve(self):
        for commands in read_commands(self.connection):
            for command in commands:
                self.answer(command)

    def answer(self, command):
        name, mode = command[0].upper(), self.mode
        if name == b"AUTH":
            self.mode = mode = command[1].decode()
        if mode.endswith("removeonce") and Connection.away:
            return self.connection.close()
        is_own = len(command) > 1 and command[1].startswith(b"%holdfast:")
        if is_own and mode.startswith(("late-", "scan")):  # it follows nothing, and keeps no log
            return self.connection.sendall(b":0\r\n" if name == b"HEXISTS" else b"$-1\r\n")
        if mode.startswith("late-"):
            if name == b"AUTH":
                return self.connection.sendall(b"+OK\r\n")
            if name == b"INFO":
                return self.connection.sendall(b"-NOPERM no\r\n")
            mode = mode[5:]
        if mode in ANSWERS:
            return self.connection.sendall(ANSWERS[mode])
        if mode.startswith("scan"):
            self.scan = self.scan or Scan(mode)
            return self.connection.sendall(self.scan(command))
        return getattr(self, mode)(command)

    def random(self, _):
        self.connection.sendall(os.urandom(200))

    def drip(self, _):
        drip(self.connection, b"+OK\r\n" * 50, 0.1)

    def dripbulk(self, _):
        self.connection.sendall(b"$100000\r\n")
        drip(self.connection, b"x" * 100000, 0.05)

    def driparray(self, _):
        self.connection.sendall(b"*100000\r\n")
        drip(self.connection, b":1\r\n" * 100000, 0.05)

    def silence(self, _):
        time.sleep(60)

    def close(self, _):
        self.connection.close()

    def flood(self, _):
        while True:
            self.connection.sendall(b"+OK\r\n" * 10000)

    def line(self, _):
        while True:
            self.connection.sendall(b"+" + b"x" * 100000)

    def echo(self, command):
        words = b" ".join(command).replace(b"\r", b"").replace(b"\n", b"")
        self.connection.sendall(b"-ERR unknown command, with args beginning with: " + words + b"\r\n")


def handle(connection):
    try:
        Connection(connection).serve()
    except OSError:
        pass
    finally:
        connection.close()


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    print("ready", listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
