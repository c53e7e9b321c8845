#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An exchange and a webhook's receiver over HTTP, which answers badly when it is told to.

    http_server.py FOLDER [CERTIFICATE KEY]

Listens on 127.0.0.1 and a free port, which it prints; with a certificate over TLS.  GET /klines gives candles as
Binance does, whose price depends on the minute only; POST /hook takes what comes.  Each request is a line of JSON in
FOLDER/requests.  FOLDER/faults has a line for each of the next requests, which says what to do instead:

    ok                  nothing
    429 [SECONDS]       too many requests; "429 date SECONDS": Retry-After as a date; "429": without Retry-After
    NUMBER              an error of that status
    garbage, empty, object, rows, text
                        200 with what are no candles
    echo                400 that repeats all headers that came
    slow SECONDS        the right answer, late
    drip SECONDS        the right answer, a byte each so many seconds
    hang                none, and the connection stays open
    half                the first half of the right answer, then the end of the connection
    close               the end of the connection
    flood               an answer without an end
    late                candles without the last one
    jump                the last candle far above the others

A first line "always ..." holds for all.
"""
import email.utils
import http.server
import json
import os
import ssl
import sys
import threading
import time
import urllib.parse

MINUTE = 60000
STEPS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480,
         "12h": 720, "1d": 1440}
FOLDER = sys.argv[1]
LOCK = threading.Lock()
BODIES = {
    "garbage": b"<html><body>down for maintenance</body></html>",
    "empty": b"",
    "object": b'{"code":-1121,"msg":"Invalid symbol."}',
    "rows": b'[[1707343380000,"44152.25"],["x"]]',
    "text": b'[[1707343380000,"44152.25","abc","1","1","1"]]',
}


def next_fault():
    """What to do with this request: the first line of the file, which goes, unless it holds for all."""
    path = os.path.join(FOLDER, "faults")
    with LOCK:
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            return ["ok"]
        if lines[0].startswith("always "):
            return lines[0].split()[1:]
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write("\n".join(lines[1:]))
        os.replace(path + ".new", path)
        return lines[0].split() or ["ok"]


def price_at(minute):
    """44000, and a wave of an hour around it."""
    return 44000 + 200 * abs(minute % 60 - 30) / 30


def candles(query):
    step = STEPS[query["interval"]] * MINUTE
    first = -(-int(query["startTime"]) // step) * step
    last = int(query["endTime"])
    rows = []
    while first <= last and len(rows) < int(query["limit"]):
        price = price_at(first // MINUTE)
        rows.append([first, f"{price:.2f}", f"{price + 5:.2f}", f"{price - 5:.2f}", f"{price:.2f}", "1.50000000",
                     first + step - 1])
        first += step
    return rows


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def note(self, fault, body):
        line = json.dumps({
            "at": time.time(), "method": self.command, "path": self.path, "headers": dict(self.headers.items()),
            "connection": self.client_address[1], "fault": " ".join(fault), "body": body.decode("utf-8", "replace"),
        })
        with LOCK, open(os.path.join(FOLDER, "requests"), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def send(self, status, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def end(self):
        self.close_connection = True
        self.connection.close()

    def right_answer(self, fault):
        if self.command == "POST":
            return b"{}"
        url = urllib.parse.urlsplit(self.path)
        rows = candles(dict(urllib.parse.parse_qsl(url.query)))
        if fault[0] == "jump" and rows:
            rows[-1][2] = rows[-1][4] = "45000.00"
        return json.dumps(rows[:-1] if fault[0] == "late" else rows).encode()

    def answer_429(self, fault):
        if fault[1:2] == ["date"]:
            when = email.utils.formatdate(time.time() + float(fault[2]), usegmt=True)
            return self.send(429, b"{}", [("Retry-After", when)])
        return self.send(429, b"{}", [("Retry-After", fault[1])] if len(fault) > 1 else [])

    def part(self, body, how_much):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:how_much])
        self.wfile.flush()

    def drip(self, body, seconds):
        self.part(body, 0)
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(seconds)

    def flood(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(b"[" * 65536)

    def misbehave(self, fault, body):
        kind = fault[0]
        if kind == "429":
            return self.answer_429(fault)
        if kind.isdigit():
            return self.send(int(kind), b'{"msg":"no"}', [("Location", "http://127.0.0.1:1/")] if kind[0] == "3" else [])
        if kind in BODIES:
            return self.send(200, BODIES[kind])
        if kind == "echo":
            return self.send(400, str(self.headers).encode())
        if kind == "drip":
            return self.drip(body, float(fault[1]))
        if kind == "hang":
            time.sleep(60)
        elif kind == "half":
            self.part(body, len(body) // 2)
        elif kind == "flood":
            return self.flood()
        return self.end()

    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = next_fault()
        self.note(fault, sent)
        if fault[0] == "slow":
            time.sleep(float(fault[1]))
        try:
            body = self.right_answer(fault)
            if fault[0] in ("ok", "slow", "late", "jump"):
                return self.send(200, body)
            return self.misbehave(fault, body)
        except OSError:
            return self.end()

    do_POST = do_GET


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print("ready", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
