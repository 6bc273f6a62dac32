"""Small base for the devnet's loopback HTTP servers.

One answer leaves in one send with Nagle off: headers and body in two sends cost about 40 ms each on loopback.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    target: str
    params: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The decoded body; raises Halt(400) when it is not JSON."""
        try:
            return json.loads(self.body or b"null")
        except ValueError as error:
            raise Halt(Answer(400, {"error": f"the body is not JSON: {error}"})) from error

    def first(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)

    def header(self, name: str, default: str = "") -> str:
        return self.headers.get(name.lower(), default)


@dataclass(frozen=True, slots=True)
class Answer:
    """A body of bytes goes out as it is, None as an empty body, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def payload(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Halt(Exception):
    """Ends a handler early with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


class Drop(Exception):
    """Closes the connection without an answer, as a lost reply looks to the client."""


Handler = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` is a regular expression for the whole path; named groups become `request.params`."""

    method: str
    pattern: str
    handler: Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, port: int, owner: "JsonServer") -> None:
        self.owner = owner
        self.open_sockets: set[socket.socket] = set()
        super().__init__((LOOPBACK, port), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """A stopped server must not go on answering on kept-alive connections."""
        for connection in list(self.open_sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news here; handler errors are answered with 500 below."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "devnet"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _serve(self) -> None:
        try:
            answer = self.server.owner.answer(self._request())
        except Drop:
            self.close_connection = True
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        return Request(
            method=self.command,
            path=parts.path,
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={key.lower(): value for key, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
            target=self.path,
        )

    def _send(self, answer: Answer) -> None:
        payload = answer.payload()
        self.send_response(answer.status)
        given = {key.lower() for key in answer.headers}
        for key, value in answer.headers.items():
            self.send_header(key, value)
        if payload and "content-type" not in given:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Access lines would drown the output of `make demo`."""


class JsonServer:
    """A loopback server over a route table; subclasses override `before` for faults and latency.

    `before` may sleep, return an answer instead of the handler's, or raise Halt or Drop; `after` sees the
    answer and may raise Drop: accepted, but the reply was lost.
    """

    def __init__(self, routes: Sequence[Route] = (), *, port: int = 0) -> None:
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._routes: list[tuple[Route, re.Pattern[str]]] = []
        self.add_routes(routes)

    def add_routes(self, routes: Sequence[Route]) -> None:
        self._routes += [(route, re.compile(route.pattern)) for route in routes]

    def start(self) -> None:
        if self._server:
            return
        self._server = _Server(self._port, self)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        server, self._server = self._server, None
        if not server:
            return
        server.shutdown()
        server.server_close()
        server.close_connections()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    def before(self, request: Request) -> Answer | None:
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        return answer

    def not_found(self, request: Request) -> Answer:
        return Answer(404, {"error": f"no such address: {request.method} {request.path}"})

    def failure(self, request: Request, error: Exception) -> Answer:
        return Answer(500, {"error": f"{type(error).__name__}: {error}"})

    def answer(self, request: Request) -> Answer:
        """The answer of one request; only Drop passes through."""
        try:
            return self.after(request, self.before(request) or self._dispatch(request))
        except Halt as halt:
            return halt.answer
        except Drop:
            raise
        except Exception as error:
            return self.failure(request, error)

    def _dispatch(self, request: Request) -> Answer:
        for route, pattern in self._routes:
            match = pattern.fullmatch(request.path)
            if match and route.method == request.method:
                found = {key: value for key, value in match.groupdict().items() if value is not None}
                return route.handler(_with_params(request, found))
        return self.not_found(request)


def _with_params(request: Request, params: Mapping[str, str]) -> Request:
    return Request(
        request.method, request.path, request.query, request.headers, request.body, request.target, params
    )
