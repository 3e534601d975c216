"""An HTTP server on the loopback that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """Serves `files` (name -> content).

    Attributes:
        ranges: knows Range; otherwise every answer is the whole file.
        tag: ETag of every file; heedless: does not look at If-Range.
        cut: name -> bytes of the body after which the connection is closed, one entry an answer.
        reset: a cut connection is reset, not closed.
        statuses: answers to give before anything else, one a request.
        shifted: answers ranges from one byte too far.
        lengths: tell Content-Length.
        asked: (name, Range header) of every request.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.ranges, self.tag, self.lengths = files, True, '"1"', True
        self.cut: dict[str, list[int]] = {}
        self.statuses: list[int] = []
        self.shifted = self.reset = self.heedless = False
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.rsplit("/", 1)[-1]
        wanted = handler.headers.get("Range")
        self.asked.append((name, wanted))
        if self.statuses:
            return handler.send_error(self.statuses.pop(0))
        if name not in self.files:
            return handler.send_error(404)
        content, start = self.files[name], 0
        same = self.heedless or handler.headers.get("If-Range") in (None, self.tag)
        if wanted and self.ranges and same:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) + self.shifted  # type: ignore[index]
            if start >= len(content):
                return handler.send_error(416)
            handler.send_response(206)
            total = f"bytes {start}-{len(content) - 1}/{len(content)}"
            handler.send_header("Content-Range", total)
        else:
            handler.send_response(200)
        body = content[start:]
        if self.lengths:
            handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", self.tag)
        handler.end_headers()
        cuts = self.cut.get(name)
        handler.wfile.write(body[: cuts.pop(0)] if cuts else body)
        if cuts is not None and self.reset:
            time.sleep(0.05)  # what was sent arrives before
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
        return None


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    """A server on a free port while the block runs."""
    told = Server(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):  # a client that had enough hangs up
                told.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
