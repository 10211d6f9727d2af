# SPDX-License-Identifier: Apache-2.0
"""A server that answers, stalls and breaks off as its path says, for tests/unit/base/http/test_fetch*.c.

Arguments: two certificate files with keys inside. Prints three ports: plain, TLS with the first,
TLS with the second. Ends when its standard input closes.
"""

import os
import socket
import ssl
import struct
import sys
import threading
import time

lock = threading.Lock()
counts = {"vanish": 0, "connections": 0, "running": 0, "peak": 0}


def count(name, step=1):
    with lock:
        counts[name] += step
        counts["peak"] = max(counts["peak"], counts["running"])
        return counts[name]


def reply(conn, status, body=b"", extra=b""):
    conn.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), extra, body))


def head_only(conn, length):
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)


def for_ever(conn, data, pause=0.0):
    while True:
        conn.sendall(data)
        time.sleep(pause)


def wait_for_end(conn):
    while conn.recv(65536):
        pass


def delayed(conn):
    count("running")
    time.sleep(0.05)
    count("running", -1)
    reply(conn, b"200 OK", b"late")


def endless_chunks(conn):
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for_ever(conn, b"1000\r\n" + b"x" * 4096 + b"\r\n")


def drip(conn):
    head_only(conn, 10000)
    for_ever(conn, b"x", 0.02)


def stall(conn):
    head_only(conn, 100)
    conn.sendall(b"some")
    wait_for_end(conn)


def redirect_late(conn):
    conn.sendall(b"HTTP/1.1 302 Found\r\nLocation: ok?a=b\r\nContent-Length: 100\r\n\r\n")
    wait_for_end(conn)


def reset(conn):
    head_only(conn, 100)
    conn.sendall(b"some")
    time.sleep(0.05)
    raw = conn.detach() if isinstance(conn, ssl.SSLSocket) else conn.fileno()
    linger = socket.socket(fileno=os.dup(raw))
    linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()
    linger.close()


def cut(conn):
    head_only(conn, 100)
    conn.sendall(b"some")
    conn.close()


def vanish(conn):
    count("vanish")
    conn.close()


ANSWERS = {
    "/ok": lambda c: reply(c, b"200 OK", b'{"a":1}', b"Content-Type: application/json\r\n"),
    "/none": lambda c: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "/silent": wait_for_end,
    "/drip": drip,
    "/stall": stall,
    "/large": lambda c: (head_only(c, 10_000_000), for_ever(c, b"x" * 4096)),
    "/chunks": endless_chunks,
    "/heads": lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\n"), for_ever(c, b"X-More: of this\r\n" * 200)),
    "/continue": lambda c: for_ever(c, b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "/reset": reset,
    "/cut": cut,
    "/vanish": vanish,
    "/garbage": lambda c: (c.sendall(b"this is not HTTP at all\r\n\r\n"), c.close()),
    "/redirect": lambda c: reply(c, b"302 Found", b"", b"Location: /ok\r\n"),
    "/redirect-late": redirect_late,
    "/busy": lambda c: reply(c, b"503 Service Unavailable", b"", b"Retry-After: 17\r\n"),
    "/patient": lambda c: reply(c, b"429 Too Many", b"", b"Retry-After: 99999999\r\n"),
    "/delay": delayed,
    "/vanished": lambda c: reply(c, b"200 OK", b"%d" % counts["vanish"]),
    "/connections": lambda c: reply(c, b"200 OK", b"%d" % counts["connections"]),
    "/peak": lambda c: reply(c, b"200 OK", b"%d" % counts["peak"]),
}


def read_request(conn):
    data = b""
    while b"\r\n\r\n" not in data:
        more = conn.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += conn.recv(65536)
    return head + b"\r\n\r\n" + body


def serve(conn, context):
    try:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            conn = context.wrap_socket(conn, server_side=True)
        count("connections")
        while (request := read_request(conn)) is not None:
            path = request.split(b" ", 2)[1].decode().partition("?")[0]
            if path.startswith("http://"):  # as a proxy is asked
                path = "/" + path.split("/", 3)[3]
            if request.startswith(b"CONNECT needs-password.test:443 "):
                reply(conn, b"407 Proxy Authentication Required")
            elif path == "/echo":
                reply(conn, b"200 OK", request)
            else:
                ANSWERS[path](conn)
    except OSError:
        pass
    finally:
        conn.close()


def accept(listener, context):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve, args=(conn, context), daemon=True).start()


def listen(cert):
    context = None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    return listener.getsockname()[1]


print(*(listen(cert) for cert in [None, *sys.argv[1:3]]), flush=True)
sys.stdin.read()
