"""What stands before a Soroban RPC of the devnet: the port, and every trouble that a network can make on the way."""

import threading
import time
from typing import Any

from devnet.faults import FaultBoard
from devnet.http import Answer, Drop, JsonServer, Request, Route
from devnet.soroban.envelopes import Unreadable, parse
from devnet.soroban.errors import INTERNAL, INVALID_REQUEST

_GARBAGE = {
    "html": b"<html><body>Bad gateway</body></html>",
    "cut": b'{"jsonrpc": "2.0", "id": ',
    "empty": b"",
}
_TEXT = {"Content-Type": "text/plain"}


class RpcFront(JsonServer):
    """Faults match on method, transaction hash, source, contract and function, in this order."""

    def __init__(self, faults: FaultBoard, *, port: int = 0) -> None:
        super().__init__([Route("POST", r"/.*", self._serve)], port=port)
        self._faults = faults
        self._lock = threading.Lock()
        self._is_wanted = False
        faults.on_change(self._obey_down)

    def answered(self, name: str, params: Any, identity: Any, subject: str) -> Answer:
        """The answer to one question, by whoever knows it."""
        raise NotImplementedError

    def start(self) -> None:
        """Takes the port even when `soroban.down` is on, so that the address is the same afterwards."""
        with self._lock:
            self._is_wanted = True
            super().start()
        self._obey_down()

    def stop(self) -> None:
        with self._lock:
            self._is_wanted = False
            super().stop()

    def failure(self, request: Request, error: Exception) -> Answer:
        return error_answer(None, INTERNAL, f"{type(error).__name__}: {error}")

    def _serve(self, request: Request) -> Answer:
        asked = request.json()
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return error_answer(None, INVALID_REQUEST, "Invalid request")
        name, params = asked["method"], asked.get("params") or {}
        subject = f"{name} {_detail(params)}"
        trouble = self._trouble(subject)
        if trouble:
            return trouble
        answer = self.answered(name, params, asked.get("id"), subject)
        if name == "sendTransaction" and self._faults.hit("soroban.drop_reply", subject) is not None:
            raise Drop
        return answer

    def _trouble(self, subject: str) -> Answer | None:
        time.sleep(self._faults.delay("soroban", subject))
        fault = self._faults.hit("soroban.error_rate", subject)
        if fault is not None:
            wait = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
            return Answer(int(fault.get("status", 503)), b"trouble was switched on", _TEXT | wait)
        garbage = self._faults.hit("soroban.garbage", subject)
        if garbage is None:
            return None
        mode = str(garbage.get("mode", "html"))
        return Answer(200, b"null" if mode == "null" else _GARBAGE[mode])

    def _obey_down(self) -> None:
        with self._lock:
            if self._faults.peek("soroban.down") is not None:
                super().stop()
            elif self._is_wanted:
                super().start()


def error_answer(identity: Any, code: int, message: str) -> Answer:
    return Answer(200, {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}})


def _detail(params: Any) -> str:
    """What else a fault may match on."""
    if not isinstance(params, dict):
        return ""
    if "transaction" not in params:
        return str(params.get("hash", ""))
    try:
        return parse(str(params["transaction"])).subject
    except Unreadable:
        return ""
