"""A web server of one process that answers from a script and writes down what it was asked."""

import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote


@dataclass(frozen=True)
class Say:
    """One answer; `drop` closes the connection instead, `trickle` sends a byte each so many seconds."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0
    drop: bool = False
    trickle: float = 0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: Any


class WebServer:
    """Answers come in the order of the script; the last one is given for ever."""

    def __init__(self, *script: Say) -> None:
        self.asked: list[Asked] = []
        self._script = list(script)
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def script(self, *answers: Say) -> None:
        self._script = list(answers)

    @property
    def paths(self) -> Sequence[str]:
        return [asked.path for asked in self.asked]

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _next(self, asked: Asked) -> Say:
        with self._lock:
            self.asked.append(asked)
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._respond(None)

            def do_POST(self) -> None:
                self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _respond(self, body: Any) -> None:
                say = server._next(Asked(self.command, unquote(self.path), body))
                time.sleep(say.wait)
                if say.drop:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(say.status)
                for name, value in {"Content-Length": str(len(say.content)), **say.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self._send(say)
                self.close_connection = self.close_connection or say.headers.get("Connection") == "close"

            def _send(self, say: Say) -> None:
                pieces = (
                    [say.content[at : at + 1] for at in range(len(say.content))]
                    if say.trickle
                    else [say.content]
                )
                try:
                    for piece in pieces:
                        self.wfile.write(piece)
                        time.sleep(say.trickle)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                return

        return Handler
