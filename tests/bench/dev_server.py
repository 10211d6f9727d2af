# SPDX-License-Identifier: Apache-2.0
"""What a development server in the manner of Vite sends: a page of many small modules, which import each other
and so are found one level after the other, and a few large ones of dependencies.

Nothing is compressed, small modules are revalidated each time, and the same sources give the same bytes. The code
is that of Debian's JavaScript libraries, as comments: what is measured is the way here, not the browser's compiler.
"""

import asyncio
import glob
import os
import threading
import zlib

LIBRARIES = "/usr/share/javascript"
FANOUT = (12, 6, 3)  # of each level: 12 + 72 + 216 modules
SMALL_BYTES = (1000, 9000)
DEPENDENCIES = {"react": 25_000, "react-dom": 900_000, "router": 120_000, "editor": 450_000}
IMMUTABLE = "max-age=31536000,immutable"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
PAGE = b"""<!DOCTYPE html><html><head><meta charset=utf-8><title>Modules</title>
<link rel=stylesheet href=/src/style.css><script type=module src=/src/main.js></script></head>
<body><div id=root></div></body></html>
"""


def read_code():
    files = sorted(glob.glob(os.path.join(LIBRARIES, "codemirror", "**", "*.js"), recursive=True))
    code = []
    for path in files:
        with open(path, "rb") as file:
            code.append(file.read().replace(b"*/", b"* /"))
    return b"".join(code)


def make_files():
    """path -> (type, Cache-Control, body)"""
    code = read_code()
    place = 0

    def take(size):
        nonlocal place
        place = (place + size) % (len(code) - max(DEPENDENCIES.values()))
        return b"/*" + code[place : place + size] + b"*/\n"

    files = {"/": ("text/html", "no-cache", PAGE)}
    files["/src/style.css"] = ("text/css", "no-cache", take(40_000))
    for name, size in DEPENDENCIES.items():
        files[f"/deps/{name}.js"] = ("text/javascript", IMMUTABLE, b"export default 0;\n" + take(size))

    def add(name, level):
        """Returns the number of modules that it leads to."""
        children = [f"{name}-{n}" for n in range(FANOUT[level])] if level < len(FANOUT) else []
        text = "".join(f"import m{n} from '/src/{child}.js';\n" for n, child in enumerate(children))
        count = 1 + sum(add(child, level + 1) for child in children)
        smallest, largest = SMALL_BYTES
        body = f"{text}export default {count};\n".encode() + take(smallest + len(files) * 997 % (largest - smallest))
        files[f"/src/{name}.js"] = ("text/javascript", "no-cache", body)
        return count

    add("app", 0)
    imports = "".join(f"import '/deps/{name}.js';\n" for name in DEPENDENCIES)
    main = f"{imports}import count from '/src/app.js';\ndocument.getElementById('root').dataset.modules = count;\n"
    files["/src/main.js"] = ("text/javascript", "no-cache", main.encode())
    return files


def make_response(content_type, cache, body):
    fields = [
        "HTTP/1.1 200 OK",
        f"Content-Type: {content_type}",
        f"Cache-Control: {cache}",
        f'ETag: W/"{len(body):x}-{zlib.crc32(body):x}"',
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + body


class Connection(asyncio.Protocol):
    """Requests without bodies, one after the other."""

    def __init__(self, responses):
        self._responses = responses
        self._received = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            path = head.split(b" ", 2)[1].partition(b"?")[0].decode()
            self._transport.write(self._responses.get(path, NOT_FOUND))


class Server:
    """On a port of the kernel's choice. responses: path -> bytes."""

    def __init__(self, responses):
        self._loop = asyncio.new_event_loop()
        listening = self._loop.create_server(lambda: Connection(responses), "127.0.0.1", 0)
        self._server = self._loop.run_until_complete(listening)
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def stop(self):
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


class DevServer(Server):
    """Its page can be used when #root has data-modules."""

    path = "/"
    ready = "#root[data-modules]"

    def __init__(self):
        super().__init__({path: make_response(*file) for path, file in make_files().items()})
        self.upstream = f"http://127.0.0.1:{self.port}"
