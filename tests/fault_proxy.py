"""An HTTP proxy on 127.0.0.1 before a real S3 server, which does to requests what bad networks and servers do."""

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = Callable[["_Handler"], None]
FOR_EVER = 10**9


@dataclass
class Plan:
    """Which requests get which fault: the first `times` of those with this method whose path contains `part`."""

    fault: Fault
    method: str = ""
    part: str = ""
    times: int = FOR_EVER
    after: int = 0  # of them go through first

    def meets(self, method: str, path: str) -> bool:
        return self.method in ("", method) and self.part in path


@dataclass
class FaultProxy:
    """A running proxy. Requests are counted as they come, those that are spoiled too."""

    endpoint: str
    upstream: str
    plans: list[Plan] = field(default_factory=list)
    spoiled: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for plan in self.plans:
                if plan.meets(method, path):
                    if plan.after > 0:
                        plan.after -= 1
                    elif plan.times > 0:
                        plan.times -= 1
                        self.spoiled.append(f"{method} {path}")
                        return plan.fault
        return None

    def mend(self) -> None:
        """No more faults."""
        with self.lock:
            self.plans.clear()
            self.spoiled.clear()


def says(status: int, code: str) -> Fault:
    """The server answers with an error."""

    def fault(handler: "_Handler") -> None:
        handler.take_body()
        handler.answer(status, f"<Error><Code>{code}</Code><Message>{code}, said the test</Message></Error>".encode())

    return fault


def hang(handler: "_Handler") -> None:
    """A black hole: nothing comes back."""
    handler.proxy.stop.wait(60)
    handler.close_connection = True


def reset_while_sending(handler: "_Handler") -> None:
    """The connection breaks in the middle of what the client sends."""
    handler.rfile.read(int(handler.headers.get("Content-Length", 0)) // 2)
    handler.reset()


def lose_the_answer(handler: "_Handler") -> None:
    """The server does what it is asked, and its answer is lost on the way."""
    handler.ask_upstream()
    handler.reset()


def cut_the_answer(handler: "_Handler") -> None:
    """The connection breaks in the middle of what the server sends."""
    status, headers, body = handler.ask_upstream()
    handler.send_head(status, headers, len(body))
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.reset()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy  # set by the class that `fault_proxy` makes

    def _handle(self) -> None:
        fault = self.proxy.fault_for(self.command, self.path)
        if fault is not None:
            fault(self)
            return
        try:
            status, headers, body = self.ask_upstream()
        except (OSError, http.client.HTTPException):  # the server is down: so is the connection to it
            self.reset()
            return
        self.send_head(status, headers, int(dict(headers).get("Content-Length", len(body))))
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - names that http.server asks for

    def take_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def ask_upstream(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """The request as it came, its Host too: the client's signature covers it."""
        body = self.take_body()
        connection = http.client.HTTPConnection(urlsplit(self.proxy.upstream).netloc, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                connection.putheader(name, value)
        connection.endheaders(body)
        reply = connection.getresponse()
        answer = reply.status, reply.getheaders(), reply.read()
        connection.close()
        return answer

    def send_head(self, status: int, headers: list[tuple[str, str]], length: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def answer(self, status: int, body: bytes) -> None:
        self.send_head(status, [("Content-Type", "application/xml")], len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self) -> None:
        """Break the connection off as a cable that is pulled: no orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        self.rfile = self.wfile = _Gone()  # type: ignore[assignment]

    def log_message(self, *words: object) -> None: ...


class _Gone:
    """What is left of a connection that was reset."""

    closed = True

    def flush(self) -> None: ...

    def close(self) -> None: ...


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy before `upstream`, without faults to begin with."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy = handler.proxy = FaultProxy(f"http://127.0.0.1:{server.server_port}", upstream)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop.set()
        server.shutdown()
        server.server_close()
