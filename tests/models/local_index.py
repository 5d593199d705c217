"""A package index and a file server on 127.0.0.1, with the faults of a real network on demand."""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class LocalIndex:
    """`files`: served under /files/NAME and listed on the project page of the name before the first dash."""

    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)  # other digests than the right ones
    cut_after: dict[str, list[int]] = field(default_factory=dict)  # bytes after which each next answer breaks off
    requests: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)

    @property
    def simple(self) -> str:
        return f"{self.address}/simple/"

    def page(self, project: str) -> bytes:
        names = [name for name in self.files if re.split("[-]", name)[0].replace("_", "-") == project]
        digest = {name: self.digests.get(name, hashlib.sha256(self.files[name]).hexdigest()) for name in names}
        links = [f'<a href="{self.address}/files/{name}#sha256={digest[name]}">{name}</a>' for name in names]
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()


class _Handler(BaseHTTPRequestHandler):
    index: LocalIndex

    def do_GET(self) -> None:
        self.index.requests[self.path] += 1
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "simple" and self.index.page(name) != self.index.page(""):
            return self._answer(200, self.index.page(name), {"Content-Type": "text/html"})
        if kind == "files" and name in self.index.files:
            return self._file(name)
        return self._answer(404, b"", {})

    def _file(self, name: str) -> None:
        data = self.index.files[name]
        asked = self.headers.get("Range")
        if asked:
            self.index.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        body = data[start:]
        cuts = self.index.cut_after.get(name)
        self._answer(206 if asked else 200, body, {"Content-Length": str(len(body))}, cuts.pop(0) if cuts else None)

    def _answer(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def serve() -> Iterator[LocalIndex]:
    """A running server; it ends with the block."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.index = LocalIndex(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield handler.index  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()
