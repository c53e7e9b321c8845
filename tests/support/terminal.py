# SPDX-License-Identifier: MIT
#
# Runs a program on a terminal of its own, types, and waits for what it answers.  The file that it is given has, as
# JSON: `words`, `environment`, `rows` and `columns`; `steps`, each with `send` (keys), `expect` (text that must come
# then; left out: the end) and `pause` (seconds before).  It prints, as JSON, `answers`, what came after each step, and
# `code`, the exit code, or the signal as a negative number.  What does not come in time ends it with a message.

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60  # seconds: machines are slow


def start(talk):
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.environ.update(talk["environment"])
        os.execvp(talk["words"][0], talk["words"])
    size = struct.pack("HHHH", talk["rows"], talk["columns"], 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    return pid, terminal


def read(terminal, seconds):
    """Bytes, b"" where there are none yet, None at the end."""
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:  # the last one who had it open has gone
        return None


def answer(terminal, expected):
    got, end = b"", time.monotonic() + PATIENCE
    while expected is None or expected not in got:
        piece = read(terminal, 0.2)
        if piece is None:
            if expected is None:
                return got
            sys.exit("the program ended without %r; it said %r" % (expected, got))
        got += piece
        if time.monotonic() > end:
            sys.exit("no %r within %d s; there was %r" % (expected, PATIENCE, got))
    return got


def code_of(pid):
    _, status = os.waitpid(pid, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        talk = json.load(file)
    pid, terminal = start(talk)
    try:
        answers = []
        for step in talk["steps"]:
            time.sleep(step.get("pause", 0))
            os.write(terminal, step.get("send", "").encode())
            expected = step["expect"].encode() if "expect" in step else None
            answers.append(answer(terminal, expected).decode("utf-8", "replace"))
        code = code_of(pid)
        pid = None
        json.dump({"answers": answers, "code": code}, sys.stdout)
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)


main()
