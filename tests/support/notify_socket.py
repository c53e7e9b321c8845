#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What systemd is to a service of Type=notify: the socket, and a watchdog.

    notify_socket.py NAME LOG [--deaf]
    notify_socket.py NAME LOG --supervise SECONDS TIMES COMMAND...

Takes what comes at the socket NAME, a path or "@" and an abstract name, and writes it to LOG, a line of JSON for each
datagram.  Prints "ready" when it listens.  --deaf: it reads nothing.  --supervise: starts COMMAND with NOTIFY_SOCKET;
once READY=1 has come and no WATCHDOG=1 for so many seconds, kills it and starts it again, so many times at most.  Ends
when the command has ended by itself, with its status.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time


def listen(name):
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind("\0" + name[1:] if name.startswith("@") else name)
    print("ready", flush=True)
    return receiver


class Log:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")

    def note(self, **fields):
        self.file.write(json.dumps({"at": time.time(), **fields}) + "\n")
        self.file.flush()


def take(receiver, log, seconds):
    """The lines of the next datagram; none: nothing came in time."""
    receiver.settimeout(seconds)
    try:
        text = receiver.recv(65536).decode()
    except TimeoutError:
        return []
    log.note(text=text)
    return text.split("\n")


def watch(child, receiver, log, seconds):
    """Until the child has ended (its status), or stands still (None)."""
    alive = None
    while child.poll() is None:
        lines = take(receiver, log, 0.05)
        if "READY=1" in lines or "WATCHDOG=1" in lines:
            alive = time.monotonic()
        if alive and time.monotonic() - alive > seconds:
            return None
    while take(receiver, log, 0.05):
        pass
    return child.returncode


def supervise(name, receiver, log, seconds, times, command):
    for _ in range(times):
        child = subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": name})
        status = watch(child, receiver, log, seconds)
        if status is not None:
            return status
        log.note(killed=child.pid)
        child.send_signal(signal.SIGKILL)
        child.wait()
    return 99


def main():
    name, log = sys.argv[1], Log(sys.argv[2])
    receiver = listen(name)
    how = sys.argv[3] if len(sys.argv) > 3 else ""
    if how == "--supervise":
        return supervise(name, receiver, log, float(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])
    while True:
        if how == "--deaf":
            time.sleep(60)
        else:
            take(receiver, log, 60)


if __name__ == "__main__":
    sys.exit(main())
